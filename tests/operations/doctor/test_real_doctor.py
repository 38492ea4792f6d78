"""`guanxi doctor` and `guanxi topics` on a living system: well while all is well, and each planted fault found with its
reason and its remedy. What is planted is taken out again.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from anyio.from_thread import BlockingPortal

from operations.doctor.run import examine
from operations.doctor.symptoms import Findings, Symptom
from operations.doctor.topics import look_at_positions
from operations.verify.meter import Meter
from operations.verify.sample import Sample
from shared.kafka.alter import TopicAdmin
from shared.kafka.inspect import inspect
from shared.kafka.scan import bounds
from shared.settings import Settings
from shared.topics import LOG, REJECTED, TIERS
from tests.operations.doctor.said import checks_with_symptoms, symptoms
from tests.operations.verify.load import live
from tests.operations.verify.world import PARTITIONS, POLICY, World

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


async def _examined(world: World, *, whole: bool = False, policy: Path = POLICY, **other: Any) -> Findings:
    settings = Settings.model_validate({**world.settings.model_dump(), **other})
    return await examine(settings, world.database, policy, Sample() if whole else None, Meter())


@asynccontextmanager
async def _changed(world: World, collection: str, key: Any, change: Mapping[str, Any]) -> AsyncIterator[None]:
    stored = await world.one(collection, {"_id": key})
    await world.database[collection].update_one({"_id": key}, {"$set": change})
    try:
        yield
    finally:
        await world.database[collection].replace_one({"_id": key}, stored)


def _only(found: Findings, check: str) -> list[str]:
    """What was found, where nothing else is wrong."""
    assert {symptom.check for symptom in symptoms(found)} == {check}, found.symptoms
    assert all(symptom.why and symptom.do for symptom in found.symptoms)
    return [symptom.what for symptom in symptoms(found)]


def test_all_is_well_at_first(world: World, portal: BlockingPortal) -> None:
    code, out, err = portal.call(world.guanxi, "doctor", "--quiet")
    assert (code, err) == (0, "")
    for check in ("topics", "schema", "policy", "positions", "quarantine", "clocks", "log", "views"):
        assert f"ok {check}" in out
    assert checks_with_symptoms(out) == set()
    assert "Kafka: " in out
    assert "MongoDB: " in out
    code, out, err = portal.call(world.guanxi, "topics")
    assert (code, "DRIFT" in out, err) == (0, False, "")
    assert f"partitions {PARTITIONS}, replicas 1" in out
    assert "kept       forever, compacted" in out
    assert "MB including replicas" in out


def test_a_changed_topic_setting_is_found_by_both(world: World, portal: BlockingPortal) -> None:
    name = REJECTED.full_name(world.settings)

    async def set_to(**config: str) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=world.settings.kafka_bootstrap)
        await admin.start()
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, config)])
        await admin.close()

    async def look() -> tuple[Findings, tuple[int, str, str]]:
        right = REJECTED.config()
        await set_to(**{**right, "retention.ms": "60000", "retention.bytes": "1000"})
        try:
            return await _examined(world), await world.guanxi("topics", "--json")
        finally:
            await set_to(**right)

    found, (code, out, _) = portal.call(look)
    assert _only(found, "topics") == [
        f"{name} retention.ms is 60000, not 1814400000",
        f"{name} retention.bytes is 1000, not -1",
    ]
    assert found.exit_code == 1
    assert "--add-config cleanup.policy=delete,retention.ms=1814400000" in symptoms(found)[0].do
    (changed,) = [topic for topic in json.loads(out) if topic["drift"]]
    assert (code, changed["topic"], len(changed["drift"])) == (1, name, 2)


def test_other_partitions_than_configured_are_found(world: World, portal: BlockingPortal) -> None:
    found = portal.call(lambda: _examined(world, partitions=7))
    assert f"{LOG.full_name(world.settings)} has 3 partitions, GUANXI_PARTITIONS says 7" in _only(found, "topics")


def test_positions_that_move_while_it_looks_are_well(world: World, portal: BlockingPortal) -> None:
    async def look() -> Findings:
        findings = Findings()
        found = await inspect(world.settings)
        await world.send(live(PARTITIONS, 300, count=60))
        await world.settled()
        await look_at_positions(found, world.database, world.settings, findings)
        return findings

    assert symptoms(portal.call(look)) == []


def test_positions_out_of_bounds_and_missing_ones_are_found(world: World, portal: BlockingPortal) -> None:
    async def look() -> Findings:
        generation = "g1"
        missing = await world.one("engagement_positions", {"_id": f"{generation}/2"})
        await world.services.stop("tiering")
        await world.services.stop("engagement")
        await world.services.stop("ingest")
        await world.database["engagement_positions"].delete_one({"_id": f"{generation}/2"})
        try:
            async with (
                _changed(world, "tiering_positions", f"{generation}/0", {"offset": 1_000_000}),
                _changed(world, "admission_positions", "1/1", {"offset": 2_000_000}),
            ):
                return await _examined(world)
        finally:
            await world.database["engagement_positions"].insert_one(missing)
            for name in ("ingest", "tiering", "engagement"):
                await world.services.start(name)

    said = _only(portal.call(look), "positions")
    assert any(what.startswith("tiering: position 1000000 on partition 0") for what in said)
    assert any(what.startswith("ingest: position 2000000 on partition 1") for what in said)
    assert any(what.startswith("engagement has no position on partitions 2") for what in said)


def test_what_set_up_made_and_somebody_changed_is_found(world: World, portal: BlockingPortal) -> None:
    async def look() -> Findings:
        database = world.database
        (view,) = await (await database.list_collections(filter={"name": "customers"})).to_list(1)
        await database["tiering_g1"].drop_index("tier_1_net_order_1__id_1")
        await database["tiering_g1"].create_index("name", name="by_hand")
        await database.command({"collMod": "customers", "viewOn": "engagement_g1", "pipeline": []})
        await database["tier_history"].drop()
        try:
            return await _examined(world)
        finally:
            await database["tiering_g1"].drop_index("by_hand")
            await database.command({"collMod": "customers", **view["options"]})
            code, out, err = await world.guanxi("setup")
            assert code == 0, out + err

    said = _only(portal.call(look), "schema")
    assert said == [
        "tiering_g1 has no index tier_1_net_order_1__id_1",
        "tiering_g1 has extra indexes: by_hand",
        "view customers differs from the code in viewOn and pipeline",
        "the view tier_history is missing",
    ]


def test_a_policy_that_was_edited_is_found_in_the_store_and_in_the_file(
    world: World, portal: BlockingPortal, tmp_path: Path
) -> None:
    edited, newer = tmp_path / "edited.yaml", tmp_path / "newer.yaml"
    text = POLICY.read_text(encoding="utf-8")
    edited.write_text(text + "\n# a word more\n", encoding="utf-8")
    newer.write_text(text.replace("version: 1", "version: 2", 1), encoding="utf-8")

    async def look() -> list[Findings]:
        policy = await world.one("policies")
        async with _changed(world, "policies", policy["_id"], {"text": text.replace("77", "76")}):
            stored = await _examined(world)
        return [stored, await _examined(world, policy=edited), await _examined(world, policy=newer)]

    stored, other_text, not_adopted = portal.call(look)
    assert "the text of policy default-cny/1 changed after its adoption" in _only(stored, "policy")
    assert "GUANXI_POLICY has another text" in _only(other_text, "policy")[0]
    assert "version 2, which is not adopted" in _only(not_adopted, "policy")[0]
    assert [one.exit_code for one in (stored, other_text, not_adopted)] == [1, 1, 0]


def test_another_time_zone_than_the_one_set_up_is_found(world: World, portal: BlockingPortal) -> None:
    found = portal.call(lambda: _examined(world, time_zone="Europe/London"))
    assert "not written with the time zone configured here, Europe/London" in _only(found, "policy")[0]


def test_another_generation_of_the_log_than_configured_and_a_relog_half_done_are_found(
    world: World, portal: BlockingPortal
) -> None:
    async def look() -> Findings:
        relog = {"generation": 2, "partitions": 6, "tiers": ""}
        async with _changed(world, "generations", "log", {"current": 2, "relog": relog}):
            return await _examined(world)

    assert _only(portal.call(look), "generations") == [
        "GUANXI_LOG_GENERATION is 1 here, but the current log generation is 2",
        "a relog is unfinished",
    ]


def test_a_frozen_customer_is_found(world: World, portal: BlockingPortal) -> None:
    async def look() -> Findings:
        document = {"key": "customer:C1", "partition": 0, "offset": 5, "reason": "a bug", "value": b"", "_id": "g1/0/5"}
        await world.database["tiering_quarantine"].insert_one(document)
        try:
            return await _examined(world)
        finally:
            await world.database["tiering_quarantine"].delete_one({"_id": "g1/0/5"})

    (said,) = _only(portal.call(look), "quarantine")
    assert said == "tiering: 1 records could not be folded; the first is of customer:C1 at 0/5: a bug"


def test_a_changed_sum_and_a_deleted_claim_are_found_by_folding_again(world: World, portal: BlockingPortal) -> None:
    async def look() -> list[Symptom]:
        customer = await world.one("tiering_g1", {"net_365d": {"$exists": True}})
        # A purchase: no name of a person is in it, so that the log alone gives the whole claim again.
        claims = await world.database["claims"].find({"key": "customer:C000001"}).to_list(None)
        claim = next(one for one in claims if b'"purchase_id"' in one["entries"][0]["undo"])
        await world.database["claims"].delete_one({"_id": claim["_id"]})
        async with _changed(world, "tiering_g1", customer["_id"], {"net_365d": "1.00"}):
            found = symptoms(await _examined(world, whole=True))
        assert (await world.guanxi("reclaim"))[:2] == (0, "1 claims restored\n")
        assert await world.one("claims", {"_id": claim["_id"]}) == claim
        assert (await world.guanxi("reclaim"))[:2] == (0, "nothing to do: every record of the log has its claim\n")
        return found

    views, log = sorted(portal.call(look), key=lambda symptom: symptom.check, reverse=True)
    assert "net_365d 1.00, should be " in views.what
    assert views.do.startswith("guanxi rebuild SERVICE folds")
    assert "without a claim" in log.what
    assert log.do.startswith("guanxi reclaim restores")


def test_an_emptied_topic_of_tiers_is_found_and_filled_again(world: World, portal: BlockingPortal) -> None:
    async def look() -> list[Findings]:
        topic = TIERS.full_name(world.settings)
        async with TopicAdmin(world.settings) as admin:
            await admin.configure(topic, {"cleanup.policy": "delete"})  # Kafka deletes nothing of a compacted topic
            await admin.delete_before(topic, (await bounds(world.settings, topic)).ends)
            await admin.configure(topic, TIERS.config())
        quick, emptied = await _examined(world), await _examined(world, whole=True)
        assert (await world.guanxi("retell"))[0] == 1, "tiering runs"
        await world.services.stop("tiering")
        code, out, err = await world.guanxi("retell")
        await world.services.start("tiering")
        assert (code, err) == (0, "")
        assert out.endswith(" tiers told again\n")
        return [quick, emptied, await _examined(world, whole=True)]

    quick, emptied, filled = portal.call(look)
    assert _only(quick, "told") == _only(emptied, "told")
    assert "lacks the latest tier of " in _only(emptied, "told")[0]
    assert symptoms(filled) == []


def test_it_says_that_it_could_not_check_when_nothing_answers(world: World, portal: BlockingPortal) -> None:
    async def look() -> list[tuple[int, str, str]]:
        environment = world.services.environment
        kept = environment["GUANXI_KAFKA_BOOTSTRAP"]
        environment["GUANXI_KAFKA_BOOTSTRAP"] = "127.0.0.1:1"
        try:
            return [await world.guanxi(word) for word in ("doctor", "topics", "verify")]
        finally:
            environment["GUANXI_KAFKA_BOOTSTRAP"] = kept

    for code, out, err in portal.call(look):
        assert (code, out) == (2, "")
        assert "Kafka" in err
        assert "Traceback" not in err
