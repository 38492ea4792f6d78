"""Quick ones of `make faults`, so that a promise that breaks is seen with every change; and that the judge judges."""

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from anyio.from_thread import BlockingPortal

from local.stack import kafka, mongod
from tests.conftest import _is_set
from tests.faults import of_processes
from tests.faults.__main__ import FAULTS
from tests.faults.fault import Fault, Report, run, shared_servers
from tests.faults.reader import LEAST_READS
from tests.faults.servers import Servers
from tests.faults.stand import Stand

KILLS = 20

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def servers(portal: BlockingPortal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Servers of these tests' own, since they are broken on purpose."""
    reason = kafka.why_not() or mongod.why_not()
    if reason and _is_set("GUANXI_REQUIRE_REAL_KAFKA"):
        pytest.fail(f"faults need servers of their own: {reason}", pytrace=False)
    if reason:
        pytest.skip(f"faults need servers of their own: {reason}")
    with portal.wrap_async_context_manager(shared_servers(tmp_path_factory.mktemp("servers"))) as running:
        yield running


def play(portal: BlockingPortal, fault: Fault, servers: Servers, folder: Path) -> Report:
    with mock.patch.object(of_processes, "KILLS", KILLS):
        return portal.call(run, fault, servers, folder)


@pytest.mark.parametrize("name", ["kills", "poison"])
def test_every_promise_holds_through(name: str, portal: BlockingPortal, servers: Servers, tmp_path: Path) -> None:
    report = play(portal, FAULTS[name], servers, tmp_path)
    assert (report.error, report.verdict.broken) == ("", [])
    assert report.verdict.acknowledged > 50, "events flowed"
    assert report.verdict.documents > 50, "and were folded"
    assert report.read >= LEAST_READS, "and were read by whoever had sent them"


async def spoil(stand: Stand) -> None:
    """Somebody changes a document and takes a decision's history away, behind the services' back."""
    await stand.flow(3.0)
    stand.upstream.end()
    await stand.settled()
    rows = stand.stored.collection("tiering_g1")
    one = rows.find_one({"tier": {"$exists": True}})
    assert one is not None, "customers were registered"
    rows.update_one({"_id": one["_id"]}, {"$set": {"net_730d": "0.01"}})
    stand.stored.collection("tier_history_g1").delete_one({})
    stand.upstream.acknowledged[("shop", "purchase", "never sent"), 1] = "accepted"


def test_the_judge_finds_what_was_spoilt(portal: BlockingPortal, servers: Servers, tmp_path: Path) -> None:
    report = play(portal, Fault("spoilt", "spoilt", spoil), servers, tmp_path)
    found = " ".join(report.verdict.broken)
    assert not report.error
    assert "net_730d differ" in found
    assert "tier_history" in found
    assert "lost write" in found
