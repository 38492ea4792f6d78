"""`guanxi setup --rights` names every topic, user and right, with the command that makes it, and what is missing."""

import re
from collections.abc import Collection
from typing import Any

import pytest

import operations.setup.rights as module
from operations.setup.rights import Wanted, lines, wanted
from operations.setup.run import SetupSettings
from services import SERVICES
from shared.errors import Stop, Transient
from shared.kafka.access import wanted_acls
from shared.kafka.inspect import Found, FoundTopic
from shared.kafka.requests import Acl
from shared.mongo import Database, connect
from shared.topics import LOG, TOPICS

SETTINGS = SetupSettings(kafka_bootstrap="kafka-1:9092,kafka-2:9092", replication=3)
ACLS = wanted_acls(SETTINGS, SERVICES.values(), ("upstream",), ("downstream",))


class Servers:
    """What they show of themselves."""

    def __init__(self) -> None:
        self.topics: Collection[str] | None = [one.name for one in TOPICS]
        self.acls: set[Acl] | None = ACLS
        self.roles: set[str] | None = {
            f"guanxi_{name}" for name in (*SERVICES, "operator", "reader", "confidential", "texts")
        }
        self.users: set[str] | None = {*SERVICES}


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Servers:
    made = Servers()

    async def inspect(settings: Any) -> Found:
        if made.topics is None:
            raise Transient("Kafka does not answer")
        return Found([FoundTopic(one, one.name, 12 if one.name in made.topics else 0) for one in TOPICS], [])

    async def find_rights(_: Any) -> set[Acl]:
        if made.acls is None:
            raise Stop("error 31 cluster authorization failed")
        return made.acls

    def shows(name: str) -> Any:
        async def show(_: Database) -> set[str]:
            found: set[str] | None = getattr(made, name)
            if found is None:
                raise Transient("MongoDB: not authorized")
            return found

        return show

    async def current(*_: Any) -> int:
        return 1

    monkeypatch.setattr(module, "inspect", inspect)
    monkeypatch.setattr(module, "find_rights", find_rights)
    monkeypatch.setattr(module, "found_roles", shows("roles"))
    monkeypatch.setattr(module, "found_users", shows("users"))
    monkeypatch.setattr(module, "current_generation", current)
    return made


async def listed() -> list[Wanted]:
    return await wanted(SETTINGS, connect(SETTINGS))


def of(found: list[Wanted], kind: str, there: bool | None) -> set[str]:  # noqa: FBT001 - a value that is asked for
    return {one.what for one in found if one.kind == kind and one.there is there}


async def test_what_is_there_is_said_so_without_a_command(servers: Servers) -> None:
    found = await listed()
    assert [one for one in found if one.there is False] == []
    assert of(found, "topic", True) == {one.name for one in TOPICS}
    assert of(found, "Kafka right", True) == {str(one) for one in ACLS}
    said = list(lines(found))
    assert "there     topic guanxi.log" in said
    assert "--create" not in "".join(said)
    assert re.fullmatch(r"\d+ there, 0 missing, \d+ not seen", said[-1])


async def test_what_is_missing_comes_with_the_command_that_makes_it(servers: Servers) -> None:
    servers.topics = [one.name for one in TOPICS if one is not LOG]
    gone = next(one for one in ACLS if str(one) == "operator: ALL group guanxi-*")
    servers.acls = ACLS - {gone}
    servers.roles = set()
    found = await listed()
    assert of(found, "topic", False) == {"guanxi.log"}
    assert of(found, "Kafka right", False) == {str(gone)}
    assert "guanxi_tiering" in of(found, "MongoDB role", False)
    commands = {one.what: one.command for one in found}
    assert commands["guanxi.log"] == (
        "kafka-topics.sh --bootstrap-server kafka-1:9092,kafka-2:9092 --create --topic guanxi.log --partitions 12 "
        "--replication-factor 3 --config cleanup.policy=delete --config retention.ms=-1 "
        "--config message.timestamp.type=LogAppendTime --config max.message.bytes=1048576 "
        "--config min.insync.replicas=2"
    )
    assert commands[str(gone)] == (
        "kafka-acls.sh --bootstrap-server kafka-1:9092,kafka-2:9092 --add --allow-principal User:operator "
        "--operation ALL --group guanxi- --resource-pattern-type prefixed"
    )
    assert 'createRole({"role": "guanxi_tiering"' in commands["guanxi_tiering"]
    assert commands["confidential"].endswith('[{"role": "guanxi_confidential", "db": "guanxi"}]})')


async def test_what_may_not_be_seen_is_listed_whole_and_not_called_missing(servers: Servers) -> None:
    servers.topics = servers.acls = servers.roles = servers.users = None
    found = await listed()
    assert {one.there for one in found} == {None}
    said = "\n".join(lines(found))
    assert "not seen  Kafka right tiering: READ topic guanxi.log" in said
    assert "0 there, 0 missing" in said


async def test_each_user_of_either_server_is_named(servers: Servers) -> None:
    found = await listed()
    kafka = {one.what for one in found if one.kind == "Kafka user"}
    assert kafka == {acl.principal for acl in ACLS}
    mongo = {one.what for one in found if one.kind == "MongoDB user"}
    assert mongo == {*SERVICES, "operator", "confidential", "texts"}
