"""Anomalies of a log, in the manner of Jepsen's tests of Kafka: what went in against what came out, per inbox partition
and log partition. Nothing here uses guanxi's own code, but for the partition of a key.
"""

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

from shared.kafka.connection import partition_of
from tests.faults.anomalies.observed import Identity, Observed, Place, Position, folded, named, position_of


class Anomaly(NamedTuple):
    """What is wrong, in one word or two, and where."""

    kind: str
    where: str


def lost_writes(seen: Observed) -> Iterator[Anomaly]:
    """Acknowledged by HTTP, and not on the inbox."""
    there = {named(record.value) for _, record in seen.places()}
    for one in sorted(seen.acknowledged - there):
        yield Anomaly("lost write", f"{one} was acknowledged and is not on the inbox")


def lost_records(seen: Observed) -> Iterator[Anomaly]:
    """On the inbox, and neither on the log nor refused nor a repeat of what is there."""
    refused = dict(seen.refusals())
    on_log = _places_on_log(seen)
    known = _folded_names(seen)
    for place, record in seen.places():
        if place not in on_log and place not in refused and named(record.value) not in known:
            yield Anomaly("lost record", f"{place} is neither on the log nor refused")


def without_effect(seen: Observed) -> Iterator[Anomaly]:
    """Acknowledged, and neither folded nor replaced by a higher revision that is."""
    highest: dict[Identity, int] = {}
    known = _folded_names(seen)
    for identity, revision in known:
        highest[identity] = max(revision, highest.get(identity, 0))
    for identity, revision in sorted(seen.acknowledged):
        if (identity, revision) not in known and highest.get(identity, 0) <= revision:
            yield Anomaly("without effect", f"{identity} revision {revision} was acknowledged and is not folded")


def duplicates(seen: Observed) -> Iterator[Anomaly]:
    """Folded twice, from two positions."""
    found: dict[tuple[Identity, int], Position] = {}
    for records in seen.log:
        for record, position in folded(records):
            name = named(record.value)
            if position is not None and name is not None and found.setdefault(name, position) != position:
                yield Anomaly("duplicate", f"{name} from {found[name]} and from {position}")


def two_contents(seen: Observed) -> Iterator[Anomaly]:
    """One position, appended again with another content or on another partition."""
    found: dict[Position, tuple[int, bytes | None]] = {}
    for records in seen.log:
        for record in records:
            position, said = position_of(record), (record.partition, record.value)
            if position is not None and found.setdefault(position, said) != said:
                yield Anomaly("two contents", f"{position} at {record.partition}/{record.offset}")


def gaps(seen: Observed) -> Iterator[Anomaly]:
    """First on the log after a later record of its inbox partition: whoever reads the log passes over it."""
    for records in seen.log:
        taken = {position for _, position in folded(records)}
        for record in records:
            position = position_of(record)
            if position not in taken:
                yield Anomaly("gap", f"{position} came to {record.partition}/{record.offset} too late to be folded")


def not_monotone(seen: Observed) -> Iterator[Anomaly]:
    """Offsets or append times of a partition that run back or leave something out."""
    for records in seen.log:
        for before, after in pairwise(records):
            if after.offset != before.offset + 1:
                yield Anomaly("not monotone", f"{before.partition}: {after.offset} follows {before.offset}")
            if after.timestamp < before.timestamp:
                yield Anomaly("not monotone", f"append time runs back at {after.partition}/{after.offset}")


def misplaced(seen: Observed) -> Iterator[Anomaly]:
    """Without a key, or not on its partition."""
    for partition, records in enumerate(seen.log):
        for record in records:
            if record.key is None or partition_of(record.key, len(seen.log)) != partition:
                yield Anomaly("misplaced", f"{record.key!r} at {partition}/{record.offset}")


def refused_too(seen: Observed) -> Iterator[Anomaly]:
    """Admitted and refused, or refused for two reasons."""
    on_log = _places_on_log(seen)
    reasons: dict[Place, str] = {}
    for place, reason in seen.refusals():
        if place in on_log:
            yield Anomaly("refused too", f"{place} is on the log and refused as {reason}")
        if reasons.setdefault(place, reason) != reason:
            yield Anomaly("refused too", f"{place} is refused as {reason} and as {reasons[place]}")


def unseen(seen: Observed) -> Iterator[Anomaly]:
    """Appended, and not looked at by who should have, or thought to be seen and not there."""
    for partition, records in enumerate(seen.inbox):
        end = records[-1].offset + 1 if records else 0
        if seen.admitted_to and seen.admitted_to.get(partition, 0) != end:
            said = seen.admitted_to.get(partition, 0)
            yield Anomaly("unseen", f"inbox {partition} ends at {end}, admission is at {said}")
    for name, reader in seen.readers.items():
        for partition, records in enumerate(seen.log):
            end = records[-1].offset + 1 if records else 0
            reached = {p[:2]: p[2:] for _, p in folded(records) if p is not None}
            said_end, vector = reader.get(partition, (0, {}))
            if said_end != end:
                yield Anomaly("unseen", f"log {partition} ends at {end}, {name} is at {said_end}")
            if dict(vector) != reached:
                yield Anomaly("unseen", f"log {partition} holds {reached}, {name} has folded {dict(vector)}")


def broken_chains(seen: Observed) -> Iterator[Anomaly]:
    """Decisions that are neither the next of their customer and service nor late copies or losers of an earlier one."""
    chains: dict[tuple[bytes | None, str], list[str]] = {}
    for records in seen.log:
        for record in records:
            if position_of(record) is not None or record.value is None:
                continue
            event = json.loads(record.value)
            if "after" not in event["data"]:
                continue
            chain = chains.setdefault((record.key, event["source"]), [])
            version, after = event["data"]["version"], event["data"]["after"]
            if version == len(chain) + 1 and after == (chain[-1] if chain else None):
                chain.append(event["id"])
            elif version > len(chain):
                yield Anomaly("broken chain", f"{record.key!r}: version {version} after {after} follows {len(chain)}")


CHECKS: tuple[Callable[[Observed], Iterator[Anomaly]], ...] = (
    lost_writes,
    lost_records,
    without_effect,
    duplicates,
    two_contents,
    gaps,
    not_monotone,
    misplaced,
    refused_too,
    unseen,
    broken_chains,
)


def find(seen: Observed) -> list[Anomaly]:
    """Everything that is wrong."""
    return [anomaly for check in CHECKS for anomaly in check(seen)]


def _places_on_log(seen: Observed) -> set[Place]:
    return {p[:3] for records in seen.log for record in records if (p := position_of(record)) is not None}


def _folded_names(seen: Observed) -> set[tuple[Identity, int]]:
    found = (named(record.value) for records in seen.log for record, position in folded(records) if position)
    return {name for name in found if name is not None}
