"""Topics against the code: partitions, settings, replicas; and where the readers stand on them."""

from collections.abc import Iterable

from guanxi.doctor.symptoms import Findings
from shared.kafka.inspect import Disk, Found, FoundTopic
from shared.kafka.scan import bounds
from shared.mongo import Database, transient_errors
from shared.mongo.generations import current_generation
from shared.settings import Settings
from shared.topics import INBOX, LOG, Topic

TOPICS, POSITIONS, DISK = "topics", "positions", "disk"
LEAST_FREE, LITTLE_FREE = 0.05, 0.15
"""Shares of a disk that must be free, and that should be."""
HARMLESS = frozenset({"min.insync.replicas", "compression.type", "segment.bytes", "segment.ms", "retention.bytes"})
"""Settings that an operator may give a topic; retention.bytes is looked at by itself."""


def drift(found: FoundTopic, settings: Settings) -> list[str]:
    """In what a topic is not what the code relies on."""
    if not found.exists:
        return ["does not exist"]
    said = []
    if found.partitions != settings.partitions:
        said.append(f"has {found.partitions} partitions, GUANXI_PARTITIONS says {settings.partitions}")
    expected = found.topic.config()
    for name, value in expected.items():
        if name in found.config and found.config[name] != value:
            said.append(f"{name} is {found.config[name]}, not {value}")
    if found.config.get("retention.bytes", "-1") != "-1":
        said.append(f"retention.bytes is {found.config['retention.bytes']}, not -1")
    for name, value in sorted(found.given.items()):
        if name not in expected and name not in HARMLESS:
            said.append(f"{name} is set to {value}, which the code does not ask for")
    if found.replication < settings.replication:
        said.append(f"has {found.replication} replicas, GUANXI_REPLICATION says {settings.replication}")
    return said


_WHY = {
    "inbox": "records that admission has not read yet could go, or get other times than admission judges by",
    "log": "the log is kept for ever and in order; what it loses can't be folded again, and states can't be rebuilt",
    "rejected": "refused records could go before somebody has sent them again",
    "tiers": "readers of guanxi.tiers rely on the latest tier of each customer being there",
}


def look_at_topics(found: Found, settings: Settings, findings: Findings) -> None:
    """Settings and health of each topic."""
    findings.checked[TOPICS] = (
        f"{sum(one.exists for one in found.topics)} topics, {settings.partitions} partitions each"
    )
    for one in found.topics:
        for said in drift(one, settings):
            do = "run 'guanxi setup'" if not one.exists else _remedy(one.topic, settings)
            findings.wrong(TOPICS, f"{one.name} {said}", _WHY[one.topic.name.rpartition(".")[2]], do)
        if one.without_leader:
            why = "nothing can be written to them or read from them"
            what = f"{one.name}: no broker leads partitions {_numbers(one.without_leader)}"
            findings.wrong(TOPICS, what, why, "bring the brokers back that hold them; see Kafka's own log")
        elif one.behind:
            why = "one more broker that fails may lose acknowledged records"
            what = f"{one.name}: replicas of partitions {_numbers(one.behind)} do not keep up"
            findings.warn(TOPICS, what, why, "look whether all brokers run and have room on their disks")


def _remedy(topic: Topic, settings: Settings) -> str:
    given = ",".join(f"{name}={value}" for name, value in topic.config().items())
    name = topic.full_name(settings)
    return f"set it back: kafka-configs.sh --alter --entity-type topics --entity-name {name} --add-config {given}"


def look_at_disks(disks: Iterable[Disk], findings: Findings) -> None:
    """Room for the brokers."""
    known = [disk for disk in disks if disk.total_bytes > 0]
    if known:
        least = min(known, key=lambda disk: disk.usable_bytes / disk.total_bytes)
        say_room("Kafka", least.path, least.usable_bytes, least.total_bytes, findings)


def say_room(whose: str, where: str, usable: int, total: int, findings: Findings) -> None:
    """A symptom when a disk fills up."""
    share = usable / total
    told = f"{whose}: {usable / 1e9:,.1f} GB ({100 * share:.0f} %) free{' on ' + where if where else ''}"
    findings.checked[DISK] = "; ".join(filter(None, (findings.checked.get(DISK), told)))
    if share < LITTLE_FREE:
        say = findings.wrong if share < LEAST_FREE else findings.warn
        why = "a full disk stops admission and folding; nothing acknowledged is lost, but nothing new is taken"
        say(DISK, told, why, "make room or a larger disk; docs/capacity.md tells how much a day of events takes")


async def look_at_positions(found: Found, database: Database, settings: Settings, findings: Findings) -> None:
    """Stored offsets must lie within what the topics hold.

    Services go on meanwhile: a position is held against the end asked for after it was read, and what held records
    before that must have one.
    """
    topics = {one.topic: one for one in found.topics}
    readers = [("ingest", "admission_positions", f"{await current_generation(database, 'inbox')}/", INBOX)]
    for service in ("tiering", "engagement"):
        generation = await current_generation(database, service)
        readers.append((service, f"{service}_positions", f"g{generation}/", LOG))
    seen = 0
    for reader, collection, prefix, topic in readers:
        held = topics[topic]
        if not held.exists:
            continue
        async with transient_errors():
            cursor = database[collection].find({"_id": {"$regex": f"^{prefix}"}}, projection={"offset": 1})
            stored = {int(one["_id"].removeprefix(prefix)): int(one["offset"]) async for one in cursor}
        seen += len(stored)
        ends = (await bounds(settings, held.name)).ends
        for partition, offset in sorted(stored.items()):
            _within(reader, held, partition, offset, ends.get(partition), findings)
        _all_begun(reader, held, stored.keys(), findings)
    findings.checked[POSITIONS] = f"{seen} stored positions"
    log = topics[LOG]
    gone = [partition for partition, begin in log.begins.items() if begin > 0]
    if gone:
        what = f"{log.name} has lost its beginning on partitions {_numbers(gone)}"
        why = "no state can be rebuilt or verified from its beginning any more"
        findings.wrong(POSITIONS, what, why, "restore the topic from a backup (docs/backup.md), then rebuild")


def _within(reader: str, held: FoundTopic, partition: int, offset: int, end: int | None, findings: Findings) -> None:
    begin = held.begins.get(partition, 0)
    if end is None:
        what = f"{reader} has a position on partition {partition} of {held.name}, which has no such partition"
        findings.wrong(POSITIONS, what, "the topic was made anew with fewer partitions", "restore the topic")
    elif offset > end:
        what = f"{reader}: position {offset} on partition {partition} of {held.name} lies beyond its end {end}"
        why = "the topic lost records or was made anew; the service stops rather than skip what comes next"
        findings.wrong(
            POSITIONS, what, why, "restore the topic from a backup, or rebuild from the log (docs/backup.md)"
        )
    elif offset < begin:
        what = f"{reader}: position {offset} on partition {partition} of {held.name} lies before its begin {begin}"
        why = f"{begin - offset} records went before {reader} had read them"
        findings.wrong(POSITIONS, what, why, "ask upstream to send them again; see what kept it from reading")


def _all_begun(reader: str, held: FoundTopic, begun: Iterable[int], findings: Findings) -> None:
    missing = sorted({partition for partition, end in held.ends.items() if end > 0} - set(begun))
    if missing:
        what = f"{reader} has no position on partitions {_numbers(missing)} of {held.name}, which hold records"
        why = "nobody reads them, or their positions were deleted and everything would be folded again"
        findings.wrong(POSITIONS, what, why, f"see whether {reader} runs: guanxi status")


def _numbers(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))
