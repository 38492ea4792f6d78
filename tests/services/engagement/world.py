"""Customers and representatives as the log processor drives them, told in sentences; what a case is not about is filled
in. Times are local to the world's zone: "2026-03-02" is ten o'clock of that day.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import bson
from pydantic_core import from_json

from services.engagement.domain import Engagement
from services.engagement.rules.visits import Piece, Ref, Revision, in_order
from services.engagement.stored_visits import VISITS, load_piece
from services.engagement.views.in_python import whole
from shared.events import decisions, facts
from shared.events.codec import decision_id
from shared.events.event import Event, LogPosition, Replaced
from shared.events.registry import VOIDED
from shared.events.types import TIERS
from shared.facts.days import iso
from shared.fold.entity import Entity, load_entity, new_entity
from shared.policies.entitlements import Entitlements, make_entitlements
from tests.events.log import event_of

SHANGHAI = ZoneInfo("Asia/Shanghai")
LONDON = ZoneInfo("Europe/London")
CUSTOMER = "C-1"
REP = "R-1"
DEFAULTS = make_entitlements([(date(2000, 1, 1), None)])


def day(text: str) -> date:
    return date.fromisoformat(text)


@dataclass
class World:
    """Everything that was told, folded at once, decisions read back at once."""

    zone: ZoneInfo = SHANGHAI
    entitlements: Entitlements = DEFAULTS
    reload: bool = False
    deciding: bool = True
    entities: dict[str, Entity[Any, Any]] = field(default_factory=dict)
    rows: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    decided: list[Event] = field(default_factory=list)
    log: list[tuple[str, Event]] = field(default_factory=list)
    records: dict[tuple[str, str, str], Event] = field(default_factory=dict)
    numbers: Iterable[int] = field(default_factory=lambda: count(1))
    tier_chain: dict[str, tuple[int, str | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.domain = Engagement(self.entitlements, self.zone)

    # ------------------------------------------------------------------------------------------------------- telling

    def at(self, text: str) -> datetime:
        local = datetime.fromisoformat(text if len(text) > 10 else f"{text}T10:00")
        return local.replace(tzinfo=self.zone).astimezone(UTC)

    def fold(self, key: str, event: Event) -> None:
        entity = self.entities.get(key) or new_entity(self.domain, key)
        if self.reload and key in self.entities:
            stored = bson.encode(entity.document())
            entity = load_entity(self.domain, key, bson.decode(stored, bson.CodecOptions(tz_aware=True)))
            self.attach(entity, [event])
        self.entities[key] = entity
        made = list(entity.fold(event, deciding=self.deciding))
        self.log.append((key, event))
        for decision in made:
            list(entity.fold(decision, deciding=self.deciding))
            self.log.append((key, decision))
        self.decided += made
        for row in self.domain.rows(entity.state, entity.standing):
            self.rows.pop((row.collection, row.id), None)
            if row.document is not None:
                self.rows[row.collection, row.id] = row.document

    def attach(self, entity: Entity[Any, Any], events: list[Event]) -> None:
        """Give the state the pieces that these events need, from what is stored."""
        needed = self.domain.needs(entity.state, events)
        self.domain.attach(entity.state, {address: self.rows[address] for address in needed})

    def pieces(self, customer: str = CUSTOMER) -> list[Piece]:
        """The weeks of visits that are stored of a customer, in order."""
        stored = [
            document
            for (collection, _), document in self.rows.items()
            if collection == VISITS and document["customer"] == customer
        ]
        return [load_piece(from_json(document["visits"])) for document in sorted(stored, key=lambda one: one["monday"])]

    def kept(self, customer: str = CUSTOMER) -> list[tuple[Ref, Revision]]:
        """The visits that stand, by day and time."""
        return [
            (ref, revisions[-1])
            for piece in self.pieces(customer)
            for ref, revisions in in_order(piece)
            if revisions[-1].stands
        ]

    def tell(
        self,
        data: facts.Fact,
        on: str,
        *,
        subject: str = CUSTOMER,
        kind: str = "customer",
        logged: str | None = None,
        event_id: str | None = None,
        source: str = "crm",
        revision: int = 1,
        backfill: bool = False,
        record: tuple[str, str] | None = None,
    ) -> Event:
        """One fact; by default it is logged when it happens. A revision replaces the record's last one."""
        event = event_of(
            data,
            self.at(on),
            name=event_id or f"e{next(iter(self.numbers)):05}",
            source=source,
            subject=subject,
            recorded_at=self.at(logged or on),
            revision=revision,
            backfill=backfill,
        )
        if record is not None:
            former = self.records.get((source, *record))
            if former is not None:
                event.replaces = Replaced(former.revision, former.time, None if former.type == VOIDED else former.data)
            self.records[source, *record] = event
        self.fold(f"{kind}:{subject}", event)
        return event

    def visit(
        self,
        on: str,
        *,
        visit_id: str | None = None,
        by: str | list[tuple[str, str]] = REP,
        kind: str = "routine",
        channel: str = "onsite",
        attendees: list[dict[str, Any]] | None = None,
        consensus: Any = "trial order",
        follow_ups: list[Any] | None = None,
        occurred_on: str | None = None,
        customer: str = CUSTOMER,
        **envelope: Any,
    ) -> str:
        """A visit that counts if nothing else is said; gives its id."""
        visit_id = visit_id or f"v{next(iter(self.numbers)):05}"
        participants = [(by, "account_manager")] if isinstance(by, str) else by
        fact = facts.VisitLogged.model_validate(
            {
                "visit_id": visit_id,
                "kind": kind,
                "channel": channel,
                "participants": [{"rep_id": rep, "role": role} for rep, role in participants],
                "attendees": [{"department": "buying"}] if attendees is None else attendees,
                "consensus": consensus,
                "follow_ups": [{"what": what} for what in follow_ups or []],
                "occurred_on": occurred_on,
            }
        )
        self.tell(fact, on, subject=customer, record=("visit", visit_id), **envelope)
        return visit_id

    def void(
        self, kind: str, record_id: str, on: str, *, subject: str = CUSTOMER, revision: int = 2, **env: Any
    ) -> None:
        fact = facts.RecordVoided.model_validate({"kind": kind, "record_id": record_id, "reason": "mistake"})
        of = "representative" if kind == "absence" else "customer"
        self.tell(fact, on, subject=subject, kind=of, revision=revision, record=(kind, record_id), **env)

    def tier(
        self,
        to: str,
        on: str,
        *,
        customer: str = CUSTOMER,
        entitled: str | None = None,
        backfill: bool = False,
        logged: str | None = None,
    ) -> None:
        """Tiering's decision as of an instant; `entitled` is the tier whose entitlements run on, `backfill` says that
        it was made of history, and `logged` when it came.
        """
        version, after = self.tier_chain.get(customer, (0, None))
        decision = decisions.TierChanged.model_validate(
            {
                "version": version + 1,
                "after": after,
                "effective_on": on[:10],
                "from": TIERS[0],
                "to": to,
                "cause": "score",
                "computed_tier": to,
                "score": "50.0",
                "known_weight": 20,
                "factors": {},
                "policy": "test",
                "policy_version": 1,
                "entitled_tier": entitled or to,
            }
        )
        name = decision_id(customer, decision)
        self.tier_chain[customer] = (version + 1, name)
        at = self.at(on)
        log, came_at = LogPosition(0, 0, 0), self.at(logged or on)
        event = event_of(
            decision, at, name=name, source="guanxi/tiering", subject=customer, recorded_at=came_at, log=log
        )
        event.backfill = backfill
        self.fold(f"customer:{customer}", event)

    def register(self, on: str, rep: str = REP, *, logged: str | None = None, **fields: Any) -> None:
        given = {"role": "account_manager", "active_from": on[:10]} | fields
        fact = facts.RepresentativeRegistered.model_validate(given)
        self.tell(fact, on, subject=rep, kind="representative", logged=logged)

    def absent(self, from_on: str, to_on: str, rep: str = REP, *, absence_id: str = "a1", **envelope: Any) -> None:
        given = {"absence_id": absence_id, "from_on": from_on, "to_on": to_on, "part": envelope.pop("part", None)}
        fact = facts.RepresentativeAbsent.model_validate(given)
        on = envelope.pop("on", from_on)
        self.tell(fact, on, subject=rep, kind="representative", record=("absence", absence_id), **envelope)

    def assign(self, from_on: str, rep: str | None = REP, *, customer: str = CUSTOMER, **fields: Any) -> None:
        on, logged = fields.pop("on", from_on), fields.pop("logged", None)
        given = fields or {"account_manager": rep}
        fact = facts.AccountAssigned.model_validate({"from_on": from_on, **given})
        self.tell(fact, on, subject=customer, logged=logged)

    def survey(self, on: str, score: int, instrument: str = "nps", *, survey_id: str | None = None, **env: Any) -> str:
        survey_id = survey_id or f"s{next(iter(self.numbers)):05}"
        expectation = env.pop("expectation", None)
        fact = facts.SatisfactionSurveyed.model_validate(
            {"survey_id": survey_id, "instrument": instrument, "score": score, "expectation": expectation}
        )
        self.tell(fact, on, record=("survey", survey_id), **env)
        return survey_id

    def concern(self, on: str, concern_id: str = "k1", severity: str = "major", **env: Any) -> None:
        fact = facts.ConcernRaised.model_validate(
            {"concern_id": concern_id, "kind": "complaint", "severity": severity, "about": "broken pallets"}
        )
        self.tell(fact, on, record=("concern", concern_id), **env)

    def answer(self, on: str, concern_id: str = "k1", **env: Any) -> None:
        self.tell(facts.ConcernResolved(concern_id=concern_id, resolution="credit note"), on, **env)

    def confirm(self, on: str, concern_id: str = "k1", *, accepted: bool = True, **env: Any) -> None:
        fact = facts.ConcernConfirmed(concern_id=concern_id, accepted=accepted, confirmed_by="p1")
        self.tell(fact, on, **env)

    def customer_registered(self, on: str, customer: str = CUSTOMER, **fields: Any) -> None:
        self.tell(facts.CustomerRegistered.model_validate(fields), on, subject=customer)

    def rate(self, on: str, customer: str = CUSTOMER, **fields: Any) -> None:
        self.tell(facts.AccountRated.model_validate({"rated_by": "ann"} | fields), on, subject=customer)

    def assess(self, on: str, person_id: str = "p1", *, subject: str = CUSTOMER, **fields: Any) -> None:
        given = {"decision_role": "decide", "assessed_by": REP, "person_id": person_id} | fields
        self.tell(facts.KeyPersonAssessed.model_validate(given), on, subject=subject)

    def erase(self, on: str, person_id: str = "p1", *, subject: str = CUSTOMER) -> None:
        given = {"person_id": person_id, "requested_on": on, "basis": "gdpr_17", "mode": "erase", "decided_by": "u-1"}
        self.tell(facts.PersonErased.model_validate(given), on, subject=subject)

    def goal(self, on: str, metric: str, baseline: str, target: str, due_on: str, **env: Any) -> None:
        given = {"metric": metric, "baseline": Decimal(baseline), "target": Decimal(target), "due_on": due_on}
        fact = facts.GoalSet.model_validate(given | {"scope": env.get("kind", "customer")})
        self.tell(fact, on, **env)

    def plan(self, on: str, from_on: str, to_on: str, *due_on: str, plan_id: str = "p", **env: Any) -> None:
        """A group plan with an objective due on each of these days."""
        goal = {"dimension": "key", "metric": "kcr", "target": Decimal(2)}
        goals = [goal | {"objective_id": f"o{number}", "due_on": one} for number, one in enumerate(due_on)]
        given = {"plan_id": plan_id, "from_on": from_on, "to_on": to_on, "agreed_by": REP, "approved_by": "u"}
        fact = facts.GroupPlanAgreed.model_validate(given | {"objectives": goals})
        self.tell(fact, on, record=("plan", plan_id), **env)

    def plan_reviewed(self, on: str, review_id: str = "w", plan_id: str = "p", **env: Any) -> None:
        given = {"review_id": review_id, "plan_id": plan_id, "findings": "as planned", "reviewed_by": REP}
        self.tell(facts.PlanReviewed.model_validate(given), on, record=("plan_review", review_id), **env)

    def review(self, on: str, customer: str = CUSTOMER) -> None:
        self.tell(facts.CustomerReviewed(), on, subject=customer, event_id="review")

    # ------------------------------------------------------------------------------------------------------- reading

    def row(self, customer: str = CUSTOMER) -> dict[str, Any]:
        """A customer's document, as readers see it and with its private part."""
        return whole(self.entities[f"customer:{customer}"].document())

    def contact(self) -> dict[str, Any]:
        contact: dict[str, Any] = self.row()["contact"]
        return contact

    def decisions(self) -> list[tuple[str, str]]:
        """(name, effective_on) of all decisions so far."""
        return [(type(event.data).__name__, event.data.effective_on.isoformat()) for event in self.decided]

    def visits(self, *, now: bool = True) -> list[tuple[str, str, str | None]]:
        """(week, visit id, flaw) of the entries in visit rows, as they are now or were at closing."""
        mark = "now" if now else "closed"
        return sorted(
            (document["week"], entry["visit_id"], entry["flaw"])
            for (collection, _), document in self.rows.items()
            if collection == "visit_rows"
            for entry in document["visits"]
            if entry[mark]
        )

    def accounts(self) -> dict[str, list[tuple[str, str]]]:
        """By representative, the days from and until which they owned the general customer."""
        return {
            document["representative"]: [(iso(span["from_on"]), iso(span["until_on"])) for span in document["spans"]]
            for (collection, _), document in self.rows.items()
            if collection == "account_rows"
        }
