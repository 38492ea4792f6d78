"""A person's name flows through everything and is erased; then every byte on disk is searched for it: of MongoDB's
files, Kafka's segments, logs and backups (docs/erasing.md, On disk).

MongoDB's files are not compressed here, so that its bytes can be read as they are; Kafka's batches never are.
"""

import asyncio
import gzip
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from local.stack.backing import Backing
from local.stack.kafka import start_kafka
from local.stack.mongod import REPLICA_SET, launch_mongod, start_mongod
from local.stack.ports import free_port
from local.stack.process import Process
from local.stack.server import Ask
from shared.settings import Settings
from shared.topics import INBOX, REJECTED
from tests.services.query.stand import Stand, group_plan, on, sent, standing
from tests.services.query.test_real_commands import run

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(900),
    pytest.mark.release("over a minute; test_real_erasing.py searches the stores of the same erasing in the usual run"),
]
Json = dict[str, Any]
NAMES = {"p-zh": "欧阳明珠", "p-en": "Xiomara Quintanilla"}
PLAIN = (
    "--wiredTigerCollectionBlockCompressor=none",
    "--wiredTigerJournalCompressor=none",
    "--wiredTigerIndexPrefixCompression=false",
)
SOON = ("log.retention.check.interval.ms=1000",)
WAIT_SECONDS = 180.0
READ_BYTES = 1 << 22


def forms(name: str) -> set[bytes]:
    """The bytes that a name may be on a disk."""
    escaped = name.encode("ascii", "backslashreplace")
    return {name.encode(), name.encode("utf-16-le"), name.encode("utf-16-be"), escaped, escaped.upper()}


FORMS = frozenset().union(*map(forms, NAMES.values()))


def has_name(file: Path) -> bool:
    """Whether a file has a name somewhere, also within what gzip packed. One that goes meanwhile has none."""
    tail = b""
    longest = max(map(len, FORMS))
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as opened:
            while part := opened.read(READ_BYTES):
                if any(form in tail + part for form in FORMS):
                    return True
                tail = part[-longest:]
    except FileNotFoundError:
        pass
    return False


def named(folder: Path) -> list[str]:
    """The files below a folder that have a name."""
    files = (Path(where) / name for where, _, names in os.walk(folder) for name in names)
    return sorted(str(file.relative_to(folder)) for file in files if has_name(file))


def until(what: str, reached: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not reached():
        assert time.monotonic() < end, f"not within {WAIT_SECONDS:.0f} s: {what}"
        time.sleep(0.2)


@dataclass
class Disk:
    """Servers whose files are known. second: of MongoDB's members, the one that takes the first one's place."""

    folder: Path
    servers: Backing
    second_port: int
    second: Process | None = None

    @property
    def mongo(self) -> Path:
        return self.folder / "mongod"

    @property
    def kafka(self) -> Path:
        return self.folder / "kafka"

    def admin(self, port: int | None = None) -> "MongoClient[Json]":
        return MongoClient("127.0.0.1", port or self.servers.mongo.port, directConnection=True)

    def stored_in(self, file: str) -> str:
        """What one of MongoDB's files is of."""
        if file.startswith("journal"):
            return "journal"
        with self.admin() as client:
            for database in client.list_database_names():
                for name in client[database].list_collection_names(filter={"type": "collection"}):
                    uri = client[database].command("collStats", name)["wiredTiger"]["uri"]
                    if str(uri).endswith(f":{Path(file).stem}"):
                        return name
        return file

    def checkpoint(self, port: int | None = None) -> None:
        with self.admin(port) as client:
            client.admin.command("fsync")


@asynccontextmanager
async def on_disk(folder: Path) -> AsyncIterator[Disk]:
    ask = Ask(folder, folder / "logs", keep=True)
    kafka, mongo = await asyncio.gather(start_kafka(ask, print, SOON), start_mongod(ask, print, PLAIN))
    second = free_port()
    both = f"mongodb://127.0.0.1:{mongo.port},127.0.0.1:{second}/?replicaSet={REPLICA_SET}"
    disk = Disk(folder, Backing(kafka, replace(mongo, endpoint=both), folder), second)
    try:
        yield disk
    finally:
        await asyncio.gather(*(one.stop() for one in (kafka.process, mongo.process, disk.second) if one))


def story(person: str) -> Iterator[Json]:
    """All that can name somebody: an own customer, its events, and one that admission refuses."""
    name, customer = NAMES[person], f"C-{person}"
    took = [{"rep_id": "R-1", "role": "account_manager"}]
    met = [{"person_id": person, "name": name}, {"name": name, "department": "buying"}]
    told: Json = {field: f"{name}: {field}" for field in ("purpose", "needs", "consensus")}
    told |= {"follow_ups": [{"what": f"call {name}", "owner": "R-1"}]}
    visit: Json = {"visit_id": f"v-{person}", "participants": took, "attendees": met, **told}
    mentions = {"item": "pains", "text": f"{name} wants one supplier", "mentions": [person]}
    given: Json = {"tier": "strategic", "expires_on": on(100), "reason": f"{name} asked"}
    plan = group_plan(customer, person)
    plan["data"] |= {"market_goal": f"win {name}"}
    plan["data"]["steps"][0]["what"] = f"visit {name}"
    yield sent("customer.registered", customer, f"cr-{person}", 90, name=customer)
    yield sent("account.assigned", customer, f"as-{person}", 80, account_manager="R-1", from_on=on(-80))
    yield sent("tier.overridden", customer, f"o-{person}", 30, **given)
    yield sent("key_person.assessed", customer, f"k-{person}", 9, person_id=person, name=name, title=f"{name}, CFO")
    yield sent("visit.logged", customer, f"v-{person}", 5, **visit)
    yield sent("visit.logged", customer, f"v-{person}", 5, **{**visit, "needs": f"{name} says otherwise"})  # refused
    yield sent("concern.raised", customer, f"c-{person}", 4, concern_id=f"c-{person}", about=f"{name} is unhappy")
    yield sent("concern.resolved", customer, f"cs-{person}", 3, concern_id=f"c-{person}", resolution=f"for {name}")
    yield sent("service.delivered", customer, f"d-{person}", 3, delivery_id=f"d-{person}", outcome=f"{name} came")
    yield plan
    review = {"review_id": f"w-{person}", "plan_id": f"gp-{person}", "findings": f"{name} agrees"}
    yield sent("plan.reviewed", customer, f"w-{person}", 2, **review)
    yield sent("profile.revised", customer, f"p-{person}", 2, items=[mentions])


def read_everything(stand: Stand) -> None:
    """Ask for all there is, so that what readers are shown has been where it goes."""
    for person, name in NAMES.items():
        customer = f"C-{person}"
        assert name in stand.texts(customer, key="steward").text
        for path in (f"/v1/customers/{customer}?include=timeline,plan,concerns,engagement", "/v1/profiles.csv"):
            stand.get(path)


async def let_go(disk: Disk, stand: Stand) -> None:
    """What Kafka keeps for 7 and 21 days, and a day more, goes within seconds."""
    settings = Settings.model_validate({"topic_prefix": stand.environment["GUANXI_TOPIC_PREFIX"]})
    admin = AIOKafkaAdminClient(bootstrap_servers=disk.servers.kafka_bootstrap)
    await admin.start()
    try:
        soon = {"retention.ms": "1000", "segment.ms": "1000"}
        await admin.alter_configs(
            [
                ConfigResource(ConfigResourceType.TOPIC, topic.full_name(settings), configs={**topic.config(), **soon})
                for topic in (INBOX, REJECTED)
            ]
        )
    finally:
        await admin.close()


async def resync(disk: Disk) -> None:
    """Another member begins empty and copies what there is, becomes the primary, and the first one goes with its files:
    what an operator does with one member after the other.
    """
    ask = Ask(disk.folder / "second", disk.folder / "logs" / "second", keep=True, wanted_port=disk.second_port)
    disk.second, port = await launch_mongod(ask, PLAIN)
    assert port == disk.second_port
    with disk.admin() as client:
        config = client.admin.command("replSetGetConfig")["config"]
        config["version"] += 1
        config["members"].append({"_id": 1, "host": f"127.0.0.1:{port}", "priority": 2})
        client.admin.command("replSetReconfig", config)
    await asyncio.to_thread(until, "the second member leads", lambda: _leads(disk, port))
    with disk.admin(port) as client:
        config = client.admin.command("replSetGetConfig")["config"]
        config["version"] += 1
        config["members"] = config["members"][1:]
        client.admin.command("replSetReconfig", config)
    assert disk.servers.mongo.process is not None
    await disk.servers.mongo.process.stop()
    for where, _, files in os.walk(disk.mongo, topdown=False):
        for name in files:
            (Path(where) / name).unlink()


def _leads(disk: Disk, port: int) -> bool:
    try:
        with disk.admin(port) as client:
            return bool(client.admin.command("hello").get("isWritablePrimary"))
    except PyMongoError:
        return False


async def test_after_the_stated_time_no_byte_on_disk_has_the_name(tmp_path: Path) -> None:
    async with on_disk(tmp_path) as disk, standing(disk.servers, tmp_path / "logs") as stand:
        await _flows(disk, stand)
        await _erased(disk, stand)
        await let_go(disk, stand)
        await asyncio.to_thread(until, "Kafka lets go", lambda: named(disk.kafka) == [])
        disk.checkpoint()
        left = {disk.stored_in(file) for file in named(disk.mongo)}
        print("after the stated time MongoDB's files still have a name of:", left)
        assert left <= {"people", "texts", "oplog.rs", "journal"}, "where docs/erasing.md says"
        assert left, "MongoDB overwrites nothing: if it does by now, docs/erasing.md says too much"
        await resync(disk)
        disk.checkpoint(disk.second_port)
        answer = await asyncio.to_thread(stand.texts, "C-p-zh", key="steward")
        assert answer.status_code == httpx.codes.OK, "the services go on with the member that leads now"
        await stand.services.command("backup", str(tmp_path / "backup"), timeout_s=WAIT_SECONDS)
        assert list((tmp_path / "backup").rglob("*.gz"))
        assert named(tmp_path) == []


async def _flows(disk: Disk, stand: Stand) -> None:
    events = [one for person in NAMES for one in story(person)]
    answer = await asyncio.to_thread(stand.post, events)
    assert not answer["refused"], [one for one in answer["events"] if one["status"] == "refused"]
    await asyncio.to_thread(stand.settle, answer)
    await asyncio.to_thread(read_everything, stand)
    before = disk.folder / "before"
    await stand.services.command("backup", str(before), timeout_s=WAIT_SECONDS)
    disk.checkpoint()
    assert named(before), "the backup has the names"
    for file in before.rglob("*"):
        if file.is_file():
            file.unlink()  # as they are deleted after 30 days
    assert named(disk.mongo)
    topics = {file.split("-")[1].split(".", 1)[1] for file in named(disk.kafka)}
    assert topics == {"guanxi.inbox", "guanxi.rejected"}, "neither the log nor what is told has a name"
    assert named(disk.folder / "logs") == [], "nor a log file"


async def _erased(disk: Disk, stand: Stand) -> None:
    mongo = f"mongodb://127.0.0.1:{disk.servers.mongo.port}/?replicaSet={REPLICA_SET}"
    environment = {**stand.services.environment, "GUANXI_MONGO_URI": mongo, "GUANXI_API_KEY": stand.tokens["all"]}
    for person in NAMES:
        words = ["person", "erase", person, "--everywhere", "--decided-by", "dpo", "--url", stand.url("ingest")]
        await asyncio.to_thread(run, words, environment)

    def gone() -> bool:
        people = [one.get("name") for one in stand.documents("people")]
        texts = [one.get("text") or "" for one in stand.documents("texts")]
        return not any(name in said for name in NAMES.values() for said in (*map(str, people), *texts))

    await asyncio.to_thread(until, "the eraser has worked", gone)
