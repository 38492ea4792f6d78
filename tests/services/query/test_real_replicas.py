"""Three processes of query behind what balances request by request: nobody notices that the next answer comes from
another one.
"""

import dataclasses
from collections.abc import Iterator
from itertools import cycle

import pytest
from anyio.from_thread import BlockingPortal

from services.query.api.resources import RESOURCES, Resource
from tests.services.query.changes_world import Client
from tests.services.query.stand import Stand
from tests.services.query.test_real_api import NEEDED, every
from tests.services.query.test_real_changes import bought, follow, now, numbers, of_pages

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
FURTHER = ("query-2", "query-3")
CUSTOMERS = tuple(f"N-{number}" for number in range(4))
EACH = 6


@dataclasses.dataclass
class Balanced(Stand):
    """Each request goes to the next process."""

    turns: Iterator[str] = dataclasses.field(default_factory=lambda: cycle(("query", *FURTHER)))
    asked: list[str] = dataclasses.field(default_factory=list)

    def url(self, name: str = "query") -> str:
        if name == "query":
            name = next(self.turns)
            self.asked.append(name)
        return super().url(name)


@pytest.fixture(scope="module")
def balanced(stand: Stand, portal: BlockingPortal) -> Iterator[Balanced]:
    with portal.wrap_async_context_manager(stand.services.beside(*FURTHER)):
        yield Balanced(**{field.name: getattr(stand, field.name) for field in dataclasses.fields(Stand)})


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda one: one.name)
def test_pages_from_each_in_turn_have_each_row_once(resource: Resource, stand: Stand, balanced: Balanced) -> None:
    asked = NEEDED.get(resource.name, {})
    paged = every(balanced, resource.name, size=3, **asked)
    assert paged == every(stand, resource.name, size=500, **asked)


def test_what_was_written_is_read_at_whichever_is_asked(balanced: Balanced) -> None:
    for number in range(len(FURTHER) + 1):
        customer = f"balanced-{number}"
        position = balanced.post([bought(customer, f"balanced-{number}")])["position"]
        read = [
            balanced.get(f"/v1/customers/{customer}", after=position, headers={"Prefer": "wait=30"})
            for _ in range(len(FURTHER) + 1)
        ]
        assert {answer.json()["data"]["net_365d"] for answer in read} == {"5.00"}
        # As far as one was, the others have come.
        shown = read[0].headers["guanxi-position"]
        assert balanced.get(f"/v1/customers/{customer}", after=shown).status_code == 200


def test_an_answer_of_one_that_is_right_still_is_not_sent_again_by_another(balanced: Balanced) -> None:
    first = balanced.get("/v1/customers", size=2)
    for _ in FURTHER:
        again = balanced.get("/v1/customers", headers={"If-None-Match": first.headers["etag"]}, size=2)
        assert again.status_code == 304


@pytest.mark.parametrize("streamed", [True, False])
def test_who_follows_goes_on_at_another_without_a_gap(balanced: Balanced, *, streamed: bool) -> None:
    begun = now(balanced)
    client, token, found = Client(id=begun), begun, []
    for number in range(EACH):
        sent = [bought(customer, f"n-{streamed}-{customer}-{number}") for customer in CUSTOMERS]
        balanced.settle(balanced.post(sent))
        if streamed:
            follow(balanced, client, 10**9, cut_at=700 * number + 1)
        else:
            some, token = of_pages(balanced, token, size=3)
            found += some
    told, _ = of_pages(balanced, begun, size=500)
    wanted = numbers(told)
    assert all(len(wanted[customer]) >= EACH for customer in CUSTOMERS)
    if streamed:
        follow(balanced, client, sum(map(len, wanted.values())))
        assert client.resets == []
        assert sorted(client.had) == sorted((name, *one) for name, all_of in wanted.items() for one in all_of)
    else:
        assert numbers(found) == wanted
    assert {*balanced.asked} == {"query", *FURTHER}
