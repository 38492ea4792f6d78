"""Sentences about one customer: given facts, when days pass or more facts come, then decisions and a row.

A fact happens at noon of its day in the policy's zone (a few seconds later than the one said before it) and is appended
at once, unless `recorded_on` says when. Decisions are read back at once, as by an undisturbed log processor.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pydantic_core import from_json

from local.stack.paths import REPOSITORY
from services.tiering.domain import Tiering
from services.tiering.policy import Policies, Policy
from services.tiering.policy_file import read_policy
from services.tiering.rules.changes import would_change
from shared.events import facts
from shared.events.decisions import Decision, TierChanged, TierProposed
from shared.events.event import Event, LogPosition, Replaced
from shared.events.facts import Fact, RecordKind
from shared.events.money import format_minor, parse_amount
from shared.fold.entity import Entity, new_entity
from tests.events.log import event_of

POLICY_FILES = REPOSITORY / "deploy" / "policies"
SHANGHAI = ZoneInfo("Asia/Shanghai")


def policy(name: str, **changes: Any) -> Policy:
    """A policy of deploy/policies, with some of it changed."""
    read = read_policy((POLICY_FILES / f"{name}.yaml").read_text(encoding="utf-8"), name)
    return replace(read, **changes) if changes else read


CNY, GBP = policy("default-cny"), policy("wholesale-gbp")


def day(text: str) -> date:
    return date.fromisoformat(text)


@dataclass(frozen=True)
class Said:
    """A fact, when it happened, and when it was appended."""

    fact: Fact
    on: date
    recorded_on: date
    source: str = "erp"
    id: str = ""
    revision: int = 1
    replaces: "Said | None" = None
    backfill: bool = False
    after_minutes: int = 0


def said(fact: Fact, on: str, recorded_on: str | None = None, **more: Any) -> Said:
    return Said(fact, day(on), day(recorded_on or on), **more)


def canonical(amount: str, currency: str) -> str:
    """An amount as admission writes it on the log."""
    minor = parse_amount(amount, currency)
    assert isinstance(minor, int), minor
    return format_minor(minor, currency)


def purchase(
    amount: str,
    on: str,
    *,
    currency: str = "CNY",
    margin: str | None = None,
    counts_on: str | None = None,
    recorded_on: str | None = None,
    **more: Any,
) -> Said:
    data: dict[str, Any] = {"purchase_id": "p", "amount": canonical(amount, currency), "currency": currency}
    data |= {"margin_rate": margin, "occurred_on": counts_on}
    return said(facts.PurchaseRecorded.model_validate(data), on, recorded_on, **more)


def refund(
    amount: str, on: str, *, purchased_on: str | None = None, currency: str = "CNY", recorded_on: str | None = None
) -> Said:
    data = {"refund_id": "r", "amount": canonical(amount, currency), "currency": currency, "purchased_on": purchased_on}
    return said(facts.PurchaseRefunded.model_validate(data), on, recorded_on)


def amended(former: Said, on: str, **changes: Any) -> Said:
    """The next revision: the record happened when it did, the news of it comes on a day."""
    fact = type(former.fact).model_validate({**former.fact.model_dump(), **changes})
    return replace(former, fact=fact, recorded_on=day(on), revision=former.revision + 1, replaces=former)


def voided(former: Said, on: str, kind: RecordKind = "purchase", record_id: str = "p") -> Said:
    """The revision without content."""
    fact = facts.RecordVoided(kind=kind, record_id=record_id, reason="by mistake")
    return replace(former, fact=fact, recorded_on=day(on), revision=former.revision + 1, replaces=former)


def invoice(amount: str, on: str, *, due_on: str, name: str = "i", currency: str = "CNY") -> Said:
    data = {"invoice_id": name, "amount": canonical(amount, currency), "currency": currency, "due_on": due_on}
    return said(facts.InvoiceIssued.model_validate(data), on)


def paid(on: str, *, name: str = "i", paid_on: str | None = None) -> Said:
    return said(facts.InvoicePaid(invoice_id=name, paid_on=day(paid_on or on)), on)


def rated(on: str, *, by: str = "ann", approved_by: str | None = "bo", **more: Any) -> Said:
    """`fit`, `market`, `share`: points; `valid_until`; also `recorded_on` and `counts_on`."""
    names = {"fit": "strategic_fit", "market": "market_standing", "share": "share_of_wallet"}
    data = {names[name]: more[name] for name in names if name in more}
    data |= {"rated_by": by, "approved_by": approved_by, "valid_until": more.get("valid_until")}
    data["occurred_on"] = more.get("counts_on")
    return said(facts.AccountRated.model_validate(data), on, more.get("recorded_on"))


def credit(grade: str, on: str, *, valid_until: str | None = None) -> Said:
    return said(facts.CreditRated.model_validate({"grade": grade, "valid_until": valid_until}), on)


def overridden(tier: str, on: str, *, until: str, recorded_on: str | None = None) -> Said:
    data = {"tier": tier, "reason": "why not", "requested_by": "ann", "approved_by": "bo", "expires_on": until}
    return said(facts.TierOverridden.model_validate(data), on, recorded_on)


def lifted(on: str, *, recorded_on: str | None = None) -> Said:
    return said(facts.TierOverrideLifted(reason="no more", lifted_by="ann"), on, recorded_on)


def approved(version: int, on: str, *, by: str = "bo", recorded_on: str | None = None) -> Said:
    return said(facts.TierApproved(proposal_version=version, approved_by=by), on, recorded_on)


def declined(version: int, on: str) -> Said:
    return said(facts.TierDeclined(proposal_version=version, declined_by="bo", reason="not now"), on)


def assigned(on: str, *, from_on: str | None = None, recorded_on: str | None = None, **roles: str | None) -> Said:
    return said(facts.AccountAssigned.model_validate({**roles, "from_on": from_on or on}), on, recorded_on)


def registered(on: str, *, recorded_on: str | None = None, **fields: str | None) -> Said:
    return said(facts.CustomerRegistered.model_validate(fields), on, recorded_on)


def review(on: str) -> Said:
    return said(facts.CustomerReviewed(), on)


@dataclass
class Given:
    """A customer, the facts folded so far, and the decisions made since the last `when`."""

    domain: Tiering
    entity: Entity[Any, Any]
    decisions: list[Decision] = field(default_factory=list)
    folded: int = 0

    def when(self, *news: Said | str) -> "Given":
        """Fold facts; a day alone is a review at its noon."""
        self.decisions.clear()
        for one in news:
            self._fold(review(one) if isinstance(one, str) else one)
        return self

    def _fold(self, one: Said) -> None:
        self.fold(self.event(one))

    def fold(self, event: Event) -> None:
        """Fold a record of the log, and read what is decided back."""
        for decision in [*self.entity.fold(event, deciding=True)]:
            self.decisions.append(decision.data)
            self.folded += 1
            back = replace(decision, recorded_at=event.recorded_at, log=LogPosition(1, 0, self.folded))
            assert not [*self.entity.fold(back, deciding=True)], "a decision never sets off deciding"

    def event(self, one: Said) -> Event:
        """The record of the log that says it."""
        self.folded += 1
        later = timedelta(seconds=self.folded, minutes=one.after_minutes)
        former = one.replaces
        return event_of(
            one.fact,
            self._noon(one.on) + later,
            name=one.id or f"e{self.folded}",
            source=one.source,
            subject="c",
            recorded_at=self._noon(one.recorded_on) + later,
            log=LogPosition(1, 0, self.folded),
            revision=one.revision,
            backfill=one.backfill,
            replaces=None
            if former is None
            else Replaced(former.revision, self._noon(former.on), None if _is_void(former) else former.fact),
        )

    def _noon(self, on: date) -> datetime:
        return self.domain.days.start(on.toordinal()) + timedelta(hours=12)

    @property
    def row(self) -> dict[str, Any]:
        """The customer's stored document."""
        return self.domain.document(self.entity.state, self.entity.standing)

    @property
    def stored(self) -> dict[str, Any]:
        """The private fields of the document, read."""
        return {name: from_json(text) for name, text in self.row.items() if name.startswith("fold")}

    def factor(self, name: str) -> Any:
        """Points of a factor, or "unknown"."""
        from services.tiering.policy import FACTORS  # noqa: PLC0415 - one name for one line

        found = next(f for f in self.row["factors"] if FACTORS[f[0]] == name)
        return "unknown" if found[1] is None else found[2]

    @property
    def tier(self) -> str:
        return str(self.row["tier"])

    @property
    def would_change(self) -> dict[str, Any]:
        """What would change the tier now."""
        return would_change(self.entity.state, self.entity.standing, self.domain.policies)

    def then(self, *expected: "Expected") -> "Given":
        """These decisions, in this order, and no others; of each what is said of it."""
        found = [_told(decision) for decision in self.decisions]
        assert len(found) == len(expected), found
        for one, wanted in zip(found, expected, strict=True):
            assert {name: one.get(name) for name in wanted} == wanted, found
        return self


Expected = dict[str, Any]


def _is_void(one: Said) -> bool:
    return isinstance(one.fact, facts.RecordVoided)


def _told(decision: Decision) -> Expected:
    kind = {TierChanged: "changed", TierProposed: "proposed"}[type(decision)]
    return {"kind": kind, **decision.model_dump(mode="json", by_alias=True)}


def tier_changed(to: str, *, on: str | None = None, **more: Any) -> Expected:
    """`on` is effective_on, `from_` is from."""
    told = {"kind": "changed", "to": to, **more}
    if "from_" in told:
        told["from"] = told.pop("from_")
    return told | ({"effective_on": on} if on else {})


def tier_proposed(tier: str | None, *, on: str | None = None, **more: Any) -> Expected:
    return {"kind": "proposed", "proposed_tier": tier, **more} | ({"effective_on": on} if on else {})


def given(*news: Said | str, policies: Policies = (CNY,), zone: ZoneInfo = SHANGHAI) -> Given:
    domain = Tiering(policies, zone)
    return Given(domain, new_entity(domain, "customer:c")).when(*news)


def wholesale(*news: Said | str) -> Given:
    """By wholesale-gbp: score = 8 x points of volume + 6 while growth is unknown."""
    return given(*news, policies=(GBP,), zone=ZoneInfo("Europe/London"))


def pounds(amount: str, on: str, **more: Any) -> Said:
    return purchase(amount, on, currency="GBP", **more)


def many(facts_of_all: Sequence[Sequence[Said]]) -> list[Said]:
    """Several lists of facts, in the order of their days."""
    return sorted((one for some in facts_of_all for one in some), key=lambda one: one.recorded_on)


def best(on: str) -> list[Said]:
    """By default-cny: 89.5, and all gates passed; the purchase last."""
    return [
        rated(on, fit="10", market="10", share="10"),
        invoice("1000", on, due_on=on, name="best"),
        paid(on, name="best"),
        purchase("100000000", on, margin="0.4"),
    ]
