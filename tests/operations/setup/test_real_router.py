"""Set-up, services, doctor and rebuild behind a double of a sharded MongoDB's router (tests/operations/router.py)."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from anyio.from_thread import BlockingPortal

from local.stack.backing import Backing
from local.stack.server import Server
from operations.doctor.schema import look_at_schema, look_at_server
from operations.doctor.symptoms import Findings
from operations.verify.findings import all_checks
from services import SERVICES
from shared.errors import Stop
from shared.mongo.schema import apply
from tests.conftest import _delete_topics
from tests.operations.router import Router, router_before
from tests.operations.verify.world import World, a_world

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def router(stack: Backing, portal: BlockingPortal) -> Iterator[Router]:
    with portal.wrap_async_context_manager(router_before(stack.mongo_uri)) as made:
        yield made


@pytest.fixture(scope="module")
def world(
    stack: Backing, router: Router, portal: BlockingPortal, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    behind = replace(stack, mongo=Server("a router", router.uri))
    with portal.wrap_async_context_manager(a_world(behind, tmp_path_factory.mktemp("services"))) as made:
        yield made
    portal.call(_delete_topics, stack.kafka_bootstrap, made.settings.topic_prefix)


def _sharded(world: World, generation: int, *services: str) -> dict[str, dict[str, str]]:
    """What should be sharded of services, by what."""
    return {
        f"{world.settings.mongo_database}.{index.real_name(lambda base: f'{base}_g{generation}')}": {
            index.fields[0]: "hashed"
        }
        for name in services or SERVICES
        for index in SERVICES[name].schema.shard_keys()
    }


async def _looked(world: World) -> Findings:
    findings = Findings()
    await look_at_schema(world.database, findings)
    await look_at_server(world.database, findings)
    return findings


def _said(found: Findings) -> list[str]:
    return [one.what for one in found.symptoms if one.check == "schema"]


def test_every_batch_names_the_shards_that_it_asks(world: World, router: Router, portal: BlockingPortal) -> None:
    assert router.keys == _sharded(world, 1)
    assert not portal.call(world.verify, *all_checks()).findings
    # A visit that moves to another week leaves a row behind, which is deleted by its id.
    assert {name for name, _ in router.to_all} <= {"delete"}, router.to_all


def test_sharding_again_asks_for_nothing(world: World, router: Router, portal: BlockingPortal) -> None:
    asked = list(router.sharded)
    for service in SERVICES.values():
        portal.call(apply, world.database, service.schema, 1)
    assert (len(asked), router.sharded) == (len(set(asked)), asked)


def test_a_new_generation_is_sharded_too(world: World, router: Router, portal: BlockingPortal) -> None:
    code, out, err = portal.call(world.guanxi, "rebuild", "tiering")
    assert code == 0, out + err
    assert router.keys.items() >= _sharded(world, 2, "tiering").items()
    code, out, err = portal.call(world.guanxi, "doctor", "--sample", "none", "--quiet")
    assert "collections are sharded" in out, out + err
    assert "! schema" not in out


def test_the_doctor_finds_what_is_not_sharded_or_by_something_else(
    world: World, router: Router, portal: BlockingPortal
) -> None:
    before = dict(router.keys)
    database = world.settings.mongo_database
    del router.keys[f"{database}.claims"]
    router.keys[f"{database}.timeline_g1"] = {"_id": "hashed"}
    assert _said(portal.call(_looked, world)) == [
        "claims is not sharded",
        "timeline_g1 is sharded by {'_id': 'hashed'}, not by {'customer': 'hashed'}",
    ]
    with pytest.raises(Stop, match=r"timeline_g1 is sharded by .*_id.*, not by .*customer.*cluster\.md"):
        portal.call(apply, world.database, SERVICES["feed"].schema, 1)
    router.keys[f"{database}.timeline_g1"] = before[f"{database}.timeline_g1"]
    portal.call(apply, world.database, SERVICES["ingest"].schema, 1)
    assert (router.keys, _said(portal.call(_looked, world))) == (before, [])


def test_without_the_role_set_up_says_which(world: World, router: Router, portal: BlockingPortal) -> None:
    router.forbids = True
    try:
        with pytest.raises(Stop, match="lacks the role guanxi_shards"):
            portal.call(apply, world.database, SERVICES["ingest"].schema, 1)
    finally:
        router.forbids = False
