"""Each kind of text is told through the door of events, and looked for through every door out, by who has no right to
it: nothing is shown. Who has the right sees it, so that what looks can find.
"""

import asyncio
import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pyrage
import pytest
from anyio.from_thread import BlockingPortal

from services import SERVICES
from services.query.api.resources import FOLDED, INCLUDES, RESOURCES, TABLES
from shared.kafka.scan import bounds, scan
from shared.settings import Settings
from shared.topics import CHANGES, LOG, TIERS
from tests.services.query.changes_world import Client
from tests.services.query.stand import KEYS, Stand, group_plan, on, sent
from tests.services.query.test_real_changes import now, of_pages, stream
from tests.services.query.test_real_jobs import done
from tests.services.query.test_real_subscriptions import PATH, Sink, ask, until

Json = dict[str, Any]
pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
CUSTOMER, REP = "C-doors", "R-1"
KINDS = (
    *("purpose", "needs", "consensus", "follow_up", "about", "resolution", "override", "lifted", "void", "absence"),
    *("findings", "pains", "goal", "step", "outcome", "grant"),
)
"""Of profiles: pains; `goal` and `step` of a plan; override, lifted, void, absence and grant: why."""


OF_VISITS = {"purpose", "needs", "consensus", "follow_up", "about"}
"""Who may read the views that show these, by reference, reads them (ADR 31): by right."""
VIEWS = {"engagement", "contact_plan", "concerns"}
READERS = {"all", "reader", "own", "team", "owner", "hooks of one's own"}
"""Keys with customers:read and rows of R-1, whose customer it is."""


class ByRight(str):
    """What somebody is shown who may read the texts of visits and concerns."""

    __slots__ = ()


def text(kind: str) -> str:
    """What nothing else says."""
    return f"zq{kind.replace('_', '')}qz"


def told(name: str) -> Iterator[Json]:
    """A text of each kind."""
    said = {kind: text(kind) for kind in KINDS}
    visit: Json = {"visit_id": f"v-{name}", **{field: said[field] for field in ("purpose", "needs", "consensus")}}
    visit |= {"follow_ups": [{"what": said["follow_up"]}]}
    plan = group_plan(CUSTOMER, name)
    plan["data"] |= {"market_goal": said["goal"]}
    plan["data"]["steps"][0]["what"] = said["step"]
    given = {"tier": "strategic", "expires_on": on(100), "reason": said["override"]}
    grant = {"grant_id": f"g-{name}", "grantee": "R-5", "expires_on": on(60), "purpose": said["grant"]}
    absence = {"absence_id": f"a-{name}", "from_on": on(-3), "to_on": on(-2), "reason": said["absence"]}
    bought = {"purchase_id": f"p-{name}", "amount": "10.00"}
    void = {"kind": "purchase", "record_id": f"p-{name}", "reason": said["void"]}
    yield sent("customer.registered", CUSTOMER, f"cr-{name}", 90, name="门")
    yield sent("account.assigned", CUSTOMER, f"as-{name}", 80, account_manager=REP, from_on=on(-80))
    yield sent("tier.overridden", CUSTOMER, f"o-{name}", 30, **given)
    yield sent("tier_override.lifted", CUSTOMER, f"l-{name}", 29, reason=said["lifted"])
    yield sent("tier.overridden", CUSTOMER, f"o2-{name}", 28, **given)
    yield sent("visit.logged", CUSTOMER, f"v-{name}", 5, **visit)
    yield sent("concern.raised", CUSTOMER, f"c-{name}", 4, concern_id=f"c-{name}", about=said["about"])
    yield sent("concern.resolved", CUSTOMER, f"s-{name}", 3, concern_id=f"c-{name}", resolution=said["resolution"])
    yield sent("service.delivered", CUSTOMER, f"d-{name}", 3, delivery_id=f"d-{name}", outcome=said["outcome"])
    yield plan
    review = {"review_id": f"w-{name}", "plan_id": f"gp-{name}", "findings": said["findings"]}
    yield sent("plan.reviewed", CUSTOMER, f"w-{name}", 2, **review)
    yield sent("profile.revised", CUSTOMER, f"pr-{name}", 2, items=[{"item": "pains", "text": said["pains"]}])
    yield sent("access.granted", CUSTOMER, f"g-{name}", 2, **grant)
    yield sent("representative.absent", REP, f"a-{name}", 4, **absence)
    yield sent("purchase.recorded", CUSTOMER, f"p-{name}", 3, **bought)
    yield {**sent("record.voided", CUSTOMER, f"vo-{name}", 1, **void), "revision": 2}


@dataclass
class Planted:
    """Where the texts were told. since: the position of changes before."""

    stand: Stand
    sink: Sink
    since: str
    folder: Path
    portal: BlockingPortal

    def read(self, topics: Iterable[str]) -> Iterator[str]:
        environment = self.stand.services.environment
        names = ("KAFKA_BOOTSTRAP", "TOPIC_PREFIX", "PARTITIONS")
        settings = Settings.model_validate({name.lower(): environment[f"GUANXI_{name}"] for name in names})

        async def records(topic: str) -> list[str]:
            held = await bounds(settings, settings.topic_prefix + topic)
            found = scan(settings, settings.topic_prefix + topic, held.begins, held.ends)
            return [
                f"{one.key!r} {one.value!r} {one.headers!r}" async for some in found for p in some.values() for one in p
            ]

        for topic in topics:
            yield from asyncio.run(records(topic))


@pytest.fixture(scope="module")
def planted(stand: Stand, tmp_path_factory: pytest.TempPathFactory, portal: BlockingPortal) -> Iterator[Planted]:
    made = Sink()
    thread = Thread(target=made.server.serve_forever)
    thread.start()
    hook = ask(stand, "POST", PATH, {"sink": made.url}).headers["Location"]
    until(lambda: ask(stand, "GET", hook).json()["data"]["status"] == "active", "it is active")
    since = now(stand)
    name = f"{datetime.now(UTC).timestamp()}"
    answer = stand.post([*told(name)])
    assert not answer["refused"], [one for one in answer["events"] if one["status"] == "refused"]
    stand.settle(answer)
    yield Planted(stand, made, since, tmp_path_factory.mktemp("doors"), portal)
    made.server.shutdown()
    thread.join()
    made.server.server_close()


# ---------------------------------------------------------------------------------------------- doors, by what they say


def views(planted: Planted) -> Iterator[str]:
    for service in SERVICES.values():
        for view in service.schema.views:
            said = f"{view.name}: {planted.stand.documents(view.name)}"
            yield ByRight(said) if view.name in VIEWS else said


NEEDED = {
    "subject": CUSTOMER,
    "q": text("pains")[:8],
    "from_on_after": on(-200),
    "from_on_before": on(1),
    "on": on(0),
    "week": datetime.now(UTC).date().strftime("%G-W%V"),
}


def api(planted: Planted) -> Iterator[str]:
    """All lists and tables and the customer whole, by every key; by some as CSV too."""
    paths = [f"/v1/{one.name}" for one in RESOURCES]
    asked: list[tuple[str, Json]] = [(path, {"size": "500"}) for path in paths]
    asked += [(f"/v1/{one.name}", {name: NEEDED[name] for name in one.needed}) for one in TABLES]
    files: list[tuple[str, Json]] = [(f"{path}.csv", {}) for path in paths]
    asked.append((f"/v1/customers/{CUSTOMER}?include={','.join(INCLUDES)}", {}))
    for key in KEYS:
        for path, parameters in (*asked, *(files if key in {"all", "auditor", "nobody"} else ())):
            said = f"{key} {path}: {planted.stand.get(path, key=key, **parameters).text}"
            yield ByRight(said) if key in READERS and _shows(path) else said


def _shows(path: str) -> bool:
    """Whether it reads one of the views that show texts of visits and concerns."""
    return "include=" in path or path.removesuffix(".csv").removeprefix("/v1/").replace("-", "_") in VIEWS


def text_door(planted: Planted) -> Iterator[str]:
    """The door to texts, by who has no right; what is refused names nothing. `lead` may be above the owner by now."""
    for key in sorted(KEYS.keys() - {"owner", "steward", "own", "lead"}):
        answer = planted.stand.texts(CUSTOMER, "pains", key=key)
        assert answer.status_code == HTTPStatus.FORBIDDEN, (key, answer.text)
        yield answer.text


def exports(planted: Planted) -> Iterator[str]:
    for one in FOLDED:
        query = {"timeline": f"customer={CUSTOMER}", "rep-weeks": f"week={NEEDED['week']}"}.get(one.name, "")
        asked = {"kind": "export", "resource": one.name, "format": "ndjson", "query": query}
        _, content = done(planted.stand, asked)
        said = f"{one.name}: {content.decode()}"
        yield ByRight(said) if _shows(one.path) else said


def changes(planted: Planted) -> Iterator[str]:
    """By page, and by stream: as many bytes as it takes for as many changes."""
    found, _ = of_pages(planted.stand, planted.since)
    yield json.dumps(found, ensure_ascii=False)
    client = Client(id=planted.since)
    with stream(planted.stand, planted.since) as data:
        for part in data:
            client.take(part)
            yield part.decode(errors="replace")
            if len(client.had) >= len(found):
                break


def webhook(planted: Planted) -> Iterator[str]:
    found, _ = of_pages(planted.stand, planted.since)
    last = [one["sequence"] for one in found if one["subject"] == CUSTOMER][-1]

    def is_told() -> bool:
        return any(one.get("sequence") == last for one in planted.sink.of("guanxi.") if one["subject"] == CUSTOMER)

    until(is_told, f"the webhook is told {last}")
    yield from (f"{headers} {body!r}" for headers, body in planted.sink.taken)


def topics(planted: Planted) -> Iterator[str]:
    return planted.read((LOG.name, TIERS.name, CHANGES.name))


def metrics(planted: Planted) -> Iterator[str]:
    for name in planted.stand.services.names:
        yield httpx.get(f"{planted.stand.url(name)}/metrics", trust_env=False, timeout=60).text


def log_lines(planted: Planted) -> Iterator[str]:
    for file in planted.stand.folder.rglob("*.log"):
        yield f"{file}: {file.read_text(encoding='utf-8', errors='replace')}"


def sealed_backup(planted: Planted) -> Iterator[str]:
    """To who has not its key."""
    folder, identity = planted.folder / "backup", pyrage.x25519.Identity.generate()
    words = ("backup", str(folder), "--to", str(identity.to_public()))
    planted.portal.call(lambda: planted.stand.services.command(*words, timeout_s=120))
    opened = ""
    for file in filter(Path.is_file, folder.rglob("*")):
        content = file.read_bytes()
        yield f"{file} {content!r}"
        if file.name.startswith("texts"):
            opened += gzip.decompress(pyrage.decrypt(content, [identity])).decode(errors="replace")
    assert all(text(kind) in opened for kind in KINDS), "who has the key reads them"


DOORS: dict[str, Callable[[Planted], Iterator[str]]] = {
    one.__name__: one
    for one in (views, api, text_door, exports, changes, webhook, topics, metrics, log_lines, sealed_backup)
}


@pytest.mark.parametrize("door", DOORS)
def test_no_door_shows_a_text_without_the_right(door: str, planted: Planted) -> None:
    said = [*DOORS[door](planted)]
    assert sum(map(len, said)) > len(said) > 0, "the door says something"
    shown = {(kind, one[:80], isinstance(one, ByRight)) for one in said for kind in KINDS if text(kind) in one}
    by_right = {one for one in shown if one[2] and one[0] in OF_VISITS}
    assert shown - by_right == set()
    assert bool(by_right) is (door in {"views", "api", "exports"}), "who may read them does"


def test_who_has_the_right_sees_it(planted: Planted) -> None:
    for key in ("owner", "steward"):
        (item,) = planted.stand.texts(CUSTOMER, "pains", key=key).json()["data"]["items"]
        assert item == {"item": "pains", "state": "text", "text": text("pains")}, key
    stored = {one.get("text") for one in planted.stand.documents("texts")}
    assert {text(kind) for kind in KINDS} <= stored, "each kind is where erasing finds it"
