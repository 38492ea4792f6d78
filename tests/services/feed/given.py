"""Sentences about one customer of the feed: given records, then changes, lines, movements.

A record happens when it is appended, at noon of its day in Shanghai, a minute after the one before it on that day.
Decisions follow one another by service, unless told otherwise.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pydantic_core import from_json

from services.feed.changes import ANNOUNCES
from services.feed.domain import Feed
from services.feed.rules.table import TABLE
from shared.events.codec import decision_id
from shared.events.decisions import Decision, TierChanged
from shared.events.event import Event, LogPosition, Position, Replaced
from shared.events.facts import CustomerReviewed, Fact
from shared.events.registry import NAMES
from shared.fold.entity import Entity, new_entity

ZONE = ZoneInfo("Asia/Shanghai")
Json = dict[str, Any]


@dataclass
class Story:
    """What was folded of customer c, and what came of it."""

    epoch_of_log: int = 0
    changes: list[Json] = field(default_factory=list)
    rows: dict[tuple[str, str], Json] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.entity: Entity[Any, Any] = new_entity(Feed(ZONE, self.epoch_of_log), "customer:c")
        self._offset, self._minutes = 0, 0
        self._last: dict[str, tuple[int, str | None]] = {}

    def told(self, data: Fact | Decision, on: str, **more: Any) -> Event:
        """Fold a record; more are fields of the event."""
        self._minutes += 1
        at = datetime.combine(date.fromisoformat(on), datetime.min.time(), ZONE) + timedelta(
            hours=12, minutes=self._minutes
        )
        at = more.pop("at", at)
        name, offset = NAMES[type(data)], self._offset
        self._offset += 1
        known: Json = {"id": f"e{offset}", "source": "erp", "inbox": Position(1, 0, offset), **more}
        if isinstance(data, Decision):
            service = TABLE[name].by
            known |= {"id": decision_id("c", data), "source": f"guanxi/{service}", "inbox": None}
        event = Event(
            type=name, subject="c", time=at, data=data, recorded_at=at, log=LogPosition(1, 3, offset), **known
        )
        list(self.entity.fold(event, deciding=True))
        value = ANNOUNCES.tell(self.entity, event) if self.entity.took else None
        if value is not None:
            self.changes.append(from_json(value))
        for row in self.entity.domain.rows(self.entity.state, self.entity.standing):
            assert row.document is not None, "nothing is ever taken out"
            self.rows[row.collection, row.id] = row.document
        return event

    def revised(self, data: Fact, on: str, of: Event, **more: Any) -> Event:
        """A revision, or a void, of a record."""
        fact = of.data if isinstance(of.data, type(data)) or more.get("revision") is None else None
        return self.told(
            data, on, **{"revision": of.revision + 1, "replaces": Replaced(of.revision, of.time, fact), **more}
        )

    def moved(self, to: str, on: str, *, before: str = "potential", net: str = "0.00", **more: Any) -> Event:
        """An accepted change of tier."""
        return self.told(tier_changed(self._next("tiering"), to, on, before=before, net=net), on, **more)

    def _next(self, service: str) -> tuple[int, str | None]:
        version, last = self.entity.state.decided.get(service, (0, None))
        return version + 1, last

    def review(self, at: str) -> None:
        """A review, appended at an instant."""
        self.told(CustomerReviewed(), "2026-01-01", at=datetime.fromisoformat(at), source="guanxi/tiering")

    @property
    def lines(self) -> list[Json]:
        """The timeline, from its beginning."""
        lines = [one for (collection, _), one in self.rows.items() if collection == "timeline"]
        return sorted(lines, key=lambda one: one["offset"])

    @property
    def movements(self) -> list[Json]:
        """In the order of their versions."""
        found = [one for (collection, _), one in self.rows.items() if collection == "movements"]
        return sorted(found, key=lambda one: one["version"])

    @property
    def sections(self) -> list[list[str]]:
        """What each thin change names."""
        return [one["data"]["sections"] for one in self.changes if "sections" in one["data"]]


def tier_changed(
    place: tuple[int, str | None], to: Any, on: str, *, before: Any = "potential", net: str = "0.00"
) -> TierChanged:
    """A decision of tiering, as the log has it."""
    version, after = place
    return TierChanged(
        version=version,
        after=after,
        effective_on=date.fromisoformat(on),
        from_tier=before,
        to_tier=to,
        cause="score",
        computed_tier=to,
        score="61.7",
        known_weight=35,
        factors={
            "purchase_volume": {"value": net, "points": "7.31", "weight": 20, "known": True},
            "margin": {"value": "0.2217", "points": "5.54", "weight": 10, "known": True},
            "payment": {"value": "3.99", "points": "3.99", "weight": 10, "known": True},
        },
        policy="default-cny",
        policy_version=1,
        entitled_tier=to,
    )


def of_kind(lines: list[Json], kind: str) -> Iterator[Json]:
    """The lines of a kind."""
    return (one for one in lines if one["kind"] == kind)
