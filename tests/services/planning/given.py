"""Sentences about one customer's planning: given tiers and facts on days, when days pass, then decisions and a row.

A fact happens at noon of its day in Shanghai and is appended then, unless `recorded_on` says when; a tier changes at
one in the morning. Decisions are read back at once.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from services.planning.catalogue_file import make_catalogues
from services.planning.domain import Planning
from shared.events.codec import decision_id
from shared.events.decisions import Decision, Grace, RelationshipMeasured, TierChanged
from shared.events.event import Event, LogPosition, Replaced
from shared.events.facts import (
    CustomerReviewed,
    Fact,
    GroupPlanAgreed,
    Objective,
    PlanReviewed,
    PlanStep,
    PlanStepDone,
    RecordVoided,
    ServiceDelivered,
)
from shared.events.registry import NAMES
from shared.events.types import Tier
from shared.fold.entity import Entity, load_entity, new_entity

ZONE = ZoneInfo("Asia/Shanghai")
CATALOGUES = make_catalogues()
KEY = "customer:c"
Json = dict[str, Any]


def at(day: str, hour: int = 12, minutes: int = 0) -> datetime:
    return datetime.combine(date.fromisoformat(day), time(hour), ZONE) + timedelta(minutes=minutes)


def on(day: str) -> date:
    return date.fromisoformat(day)


def objective(name: str = "o", dimension: Any = "key", due: str = "2026-12-31", **more: Any) -> Objective:
    known: Json = {"metric": "kcr", "target": Decimal(2), **more}
    return Objective(objective_id=name, dimension=dimension, due_on=on(due), **known)


def step(name: str, due: str, objective_id: str = "o") -> PlanStep:
    return PlanStep(step_id=name, objective_id=objective_id, what="visit", owner="r-1", due_on=on(due))


@dataclass
class Story:
    """A customer. `reload` stores and loads it before every record."""

    reload: bool = False
    decisions: list[Decision] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.domain = Planning(CATALOGUES, ZONE)
        self.entity: Entity[Any, Any] = new_entity(self.domain, KEY)
        self._number = 0
        self._tier: tuple[int, str | None, Tier] = (0, None, "potential")
        self._cared: tuple[int, str | None] = (0, None)

    def fold(self, event: Event) -> Event:
        if self.reload:
            self.entity = load_entity(self.domain, KEY, self.entity.document())
        for decision in list(self.entity.fold(event, deciding=True)):
            self.decisions.append(decision.data)
            assert not [*self.entity.fold(decision, deciding=True)]
        return event

    def told(self, fact: Fact, on_day: str, recorded_on: str | None = None, **more: Any) -> Event:
        self._number += 1
        happened = at(on_day, minutes=self._number)
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

    def revised(self, of: Event, fact: Fact, on_day: str) -> Event:
        return self.told(fact, on_day, revision=of.revision + 1, replaces=Replaced(of.revision, of.time, of.data))

    def voided(self, of: Event, kind: Any, record_id: str, on_day: str) -> Event:
        return self.revised(of, RecordVoided(kind=kind, record_id=record_id, reason="wrong"), on_day)

    def tier(self, tier: Tier, on_day: str, kept: Tier | None = None, until: str = "") -> None:
        version, after, before = self._tier
        decision = TierChanged(
            version=version + 1,
            after=after,
            effective_on=on(on_day),
            from_tier=before,
            to_tier=tier,
            cause="score",
            computed_tier=tier,
            score="50.0",
            known_weight=20,
            factors={},
            policy="p",
            policy_version=1,
            entitled_tier=kept or tier,
            graces=() if kept is None else (Grace(tier=kept, until=on(until)),),
        )
        name = decision_id("c", decision)
        self._tier = (version + 1, name, tier)
        instant = at(on_day, 1)
        self._number += 1
        log = LogPosition(1, 0, self._number)
        self.fold(Event(NAMES[TierChanged], name, "guanxi/tiering", "c", instant, decision, instant, log))

    def measured(self, on_day: str, **values: Any) -> None:
        """What engagement measured as of a day, at its beginning."""
        version, after = self._cared
        known: Json = dict.fromkeys(("kcr", "adherence", "nps", "csat", "ces", "loop_rate"))
        known |= dict.fromkeys(("departments", "persons_met", "deciders_met", "executive_meetings"), 0)
        self.cared(RelationshipMeasured(version=version + 1, after=after, effective_on=on(on_day), **known | values))

    def cared(self, decision: Decision) -> None:
        """A decision of engagement as of the beginning of a day."""
        name = decision_id("c", decision)
        instant = at(str(decision.effective_on), 0)
        self._number += 1
        log = LogPosition(1, 0, self._number)
        if (decision.version - 1, decision.after) == self._cared:
            self._cared = (decision.version, name)
        self.fold(Event(NAMES[type(decision)], name, "guanxi/engagement", "c", instant, decision, instant, log))

    def plan(self, fact: GroupPlanAgreed, on_day: str, of: Event | None = None) -> Event:
        return self.told(fact, on_day) if of is None else self.revised(of, fact, on_day)

    def done(self, name: str, done_on: str, plan: str = "p", told_on: str | None = None, **more: Any) -> Event:
        fact = PlanStepDone(done_id=f"d-{name}", plan_id=plan, step_id=name, done_on=on(done_on), done_by="r-1")
        return self.told(fact, told_on or done_on, **more)

    def plan_reviewed(self, on_day: str, plan: str = "p") -> Event:
        fact = PlanReviewed(review_id=f"w-{on_day}", plan_id=plan, findings="fine", reviewed_by="r-1")
        return self.told(fact, on_day)

    def delivered(self, service: str, on_day: str, quantity: int = 1, **more: Any) -> Event:
        fact = ServiceDelivered(delivery_id=f"l-{on_day}", service=service, quantity=quantity, **more)
        return self.told(fact, on_day)

    def until(self, on_day: str) -> None:
        """A sweep at noon of a day."""
        self.told(CustomerReviewed(), on_day)

    def shown_objective(self, name: str = "o", plan: str = "p") -> Json:
        found: Json = next(one for one in self.shown_plan(plan)["objectives"] if one["objective_id"] == name)
        return {field: found[field] for field in ("baseline", "value", "progress", "outcome")}

    @property
    def row(self) -> Json:
        return self.domain.document(self.entity.state, self.entity.standing)

    def shown_plan(self, plan: str = "p") -> Json:
        found: Json = next(one for one in self.row["plans"] if one["plan_id"] == plan)
        return found

    def shown_step(self, name: str, plan: str = "p") -> Json:
        found: Json = next(one for one in self.shown_plan(plan)["steps"] if one["step_id"] == name)
        return found

    def use(self, service: str) -> Json:
        found: Json = next(one for one in self.row["served"]["services"] if one["service"] == service)
        return found

    def decided(self) -> list[tuple[str, str, str]]:
        """What was decided: as of which day, what, and the due day."""
        return [
            (str(one.effective_on), type(one).__name__, str(getattr(one, "due_on", None) or one.lapsed_due_on))  # type: ignore[attr-defined]
            for one in self.decisions
        ]


def plan(
    from_on: str = "2026-03-01",
    to_on: str = "2026-12-31",
    *,
    name: str = "p",
    steps: tuple[PlanStep, ...] = (),
    objectives: tuple[Objective, ...] = (objective(),),
    covers: tuple[str, ...] = (),
) -> GroupPlanAgreed:
    return GroupPlanAgreed(
        plan_id=name,
        from_on=on(from_on),
        to_on=on(to_on),
        steps=steps,
        objectives=objectives,
        covers=covers,
        agreed_by="r-1",
        approved_by="u-1",
    )
