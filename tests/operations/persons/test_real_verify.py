"""`guanxi person verify`: says where a name is and why it may still be there, and never says the name."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from anyio.from_thread import BlockingPortal

from services.ingest.erasures import PEOPLE
from tests.operations.verify.world import World

pytestmark = pytest.mark.real

NAME = "Wilhelmine Prüfstein"


@asynccontextmanager
async def known(world: World, name: str) -> AsyncIterator[None]:
    """A person of this name."""
    of = {"key": "customer:C-1", "person_id": "p-verify"}
    await world.database[PEOPLE].insert_one({"_id": of, **of, "order": "1", "name": name})
    try:
        yield
    finally:
        await world.database[PEOPLE].delete_one({"_id": of})


def test_a_name_is_found_where_it_is_until_it_is_gone(world: World, portal: BlockingPortal) -> None:
    async def asked(name: str) -> tuple[int, str, str]:
        return await world.guanxi("person", "verify", "--name", name)

    async def while_known() -> tuple[int, str, str]:
        async with known(world, NAME):
            return await asked("  WILHELMINE   PRÜFSTEIN ")

    code, out, err = portal.call(while_known)
    places = [line for line in out.splitlines() if ": 0 of " not in line]
    assert (code, err, len(places)) == (1, "", 3), (out, err)
    assert places[0].startswith("people: 1 of ")
    assert places[0].endswith("another person of this name may be there; `guanxi person find` says who")
    assert places[1].startswith("not searched: backups")
    assert places[2] == "found in 1 places"
    assert "prüfstein" not in out.casefold()
    assert {"guanxi.log", "guanxi.inbox", "guanxi.rejected", "claims", "trail"} <= {
        line.partition(":")[0] for line in out.splitlines()
    }
    code, out, err = portal.call(asked, NAME)
    assert (code, err, out.splitlines()[-1]) == (0, "", "found nothing")
    code, _, err = portal.call(asked, "   ")
    assert (code, "a name has a visible character" in err) == (2, True)
