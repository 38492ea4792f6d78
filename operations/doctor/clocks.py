"""Clocks: this machine's, MongoDB's and, by its latest timestamp, the broker's."""

from datetime import UTC, datetime, timedelta

from operations.doctor.schema import mongo_clock
from operations.doctor.symptoms import Findings
from shared.kafka.follow import Follower
from shared.kafka.inspect import FoundTopic
from shared.mongo import Database
from shared.settings import Settings

CLOCKS = "clocks"
TOLERATED = timedelta(seconds=2)
HARMFUL = timedelta(minutes=5)
"""How far ahead of the broker's clock admission allows an event."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def look_at_clocks(database: Database, log: FoundTopic, settings: Settings, findings: Findings) -> None:
    """Compare them. The latest timestamp can't show that a broker's clock is behind."""
    before, mongo, after = await mongo_clock(database)
    off = mongo - after if mongo > after else min(timedelta(), mongo - before)
    told = [f"MongoDB {_seconds(off)}"]
    _say("MongoDB's clock", off, findings)
    newest = await _newest(log, settings)
    if newest is not None:
        ahead = newest - datetime.now(UTC)
        told.append(f"Kafka's last record {_seconds(ahead)}")
        _say("the broker's clock", max(timedelta(), ahead), findings)
    findings.checked[CLOCKS] = "against this machine: " + ", ".join(told)


def _say(whose: str, off: timedelta, findings: Findings) -> None:
    if abs(off) <= TOLERATED:
        return
    what = f"{whose} is {_seconds(off)} off this machine's"
    why = "the broker's append time is every customer's clock, and decides what is too old or in the future"
    (findings.wrong if abs(off) > HARMFUL else findings.warn)(CLOCKS, what, why, "synchronise the clocks (NTP)")


async def _newest(log: FoundTopic, settings: Settings) -> datetime | None:
    """The latest append time on the log, by the last record of each partition."""
    latest = 0
    async with Follower(settings, log.name) as follower:
        for partition, end in log.ends.items():
            if end > log.begins[partition]:
                follower.seek(partition, end - 1)
                async for records in follower.read(end):
                    latest = max(latest, records[-1].timestamp)
    return EPOCH + timedelta(milliseconds=latest) if latest else None


def _seconds(off: timedelta) -> str:
    return f"{off.total_seconds():+.1f} s"
