"""`guanxi verify` on a living system: silent while all is well, and each planted mistake found in words.

The tests share one system. What is planted in MongoDB is taken out again; what is planted on the log stays, so these
come last and have customers of their own.
"""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from anyio.from_thread import BlockingPortal
from pydantic import SecretStr

from operations.verify.findings import Report
from operations.verify.sample import Sample
from services import SERVICES
from shared.events.decisions import TierChanged
from shared.events.event import Position
from shared.events.registry import NAMES
from tests.events.wire import event
from tests.operations.verify.harm import LastDecisions, decision, fact, on_partition, purchase
from tests.operations.verify.load import CUSTOMERS, live, outgoing
from tests.operations.verify.world import PARTITIONS, World, told

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


def test_a_healthy_system_has_no_differences_while_traffic_goes_on(world: World, portal: BlockingPortal) -> None:
    async def look() -> Report:
        async def traffic() -> None:
            for seed in range(100, 110):
                await world.send(live(PARTITIONS, seed, count=60))
                await asyncio.sleep(0.05)

        await world.reviewed()  # what was due, engagement decides when a sweep has come by
        sending = asyncio.create_task(traffic())
        report = await world.verify()
        await sending
        return report

    report = portal.call(look)
    assert report.findings == []
    assert report.unchecked == []
    assert report.looked_at["customers of tiering"] > CUSTOMERS
    assert report.looked_at["decisions of tiering"] > CUSTOMERS
    assert report.looked_at["decisions of engagement"] > 0
    assert report.looked_at["duplicates on the inbox"] > 0
    portal.call(world.settled)


@pytest.mark.release("tests/faults kills all services in CI, and compares all documents with the log")
def test_crashes_of_all_services_leave_no_differences(world: World, portal: BlockingPortal) -> None:
    async def look() -> Report:
        async def traffic() -> None:
            for seed in range(200, 212):
                await world.send(live(PARTITIONS, seed, count=80))
                await asyncio.sleep(0.1)

        sending = asyncio.create_task(traffic())
        for name in ("ingest", "tiering", "engagement", "ingest"):
            await asyncio.sleep(0.2)
            await world.services.kill(name)
            await world.services.start(name)
        await sending
        await world.settled()
        return await world.verify()

    report = portal.call(look)
    assert report.findings == []
    assert report.looked_at["customers of engagement"] > CUSTOMERS


def test_the_command_says_so_in_words_and_as_json_with_its_exit_code(world: World, portal: BlockingPortal) -> None:
    code, out, err = portal.call(world.guanxi, "verify", "--sample", "50%")
    assert (code, "no differences" in out) == (0, True), out + err
    code, out, err = portal.call(world.guanxi, "verify", "tiering", "--json", "--quiet")
    assert (code, json.loads(out)["differences"], err) == (0, 0, "")
    code, out, err = portal.call(world.guanxi, "verify", "everything")
    assert (code, "no such check" in err) == (2, True)


def test_a_sample_and_parts_of_a_partition_look_at_the_same_customers(world: World, portal: BlockingPortal) -> None:
    whole = portal.call(world.verify)

    async def others() -> tuple[Report, Report]:
        return await world.verify(at_once=100), await world.verify(sample=Sample(percent=40))

    in_parts, some = portal.call(others)
    assert in_parts.findings == some.findings == []
    for what in ("customers of tiering", "documents of engagement", "decisions of tiering"):
        assert in_parts.looked_at[what] == whole.looked_at[what]
        assert 0 < some.looked_at[what] < whole.looked_at[what]


def test_a_repeat_with_names_and_texts_is_one_for_who_has_not_their_key(world: World, portal: BlockingPortal) -> None:
    """Such as the worker, which verifies for the console."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    visit = outgoing("customer:C-key", event("visit.logged", id="by-key", subject="C-key", time=now), PARTITIONS)
    without = world.settings.model_copy(update={"person_key": SecretStr("of another deployment")})

    async def look() -> Report:
        await world.send([visit, visit])
        await world.settled()
        return await replace(world, settings=without).verify("log")

    assert portal.call(look).findings == []


def test_a_changed_field_of_a_state_is_found(world: World, portal: BlockingPortal) -> None:
    paths = ["fold:standing", "net_365d", "version", "due_at", "log.offset"]

    async def look() -> tuple[list[str], Report]:
        await world.reviewed()
        collection = world.database["tiering_g1"]
        query = {"version": {"$gt": 0}}
        documents = await collection.find(query).to_list(len(paths))
        try:
            for document, path in zip(documents, paths, strict=True):
                await collection.update_one({"_id": document["_id"]}, {"$set": {path: 4_711}})
            return [document["_id"] for document in documents], await world.verify("views")
        finally:
            for document in documents:
                await collection.replace_one({"_id": document["_id"]}, document)

    customers, report = portal.call(look)
    found = {one.subject: one for one in told(report, "state_differs")}
    assert found.keys() == {f"customer:{customer}" for customer in customers}
    for customer, path in zip(customers, paths, strict=True):
        assert f"{path} 4711, should be " in found[f"customer:{customer}"].said


def test_a_missing_and_an_invented_document_are_found(world: World, portal: BlockingPortal) -> None:
    async def look() -> tuple[str, Report]:
        collection = world.database["engagement_g1"]
        document = await world.one("engagement_g1")
        try:
            await collection.delete_one({"_id": document["_id"]})
            await collection.insert_one({**document, "_id": "nobody"})
            return document["_id"], await world.verify("views")
        finally:
            await collection.delete_one({"_id": "nobody"})
            await collection.insert_one(document)

    customer, report = portal.call(look)
    assert {(one.kind, one.subject) for one in report.findings} == {
        ("not_stored", f"customer:{customer}"),
        ("only_stored", "customer:nobody"),
    }


def test_deleted_and_invented_rows_are_found(world: World, portal: BlockingPortal) -> None:
    names = ["tier_history_g1", "tiering_listed_g1", "visit_rows_g1", "account_rows_g1"]

    async def look() -> tuple[list[str], Report]:
        rows = [await world.one(name) for name in names]
        try:
            for name, row in zip(names, rows, strict=True):
                invented = {**row, "_id": "invented", **({"version": 99} if "version" in row else {})}
                await world.database[name].delete_one({"_id": row["_id"]})
                await world.database[name].insert_one(invented)
            return [row["_id"] for row in rows], await world.verify("views")
        finally:
            for name, row in zip(names, rows, strict=True):
                await world.database[name].delete_one({"_id": "invented"})
                await world.database[name].insert_one(row)

    row_ids, report = portal.call(look)
    missing = {f"{name} {row_id} is missing" for name, row_id in zip(names, row_ids, strict=True)}
    assert {one.said for one in report.findings} == missing | {f"{name} invented must not exist" for name in names}
    assert report.differences == 2 * len(names)


def test_a_deleted_claim_and_an_invented_one_are_found(world: World, portal: BlockingPortal) -> None:
    async def look() -> tuple[str, Report]:
        claims = world.database["claims"]
        claim = await world.one("claims", {"key": "customer:C000001"})
        entry = {**claim["entries"][0], "position": "0/0/1000"}
        try:
            await claims.delete_one({"_id": claim["_id"]})
            await claims.insert_one({"_id": b"0" * 16, "v": 1, "key": "customer:C9", "entries": [entry]})
            await world.database["admission_positions"].update_one({"_id": "1/0"}, {"$set": {"offset": 1_001}})
            return claim["entries"][0]["position"], await world.verify("log")
        finally:
            await claims.delete_one({"_id": b"0" * 16})
            await claims.insert_one(claim)

    position, report = portal.call(look)
    assert {(one.kind, one.subject) for one in report.findings} == {
        ("logged_not_claimed", "customer:C000001"),
        ("claimed_not_logged", "customer:C9"),
    }
    (found,) = told(report, "logged_not_claimed")
    assert f"inbox {position[:-2]}" in (found.position or "")


def test_a_claim_under_a_wrong_id_does_not_hide_that_its_own_is_gone(world: World, portal: BlockingPortal) -> None:
    async def look() -> Report:
        claims = world.database["claims"]
        claim = await world.one("claims", {"key": "customer:C000001"})
        try:
            await claims.delete_one({"_id": claim["_id"]})
            await claims.insert_one({**claim, "_id": b"0" * 16})
            return await world.verify("log")
        finally:
            await claims.delete_one({"_id": b"0" * 16})
            await claims.insert_one(claim)

    report = portal.call(look)
    assert {(one.kind, one.subject) for one in report.findings} == {("claimed_as_another", "customer:C000001")}


def test_a_changed_week_of_the_calendar_is_found(world: World, portal: BlockingPortal) -> None:
    async def look() -> Report:
        weeks = world.database["weeks"]
        now = datetime.now(UTC)
        week, other = await weeks.find({"begins_at": {"$lt": now}}).sort("begins_at", -1).limit(2).to_list(2)
        try:
            await weeks.update_one({"_id": week["_id"]}, {"$pop": {"working": 1}})
            await weeks.delete_one({"_id": other["_id"]})
            return await world.verify("views")
        finally:
            await weeks.replace_one({"_id": week["_id"]}, week)
            await weeks.insert_one(other)

    report = portal.call(look)
    assert {one.kind for one in report.findings} == {"week_differs", "week_missing"}
    (found,) = told(report, "week_differs")
    assert "working" in found.said


def test_a_record_of_the_inbox_that_admission_skipped_is_found(world: World, portal: BlockingPortal) -> None:
    async def look() -> tuple[Report, Report]:
        await world.services.stop("ingest")
        skipped = purchase("C000002", "skipped-1")
        await world.send([skipped])
        positions = world.database["admission_positions"]
        where = {"_id": f"1/{skipped.partition}"}
        stored = await world.one("admission_positions", where)
        await positions.update_one(where, {"$inc": {"offset": 1}})
        found = await world.verify("log")
        await positions.replace_one(where, stored)
        await world.services.start("ingest")
        await world.settled()
        return found, await world.verify()

    broken, mended = portal.call(look)
    (found,) = broken.findings
    assert (found.kind, found.subject) == ("skipped", "customer:C000002")
    assert "skipped-1" in found.said
    assert mended.findings == []


def test_an_uncounted_refusal_is_found(world: World, portal: BlockingPortal) -> None:
    async def look() -> Report:
        await world.services.stop("ingest")
        sent = on_partition("customer:C000003", b"{no json", [("content-type", b"application/json")])
        await world.send([sent])
        positions = world.database["admission_positions"]
        where = {"_id": f"1/{sent.partition}"}
        stored = await world.one("admission_positions", where)
        await positions.update_one(where, {"$inc": {"offset": 1}})
        found = await world.verify("log")
        await positions.replace_one(where, stored)
        await world.services.start("ingest")
        await world.settled()
        return found

    (found,) = portal.call(look).findings
    assert found.kind == "lost_refusal"
    assert "not_json" in found.said


def test_a_wrong_tier_on_the_log_is_found_and_so_is_one_that_is_missing(world: World, portal: BlockingPortal) -> None:
    async def look() -> Report:
        last = (await LastDecisions.read(world)).events
        await world.append_to_log(
            [
                decision(last["C000010"], to_tier="strategic", computed_tier="strategic", cause="score"),
                decision(last["C000011"], version=last["C000011"].data.version + 2, after="0" * 32),
                decision(last["C000012"], version=last["C000012"].data.version + 2),
            ]
        )
        await world.settled()
        return await world.verify()

    report = portal.call(look)
    (wrong,) = told(report, "not_to_be_decided")
    assert wrong.subject == "customer:C000010"
    assert "→ strategic, because of score" in wrong.said
    assert wrong.said.endswith("would be: nothing")
    gaps = told(report, "gap_in_versions")
    assert [one.subject for one in gaps] == ["customer:C000011", "customer:C000012"]
    assert report.differences == 3


def test_a_decision_that_the_services_made_otherwise_is_found(world: World, portal: BlockingPortal) -> None:
    """The purchase asks for another decision than the one that comes after it, written by hand before the service's."""

    async def look() -> Report:
        await world.services.stop("tiering")
        await world.send([purchase("NEW-1", "first")])
        await world.settled("ingest")
        last = (await LastDecisions.read(world)).events["C000013"]
        first = last.data.model_copy(update={"version": 0, "to_tier": "potential"})
        last.subject, last.id, last.data = "NEW-1", "", first
        await world.append_to_log([decision(last, after=None, to_tier="partner", computed_tier="partner")])
        await world.services.start("tiering")
        await world.settled()
        return await world.verify("tiering")

    report = portal.call(look)
    (found,) = [one for one in report.findings if one.subject == "customer:NEW-1"]
    assert found.kind == "decided_differently"
    assert "potential → partner" in found.said
    assert "would be: potential → general, because of first_purchase" in found.said


def test_a_fact_that_readers_pass_over_is_found(world: World, portal: BlockingPortal) -> None:
    async def look() -> tuple[Report, Report]:
        before = await world.verify("log")
        await world.append_to_log([fact("C000020", "late-1", Position(1, 0, 3, 7))])
        await world.append_to_log([fact("C000021", "late-2", Position(1, 0, 2_000_000))])
        await world.settled()
        return before, await world.verify("log")

    before, report = portal.call(look)
    new = {(one.kind, one.subject) for one in set(report.findings) - set(before.findings)}
    assert ("passed_over", "customer:C000020") in new
    assert ("not_on_inbox", "customer:C000021") in new


def test_a_customer_that_froze_is_told_from_one_that_differs(world: World, portal: BlockingPortal) -> None:
    """A record that no program can read freezes its customer in the service and in the check alike."""

    async def look() -> tuple[Report, Report, Report]:
        before = await world.verify("views")
        headers = [("type", NAMES[TierChanged].encode())]
        await world.append_to_log([on_partition("customer:C000030", b"{no json", headers)])
        await world.send([purchase("C000030", "after-freezing")])
        await world.settled()
        frozen = await world.verify("views")
        collection = world.database["tiering_g1"]
        document = await world.one("tiering_g1", {"_id": "C000030"})
        await collection.update_one({"_id": "C000030"}, {"$unset": {"incomplete_since": ""}})
        thawed = await world.verify("views")
        await collection.replace_one({"_id": "C000030"}, document)
        return before, frozen, thawed

    before, frozen, thawed = portal.call(look)
    assert before.findings == frozen.findings == []
    assert frozen.looked_at["frozen customers, whose rows end where they froze"] == len(SERVICES.folding)
    (found,) = thawed.findings
    assert (found.kind, found.subject) == ("not_frozen", "customer:C000030")
