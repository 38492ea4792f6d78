"""Topics against the code: partitions, settings, replicas; and the readers' positions on them."""

from collections.abc import Iterable

from operations.doctor.symptoms import Findings
from services import SERVICES
from shared.kafka.inspect import Disk, Found, FoundTopic
from shared.kafka.scan import bounds
from shared.mongo import Database
from shared.settings import Settings
from shared.topics import LOG, Topic, durable, least_in_sync

TOPICS, POSITIONS, DISK = "topics", "positions", "disk"
LEAST_FREE, LITTLE_FREE = 0.05, 0.15
"""Shares of a disk that must be free, and should be."""
HARMLESS = frozenset({"min.insync.replicas", "compression.type", "segment.bytes", "segment.ms", "retention.bytes"})
"""Topic settings that an operator may set; retention.bytes is checked separately."""


def drift(found: FoundTopic, settings: Settings) -> list[str]:
    """Where a topic differs from what the code relies on."""
    if not found.exists:
        return ["does not exist"]
    said = []
    wanted = found.topic.partitions(settings)
    if found.partitions != wanted:
        who = "GUANXI_PARTITIONS says" if found.topic.own_partitions is None else "for good it has"
        said.append(f"has {found.partitions} partitions, {who} {wanted}")
    expected = found.topic.config()
    for name, value in expected.items():
        if name in found.config and found.config[name] != value:
            said.append(f"{name} is {found.config[name]}, not {value}")
    if found.config.get("retention.bytes", "-1") != "-1":
        said.append(f"retention.bytes is {found.config['retention.bytes']}, not -1")
    for name, value in sorted(found.given.items()):
        if name not in expected and name not in HARMLESS:
            said.append(f"{name} is set to {value}, which the code does not set")
    least = least_in_sync(max(found.replication, settings.replication))
    in_sync = int(found.config.get("min.insync.replicas", least))
    if in_sync < least:
        said.append(f"min.insync.replicas is {in_sync}, not {least}")
    if found.replication < settings.replication:
        said.append(f"has {found.replication} replicas, GUANXI_REPLICATION says {settings.replication}")
    return said


def look_at_topics(found: Found, settings: Settings, findings: Findings) -> None:
    """Settings and health of each topic."""
    findings.checked[TOPICS] = (
        f"{sum(one.exists for one in found.topics)} topics, {settings.partitions} partitions each or their own"
    )
    for one in found.topics:
        for said in drift(one, settings):
            do = "run 'guanxi setup'" if not one.exists else _remedy(one.topic, settings)
            findings.wrong(TOPICS, f"{one.name} {said}", one.topic.relied_on, do)
        if one.without_leader:
            why = "they can't be written or read"
            what = f"{one.name}: no leader for partitions {_numbers(one.without_leader)}"
            findings.wrong(TOPICS, what, why, "restart the brokers that have them; see Kafka's log")
        elif one.behind:
            why = "if one more broker fails, acknowledged records may be lost"
            what = f"{one.name}: replicas of partitions {_numbers(one.behind)} are behind"
            findings.warn(TOPICS, what, why, "check that all brokers run and have disk space")


def _remedy(topic: Topic, settings: Settings) -> str:
    config = topic.config() | durable(settings.replication)
    given = ",".join(f"{name}={value}" for name, value in config.items())
    name = topic.full_name(settings)
    return f"set it back: kafka-configs.sh --alter --entity-type topics --entity-name {name} --add-config {given}"


def look_at_disks(disks: Iterable[Disk], findings: Findings) -> None:
    """The brokers' disk space."""
    known = [disk for disk in disks if disk.total_bytes > 0]
    if known:
        least = min(known, key=lambda disk: disk.usable_bytes / disk.total_bytes)
        say_room("Kafka", least.path, least.usable_bytes, least.total_bytes, findings)


def say_room(whose: str, where: str, usable: int, total: int, findings: Findings) -> None:
    """Add a symptom if a disk is nearly full."""
    share = usable / total
    findings.disks_free[whose.lower()] = min(share, findings.disks_free.get(whose.lower(), share))
    told = f"{whose}: {usable / 1e9:,.1f} GB ({100 * share:.0f} %) free{' on ' + where if where else ''}"
    findings.checked[DISK] = "; ".join(filter(None, (findings.checked.get(DISK), told)))
    if share < LITTLE_FREE:
        say = findings.wrong if share < LEAST_FREE else findings.warn
        why = "a full disk stops admission and folding; acknowledged events are safe, but no new ones are accepted"
        say(DISK, told, why, "free disk space or use a larger disk; docs/capacity.md has the size of a day of events")


async def look_at_positions(found: Found, database: Database, settings: Settings, findings: Findings) -> None:
    """Stored offsets must be within the topics. Services keep running meanwhile: a position is compared with the end
    read after it, and a partition that had records before that must have a position.
    """
    topics = {one.topic: one for one in found.topics}
    seen = 0
    for reader, positions in SERVICES.positions.items():
        held = topics[positions.topic]
        if not held.exists:
            continue
        stored = await positions.stored(database)
        seen += len(stored)
        ends = (await bounds(settings, held.name)).ends
        for partition, offset in sorted(stored.items()):
            _within(reader, held, partition, offset, ends.get(partition), findings)
        _all_begun(reader, held, stored.keys(), findings)
    findings.checked[POSITIONS] = f"{seen} stored positions"
    log = topics[LOG]
    gone = [partition for partition, begin in log.begins.items() if begin > 0]
    if gone:
        what = f"{log.name} has lost its first records on partitions {_numbers(gone)}"
        why = "states can no longer be rebuilt or verified from the beginning"
        findings.wrong(POSITIONS, what, why, "restore the topic from a backup (docs/backup.md), then rebuild")


def _within(reader: str, held: FoundTopic, partition: int, offset: int, end: int | None, findings: Findings) -> None:
    begin = held.begins.get(partition, 0)
    if end is None:
        what = f"{reader} has a position on partition {partition} of {held.name}, which has no such partition"
        findings.wrong(POSITIONS, what, "the topic was created again with fewer partitions", "restore the topic")
    elif offset > end:
        what = f"{reader}: position {offset} on partition {partition} of {held.name} is beyond its end {end}"
        why = "the topic lost records or was created again; the service stops rather than skip the next records"
        findings.wrong(
            POSITIONS, what, why, "restore the topic from a backup, or rebuild from the log (docs/backup.md)"
        )
    elif offset < begin:
        what = f"{reader}: position {offset} on partition {partition} of {held.name} is before its beginning {begin}"
        why = f"{begin - offset} records were deleted before {reader} read them"
        findings.wrong(POSITIONS, what, why, "ask upstream to send them again; find out why {reader} did not read them")


def _all_begun(reader: str, held: FoundTopic, begun: Iterable[int], findings: Findings) -> None:
    missing = sorted({partition for partition, end in held.ends.items() if end > 0} - set(begun))
    if missing:
        what = f"{reader} has no position on partitions {_numbers(missing)} of {held.name}, which have records"
        why = "they are not read, or their positions were deleted and everything would be folded again"
        findings.wrong(POSITIONS, what, why, f"check whether {reader} is running: guanxi status")


def _numbers(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))
