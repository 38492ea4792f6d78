"""Sentences about one customer's archives: given tiers and facts on days, when days pass, then decisions and a row.

A fact happens at noon of its day in Shanghai and is appended then, unless `recorded_on` says when; a tier changes at
one in the morning. Decisions are read back at once.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.archives.domain import Archives
from services.archives.rules.templates import Templates
from services.archives.template_file import make_templates
from shared.events.codec import decision_id
from shared.events.decisions import Decision, ProfileLapsed, ProfileRestored, TierChanged
from shared.events.event import Event, LogPosition, Replaced
from shared.events.facts import CustomerReviewed, Fact, ProfileItem, ProfileReviewed, ProfileRevised
from shared.events.registry import NAMES
from shared.events.types import Tier
from shared.fold.entity import Entity, load_entity, new_entity

ZONE = ZoneInfo("Asia/Shanghai")
OWN = make_templates()
CP = [item.name for item in OWN["cp"][0].items]
KEY = "customer:c"
TEXT = "ten chars."
Json = dict[str, Any]


def at(day: str, hour: int = 12, minutes: int = 0) -> datetime:
    return datetime.combine(date.fromisoformat(day), time(hour), ZONE) + timedelta(minutes=minutes)


def texts(*items: str, text: str | None = TEXT, observed_on: str | None = None) -> tuple[ProfileItem, ...]:
    day = None if observed_on is None else date.fromisoformat(observed_on)
    return tuple(ProfileItem(item=item, text=text, observed_on=day) for item in items)


def section(name: str) -> list[str]:
    return [item.name for item in OWN["cp"][0].items if item.section == name]


@dataclass
class Story:
    """A customer. `reload` stores and loads it before every record."""

    templates: Templates = field(default_factory=lambda: OWN)
    reload: bool = False
    decisions: list[Decision] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.domain = Archives(self.templates, ZONE)
        self.entity: Entity[Any, Any] = new_entity(self.domain, KEY)
        self._number = 0
        self._tier: tuple[int, str | None, Tier] = (0, None, "potential")

    def fold(self, event: Event) -> Event:
        if self.reload:
            self.entity = load_entity(self.domain, KEY, self.entity.document())
        for decision in list(self.entity.fold(event, deciding=True)):
            self.decisions.append(decision.data)
            assert not [*self.entity.fold(decision, deciding=True)]
        return event

    def told(self, fact: Fact, on: str, recorded_on: str | None = None, **more: Any) -> Event:
        self._number += 1
        happened = at(on, minutes=self._number)
        recorded = happened if recorded_on is None else at(recorded_on, minutes=self._number)
        known: Json = {"id": f"e{self._number:04}", "source": "crm", **more}
        event = Event(
            type=NAMES[type(fact)],
            subject="c",
            time=happened,
            data=fact,
            recorded_at=recorded,
            log=LogPosition(1, 0, self._number),
            **known,
        )
        return self.fold(event)

    def revised(self, of: Event, fact: Fact, on: str) -> Event:
        return self.told(fact, on, revision=of.revision + 1, replaces=Replaced(of.revision, of.time, of.data))

    def tier(self, tier: Tier, on: str) -> None:
        version, after, before = self._tier
        decision = TierChanged(
            version=version + 1,
            after=after,
            effective_on=date.fromisoformat(on),
            from_tier=before,
            to_tier=tier,
            cause="score",
            computed_tier=tier,
            score="50.0",
            known_weight=20,
            factors={},
            policy="p",
            policy_version=1,
            entitled_tier=tier,
        )
        name = decision_id("c", decision)
        self._tier = (version + 1, name, tier)
        instant = at(on, 1)
        self._number += 1
        log = LogPosition(1, 0, self._number)
        self.fold(
            Event(
                type=NAMES[TierChanged],
                id=name,
                source="guanxi/tiering",
                subject="c",
                time=instant,
                data=decision,
                recorded_at=instant,
                log=log,
            )
        )

    def cp(self, items: tuple[ProfileItem, ...], on: str, recorded_on: str | None = None, **more: Any) -> Event:
        fact = ProfileRevised(profile="cp", template="cp/1", items=items, revised_by="r-1", **more)
        return self.told(fact, on, recorded_on)

    def vp(self, vendor: str, items: tuple[ProfileItem, ...], on: str) -> Event:
        fact = ProfileRevised(profile="vp", vendor_id=vendor, template="vp/1", items=items, revised_by="r-1")
        return self.told(fact, on)

    def read_again(self, on: str, *sections: Any) -> Event:
        return self.told(ProfileReviewed(profile="cp", sections=sections, reviewed_by="r-1"), on)

    def until(self, on: str) -> None:
        """A sweep at the end of a day."""
        self.told(CustomerReviewed(), on)

    @property
    def row(self) -> Json:
        return self.domain.document(self.entity.state, self.entity.standing)

    def profile(self, vendor: str | None = None) -> Json:
        return next(one for one in self.row["profiles"] if one["vendor_id"] == vendor)

    def shares(self, on: str) -> tuple[str | None, str | None]:
        self.until(on)
        shown = self.profile()
        return shown["completeness"], shown["freshness"]

    def decided(self) -> list[tuple[str, str, str]]:
        """What was decided: as of which day, what, and the due day."""
        found = []
        for one in self.decisions:
            if isinstance(one, ProfileLapsed):
                found.append((str(one.effective_on), "lapsed", str(one.due_on)))
            elif isinstance(one, ProfileRestored):
                found.append((str(one.effective_on), "restored", str(one.lapsed_due_on)))
        return found
