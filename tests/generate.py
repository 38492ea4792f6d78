"""Histories of one customer at random, as an upstream would send them: plain CloudEvents and when they were appended.

One text serves two sources of chance: a seed (`history(Seeded(7))`) and Hypothesis, which shrinks what fails
(`histories()`). Everything that the rules have edges for occurs: late and early facts, amendments and voids that cross,
refunds of other days, both sides of every window, currencies with and without a rate, ties in time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.oracle.engagement import TIER_CHANGED
from tests.oracle.facts import REVIEWED, VOIDED, Json, Logged, identity, revision
from tests.oracle.planning import MEASURED as RELATIONSHIP_MEASURED
from tests.oracle.wire import event, revised, voided

T = TypeVar("T")
START = datetime(2024, 1, 10, 3, 30, tzinfo=UTC)
GAPS_DAYS = (0, 0, 0, 0, 0, 1, 1, 1, 3, 7, 14, 14, 29, 30, 31, 31, 60, 61, 62, 89, 90, 91, 179, 180, 364, 365)
CONTACT_GAPS_DAYS = (0, 0, 1, 1, 2, 3, 5, 6, 7, 13, 14, 20, 29, 30, 31, 45, 72, 89, 90, 91)
CONCERN_GAPS_DAYS = (0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 5, 5, 6, 7, 14, 15, 30)
SHIFTS_DAYS = (0, 0, 0, 0, 0, -1, -2, -30, -89, -90, -91, -179, -180, -364, -365, -366, -454, -455, -729, -730)
EDGES_DAYS = (0, 1, 7, 14, 24, 30, 31, 61, 72, 90, 91, 180, 365, 455, 730)
MAX_AGE_DAYS = 755
PEOPLE = ("ann", "bo", "chen")
SOURCES = ("erp", "crm")
CURRENCIES = {"CNY": ("CNY", "CNY", "CNY", "USD", "JPY", "CHF"), "GBP": ("GBP", "GBP", "GBP", "EUR", "USD", "CHF")}
PURCHASING = ("purchase", "purchase", "purchase", "refund", "amend", "void", "review")
TIERING = (
    *PURCHASING,
    *(
        "bloom",
        "bloom",
        "invoice",
        "payment",
        "part",
        "credited",
        "settled",
        "settled",
        "rating",
        "credit",
        "override",
        "lift",
        "assign",
        "approval",
        "approval",
    ),
)
PROFILE_KEYS: tuple[Json, ...] = ({"profile": "cp"}, {"profile": "cp"}, {"profile": "vp", "vendor_id": "V"})
ANSWERS = ("survey", "survey", "survey", "amend", "void", "review")
CONCERNS = ("concern", "concern", "answered", "answered", "confirmed", "confirmed", "tier", "amend", "void", "review")
RELATIONS = ("visit", "visit", "person", "person", "person", "tier", "amend", "void", "review")
GOALS = (*CONCERNS[:6], *RELATIONS[:4], "survey", "goal", "goal", "tier", "tier", "void", "review")
PROFILES = (*("rank",) * 3, *("revise",) * 5, "read_again", "read_again", "granted", "amend", "void", "review", "tier")
PLANS = (
    *("rank", "rank", "leave", "agree", "agree", "replan", "replan", "replan", "step_done", "step_done", "step_done"),
    *("measured", "measured", "plan_review", "person", "delivered", "delivered", "delivered", "difficulty"),
    *("amend", "void", "review", "tier", "covered", "covered"),
)
MEASURED = (
    *("rank", "rank", "tier", "agree", "agree", "replan", "plan_review", "plan_review", "visit", "visit", "person"),
    *("person", "survey", "concern", "answered", "confirmed", "amend", "void", "review"),
)
PLAN_GAPS_DAYS = (0, 0, 1, 1, 7, 8, 15, 30, 31, 44, 45, 46, 89, 90)
PROFILE_GAPS_DAYS = (0, 0, 1, 1, 7, 14, 29, 30, 31, 59, 60, 89, 90)
CONTACTS = ("tier", "visit", "visit", "visit", "visit", "amend", "void", "review", "survey", "tier", "tier")
_DECIDED = frozenset({TIER_CHANGED, RELATIONSHIP_MEASURED})


class Chance(Protocol):
    """Where a generator's choices come from."""

    def pick(self, options: Sequence[T]) -> T: ...

    def integer(self, low: int, high: int) -> int: ...


class Seeded:
    """Chance from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def pick(self, options: Sequence[T]) -> T:
        return self._random.choice(options)

    def integer(self, low: int, high: int) -> int:
        return self._random.randint(low, high)


class Drawn:
    """Chance that Hypothesis draws, and shrinks towards the first option and the lowest number."""

    def __init__(self, draw: DrawFn) -> None:
        self._draw = draw

    def pick(self, options: Sequence[T]) -> T:
        return self._draw(st.sampled_from(options))

    def integer(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))


@dataclass
class _Writer:
    chance: Chance
    currency: str
    now: datetime = START
    shifts_days: Sequence[int] = SHIFTS_DAYS
    log: list[Logged] = field(default_factory=list)
    records: list[Json] = field(default_factory=list)
    coverings: list[Json] = field(default_factory=list)
    tier_versions: int = 0
    tier: str = "potential"
    measured: int = 0

    def when(self) -> datetime:
        """An instant at which something happened, most often just now, sometimes long ago, rarely a little ahead."""
        shift = timedelta(self.chance.pick(self.shifts_days), minutes=self.chance.pick((0, 0, -40, 4)))
        return max(self.now + shift, self.now - timedelta(MAX_AGE_DAYS))

    def add(self, noun: str, **data: Any) -> Json:
        when = self.when()
        if self.chance.integer(0, 7) == 7:
            data["occurred_on"] = _text(when.date() + timedelta(self.chance.integer(-7, 7)))
        said = event(noun, when, event_id=f"e{len(self.log)}", source=self.chance.pick(SOURCES), **data)
        self.log.append(Logged(said, self.now))
        return said

    def day(self, low: int, high: int) -> str:
        return _text(self.now.date() + timedelta(self.chance.integer(low, high)))

    def amount(self, currency: str) -> str:
        whole = self.chance.pick((1, 2, 5, 7)) * 10 ** self.chance.integer(2, 7)
        return f"{whole}" if currency == "JPY" else f"{whole}.{self.chance.pick(('00', '01', '49', '50'))}"

    def step(self, action: str) -> None:
        getattr(self, f"_{action}")()

    def _new_id(self, kind: str) -> str:
        """Ids are of a small set for invoices, whose halves must meet; two sources may use the same."""
        return f"{kind}-{self.chance.integer(1, 4)}" if kind == "i" else f"{kind}-{len(self.log)}"

    def _purchase(self) -> None:
        currency = self.chance.pick(CURRENCIES[self.currency])
        margin = self.chance.pick((None, None, "0.05", "0.2", "0.31", "-0.1"))
        self.records.append(
            self.add(
                "purchase.recorded",
                purchase_id=self._new_id("p"),
                amount=self.amount(currency),
                currency=currency,
                margin_rate=margin,
            )
        )

    def _refund(self) -> None:
        currency = self.chance.pick(CURRENCIES[self.currency])
        purchased_on = self.chance.pick((None, None, self.day(-400, 0)))
        self.records.append(
            self.add(
                "purchase.refunded",
                refund_id=self._new_id("r"),
                amount=self.amount(currency),
                currency=currency,
                purchased_on=purchased_on,
            )
        )

    def _amend(self) -> None:
        """A higher revision of some record; now and then the lower one of a pair arrives after the higher."""
        if not self.records:
            return
        former = self.chance.pick(self.records)
        number = revision(Logged(former, self.now)) + self.chance.pick((1, 1, 2))
        changes = self._plan_changes(former["data"])
        if "amount" in former["data"]:
            changes["amount"] = self.amount(former["data"]["currency"])
        if "paid_on" in former["data"]:
            changes["paid_on"] = self.day(-100, 5)
        if "credited_on" in former["data"]:
            changes["credited_on"] = self.day(-100, 5)
        if "due_on" in former["data"]:
            changes["due_on"] = self.day(-200, 60)
        if "instrument" in former["data"]:
            changes["score"] = self.chance.integer(1, 5)
        if "concern_id" in former["data"]:
            changes["severity"] = self.chance.pick(("critical", "major", "minor"))
        if "visit_id" in former["data"]:
            changes["kind"] = self.chance.pick(("routine", "exhibition", "executive"))
        said = revised(former, number, **changes) | {"time": self.when().isoformat()}
        self._put_revision(former, said)

    def _void(self) -> None:
        if not self.records:
            return
        former = self.chance.pick(self.records)
        _, kind, *of_invoice, record_id = identity(former)
        number = revision(Logged(former, self.now)) + self.chance.pick((1, 2))
        more = {"invoice_id": of_invoice[0]} if of_invoice else {}
        self._put_revision(former, voided(former, kind, record_id, number, **more))

    def _put_revision(self, former: Json, said: Json) -> None:
        self.log.append(Logged(said, self.now))
        if said["type"] != VOIDED:
            self.records[self.records.index(former)] = said

    def _review(self) -> None:
        self.log.append(Logged({"type": REVIEWED, "id": f"e{len(self.log)}", "data": {}}, self.now))

    def _invoice(self) -> None:
        currency = self.chance.pick(CURRENCIES[self.currency])
        due_on = self.day(-200, 60)
        self.records.append(
            self.add(
                "invoice.issued",
                invoice_id=self._new_id("i"),
                amount=self.amount(currency),
                currency=currency,
                due_on=due_on,
            )
        )

    def _payment(self) -> None:
        self.records.append(self.add("invoice.paid", invoice_id=self._new_id("i"), paid_on=self.day(-100, 5)))

    def _part(self) -> None:
        """A part of an invoice, most often in its currency; the amounts are of the invoices' own size."""
        currency = self.chance.pick(CURRENCIES[self.currency])
        self.records.append(
            self.add(
                "invoice.paid",
                invoice_id=self._new_id("i"),
                paid_on=self.day(-100, 5),
                payment_id=f"w-{self.chance.integer(1, 3)}",
                amount=self.amount(currency),
                currency=currency,
            )
        )

    def _credited(self) -> None:
        currency = self.chance.pick(CURRENCIES[self.currency])
        self.records.append(
            self.add(
                "invoice.credited",
                credit_id=f"n-{self.chance.integer(1, 3)}",
                invoice_id=self._new_id("i"),
                amount=self.amount(currency),
                currency=currency,
                credited_on=self.day(-100, 5),
            )
        )

    def _settled(self) -> None:
        """An invoice with parts and credits in its own currency, and now and then the rest."""
        currency, name = self.chance.pick(CURRENCIES[self.currency]), self._new_id("i")
        due = self.chance.integer(-200, 40)
        amount = 100_000 if currency == "JPY" else "100000.00"
        self.records.append(
            self.add(
                "invoice.issued", invoice_id=name, amount=f"{amount}", currency=currency, due_on=self.day(due, due)
            )
        )
        for number in range(self.chance.integer(1, 4)):
            on, part = self.day(due - 5, due + 100), f"{self.chance.pick((1, 10, 30, 50, 70))}000"
            said: Json = {"invoice_id": name, "amount": part, "currency": currency}
            if self.chance.integer(0, 2) == 0:
                one = self.add("invoice.credited", credit_id=f"n-{number}", credited_on=on, **said)
            else:
                one = self.add("invoice.paid", payment_id=f"w-{number}", paid_on=on, **said)
            if currency != "JPY":
                one["data"]["amount"] += ".00"
            self.records.append(one)
        if self.chance.integer(0, 3) == 0:
            self.records.append(self.add("invoice.paid", invoice_id=name, paid_on=self.day(due, due + 100)))

    def _rating(self) -> None:
        points = ("10", "10", "8", "7.5", "6", "3", "0")
        factors: Json = {}
        for name in ("strategic_fit", "market_standing", "share_of_wallet"):
            if self.chance.integer(0, 3) > 0:
                factors[name] = self.chance.pick(points)
        said = self.add(
            "account.rated",
            rated_by=self.chance.pick(PEOPLE),
            approved_by=self.chance.pick((*PEOPLE, *PEOPLE, None)),
            valid_until=self.chance.pick((None, None, None, self.day(0, 500))),
            **factors,
        )
        if self.chance.integer(0, 9) == 9:
            said["data"]["strategic_fit"] = None

    def _bloom(self) -> None:
        """All that is asked of a strategic customer, at once."""
        best = dict.fromkeys(("strategic_fit", "market_standing", "share_of_wallet"), self.chance.pick(("10", "9")))
        self.add("account.rated", rated_by="ann", approved_by="bo", **best)
        amount, record = f"{self.chance.pick((90, 200, 20, 5))}000000.00", f"b-{len(self.log)}"
        self.add("purchase.recorded", purchase_id=record, amount=amount, currency=self.currency, margin_rate="0.4")
        self.add("invoice.issued", invoice_id=record, amount="1000.00", currency=self.currency, due_on=self.day(0, 9))
        if self.chance.integer(0, 3) > 0:
            self.add("invoice.paid", invoice_id=record, paid_on=self.day(0, 9))
        if self.chance.integer(0, 1) == 1:
            for version in range(2, 9):
                self.add("tier.approved", proposal_version=version, approved_by="dan")

    def _credit(self) -> None:
        self.add(
            "credit.rated",
            grade=self.chance.pick(("9", "5", "4", "2.5", "1")),
            valid_until=self.chance.pick((None, self.day(-5, 300))),
        )

    def _override(self) -> None:
        self.add(
            "tier.overridden",
            tier=self.chance.pick(("general", "priority", "partner", "strategic", "potential")),
            reason="we want to",
            requested_by="ann",
            approved_by="bo",
            expires_on=self.day(0, 365),
        )

    def _lift(self) -> None:
        self.add("tier_override.lifted", reason="no more", lifted_by="bo")

    def _assign(self) -> None:
        self.add("account.assigned", account_manager=self.chance.pick(PEOPLE), from_on=self.day(-100, 20))

    def _approval(self) -> None:
        version, who = self.chance.pick((2, 2, 1, 3, 4, 5, 6)), self.chance.pick(PEOPLE)
        if self.chance.integer(0, 4) == 4:
            self.add("tier.declined", proposal_version=version, declined_by=who, reason="not yet")
        else:
            self.add("tier.approved", proposal_version=version, approved_by=who)

    def _visit(self) -> None:
        self.records.append(
            self.add(
                "visit.logged",
                visit_id=self._new_id("v"),
                kind=self.chance.pick(("routine", "routine", "executive", "exhibition", "workshop")),
                channel=self.chance.pick(("onsite", "onsite", "hosted", "phone", "video")),
                participants=[{"rep_id": "R-1", "role": "account_manager"}],
                attendees=self.chance.pick(
                    (
                        [],
                        [{"person_id": "P-1", "department": "采购"}],
                        [{"person_id": "P-2"}, {"person_id": "P-1", "department": "财务"}],
                        [{"department": "技术"}],
                    )
                ),
                consensus=self.chance.pick((None, "agreed")),
            )
        )

    def _survey(self) -> None:
        """Answers come in bunches, or a trend would need long histories."""
        instrument, low, high = self.chance.pick((("nps", 0, 10), ("csat", 1, 5), ("ces", 1, 7)))
        for number in range(self.chance.pick((1, 1, 3, 5, 6))):
            self.records.append(
                self.add(
                    "satisfaction.surveyed",
                    survey_id=f"s-{len(self.log)}-{number}",
                    instrument=instrument,
                    score=self.chance.integer(low, high),
                    expectation=self.chance.pick((None, low, high)),
                )
            )

    def _concern(self) -> None:
        """Few ids, so that answers and confirmations meet them; upstream raises each once."""
        name = f"k-{self.chance.integer(1, 6)}"
        if any(one["data"].get("concern_id") == name for one in self.records):
            return
        severity = self.chance.pick(("major", "critical", "minor"))
        self.records.append(
            self.add("concern.raised", concern_id=name, kind="complaint", severity=severity, about="late")
        )

    def _answered(self) -> None:
        self.add("concern.resolved", concern_id=f"k-{self.chance.integer(1, 6)}", resolution="sent again")

    def _confirmed(self) -> None:
        accepted = self.chance.pick((True, True, False))
        self.add("concern.confirmed", concern_id=f"k-{self.chance.integer(1, 6)}", accepted=accepted, confirmed_by="P")

    def _person(self) -> None:
        said = self.add(
            "key_person.assessed",
            person_id=f"P-{self.chance.integer(1, 3)}",
            decision_role=self.chance.pick(("decide", "approve", "support", "influence")),
            attitude=self.chance.pick((2, 3, 1, 0, -1, None)),
            department=self.chance.pick((None, "采购")),
            left=self.chance.pick((None, None, None, True, False)),
            assessed_by="ann",
        )
        if self.chance.integer(0, 9) == 9:
            said["data"]["attitude"] = None

    def _revise_profile(self) -> Json:
        """A few items, of which one is unknown now and then; texts around the length that fills."""
        items: list[Json] = []
        for name in ("a", "b", "c", "d"):
            if self.chance.integer(0, 2) == 0:
                continue
            text = self.chance.pick(("long enough", "long enough", "  short  ", "six ch", None))
            item: Json = {"item": name, "text": text}
            if text is None and self.chance.integer(0, 2) == 0:
                item = {"item": name, "none_known": True}
            if self.chance.integer(0, 3) == 0:
                item["observed_on"] = self.day(-200, 3)
            items.append(item)
        return {"items": items, "template": self.chance.pick(("t/1", "t/2", "other/1")), "revised_by": "ann"}

    def _revise(self) -> None:
        """Of the customer's own profile or a vendor's; a grade now and then, null among them."""
        of = self.chance.pick(PROFILE_KEYS)
        said = self.add("profile.revised", **of, **self._revise_profile())
        if self.chance.integer(0, 3) == 0 or not said["data"]["items"]:
            said["data"]["grade"] = self.chance.pick(("confidential", "secret", "top_secret", None))
            if said["data"]["grade"] is not None and self.chance.integer(0, 1) == 0:
                said["data"]["grade_until"] = self.day(0, 200)

    def _read_again(self) -> None:
        sections = self.chance.pick((["macro"], ["pain"], ["macro", "pain"]))
        self.add("profile.reviewed", **self.chance.pick(PROFILE_KEYS), sections=sections, reviewed_by="ann")

    def _granted(self) -> None:
        self.records.append(
            self.add(
                "access.granted",
                grant_id=self._new_id("g"),
                grantee="bo",
                max_grade="secret",
                purpose="bid",
                approved_by="ann",
                expires_on=self.day(0, 90),
            )
        )

    def _plan_changes(self, data: Json) -> Json:
        """What a revision of a plan, of a step done or of a delivery changes."""
        if "steps" in data:
            return self._plan_days()
        if "done_on" in data:
            return {"done_on": self.day(-40, 2)}
        return {"quantity": self.chance.integer(1, 3)} if "delivery_id" in data else {}

    def _plan_days(self) -> Json:
        """Few steps, whose days lie within the plan; an objective may have none."""
        begins, length = self.chance.integer(-30, 10), self.chance.pick((30, 90, 200, 365))
        steps = [
            {
                "step_id": f"s-{number}",
                "objective_id": self.chance.pick(("o", "n")),
                "what": "visit",
                "owner": "ann",
                "due_on": self.day(begins, begins + length),
            }
            for number in range(1, 4)
            if self.chance.integer(0, 3)
        ]
        first = self.day(begins, begins)
        goals: tuple[Json, ...] = (
            *({"metric": "kcr"}, {"metric": "kcr", "baseline": "1"}, {"metric": "departments"}, {"metric": "weather"}),
            *({"metric": "attitude", "person_id": "P-1"}, {"metric": "attitude", "person_id": "P-2", "baseline": "0"}),
        )
        objectives = [
            {"objective_id": name, "dimension": "key", "target": "2", "due_on": self.day(begins, begins + length)}
            | self.chance.pick(goals)
            for name in ("o", "n")
        ]
        days = {"from_on": first, "to_on": self.day(begins + length, begins + length)}
        return {**days, "objectives": objectives, "steps": steps}

    def _agree(self) -> None:
        """Few plans, so that what was done meets them; a plan is agreed once, and then amended."""
        name = f"pl-{self.chance.integer(1, 2)}"
        if any(one["data"].get("steps") is not None and one["data"]["plan_id"] == name for one in self.records):
            return
        self.records.append(
            self.add("group_plan.agreed", plan_id=name, **self._plan_days(), agreed_by="ann", approved_by="bo")
        )

    def _plans(self) -> list[Json]:
        return [one for one in self.records if "steps" in one["data"]]

    def _replan(self) -> None:
        """A revision of a plan, which moves, drops and adds steps."""
        for former in self._plans()[-1:]:
            number = revision(Logged(former, self.now)) + 1
            self._put_revision(former, revised(former, number, **self._plan_days()))

    def _step_done(self) -> None:
        """Most often of a plan that there is."""
        of = self.chance.pick([{}, *self._plans() * 3])
        source = of.get("source", "crm")
        name = of["data"]["plan_id"] if of else "pl-1"
        said = self.add(
            "plan_step.done",
            done_id=self._new_id("d"),
            plan_id=name,
            step_id=f"s-{self.chance.integer(1, 3)}",
            done_on=self.day(-40, 2),
            done_by="ann",
        )
        said["source"] = source
        self.records.append(said)

    def _covered(self) -> None:
        """Another customer's plan covers this one, or not any more; revisions come in any order."""
        name, taken = f"cov-{self.chance.integer(1, 2)}", {one["revision"] for one in self.coverings}
        number = next(n for n in self.chance.pick((range(9, 99), range(1, 99), range(50, 0, -1))) if n not in taken)
        begins = self.chance.pick((-60, 0, 10))
        days = {"from_on": self.day(begins, begins + 20), "to_on": self.day(begins + 20, begins + 90)}
        said = self.add("plan.covered", plan_id=name, customer="other", **self.chance.pick(({}, days, days)))
        self.coverings.append(said | {"revision": number})
        said["revision"] = number

    def _plan_review(self) -> None:
        name = f"pl-{self.chance.integer(1, 2)}"
        self.records.append(
            self.add("plan.reviewed", review_id=self._new_id("w"), plan_id=name, findings="fine", reviewed_by="bo")
        )

    def _delivered(self) -> None:
        """Of few services, one of them unknown; often more than there is of it."""
        self.records.append(
            self.add(
                "service.delivered",
                delivery_id=self._new_id("l"),
                service=self.chance.pick(("training", "training", "help", "other")),
                quantity=self.chance.integer(1, 3),
                concern_id=self.chance.pick((None, "k-1", "k-2", "k-3")),
            )
        )

    def _difficulty(self) -> None:
        name = f"k-{self.chance.integer(1, 3)}"
        if any(one["type"] == "guanxi.concern.raised.v1" and one["data"]["concern_id"] == name for one in self.records):
            return
        kind = self.chance.pick(("difficulty", "difficulty", "complaint"))
        self.records.append(self.add("concern.raised", concern_id=name, kind=kind, severity="minor", about="late"))

    def _leave(self) -> None:
        """A change of tier that keeps the entitlements of the one left for some days."""
        kept = {"tier": self.tier, "until": self.day(1, 40)}
        self._tier(("general", "priority", "partner"), (kept,))

    def _goal(self) -> None:
        metric = self.chance.pick(("nps", "kcr", "loop_rate", "adherence"))
        self.add("goal.set", scope="customer", metric=metric, baseline="0", target="50", due_on=self.day(0, 90))

    def _measured(self) -> None:
        """What engagement would measure by now, or would have on a day that a plan asks for."""
        named = [plan["data"]["from_on"] for plan in self._plans()]
        for plan in self._plans():
            named += [_text(date.fromisoformat(one["due_on"]) + timedelta(1)) for one in plan["data"]["objectives"]]
        today = _text(self.now.date())
        self.measured += 1
        data: Json = dict.fromkeys(("adherence", "nps", "csat", "ces", "loop_rate"))
        data |= dict.fromkeys(("persons_met", "deciders_met", "executive_meetings"), 0)
        data |= {
            "version": self.measured,
            "effective_on": self.chance.pick([today, *(one for one in named if one <= today)]),
            "kcr": self.chance.pick((None, "0.00", "1.00", "1.50", "2.00", "2.50")),
            "departments": self.chance.integer(0, 3),
        }
        said = event("relationship.measured", self.now, event_id=f"m{self.measured}", source="guanxi/engagement")
        self.log.append(Logged(said | {"data": data}, self.now))

    def _rank(self) -> None:
        """A change among the tiers that owe something."""
        self._tier(("strategic", "partner", "priority"))

    def _tier(
        self,
        tiers: Sequence[str] = ("general", "general", "priority", "partner", "strategic", "potential"),
        graces: Sequence[Json] = (),
    ) -> None:
        """A tier change as tiering would decide it by now; reviewed at once, so that deciding has one moment."""
        self.tier_versions += 1
        to = self.chance.pick(tiers)
        data: Json = {
            "version": self.tier_versions,
            "effective_on": _text(self.now.date()),
            "from": self.tier,
            "to": to,
            "cause": "score",
            "computed_tier": to,
            "score": "0.0",
            "known_weight": 0,
            "factors": {},
            "policy": "any",
            "policy_version": 1,
            "entitled_tier": to,
            "graces": list(graces),
        }
        self.tier = to
        said = event("tier.changed", self.now, event_id=f"t{self.tier_versions}") | {"data": data}
        self.log.append(Logged(said, self.now))
        self._review()


def history(
    chance: Chance, actions: Sequence[str] = TIERING, *, currency: str = "CNY", most: int = 30, backfills: bool = True
) -> list[Logged]:
    """One customer's log: admitted records in log order; the first part may be backfilled history."""
    writer = _Writer(chance, currency)
    gaps_days: Sequence[int] = CONTACT_GAPS_DAYS if actions is CONTACTS else GAPS_DAYS
    if actions is CONCERNS:  # state keeps 800 days, and a concern is known by all that was said of it
        gaps_days, writer.shifts_days = CONCERN_GAPS_DAYS, SHIFTS_DAYS[:8]
    if actions is PROFILES:
        gaps_days, writer.shifts_days = PROFILE_GAPS_DAYS, SHIFTS_DAYS[:11]
    if actions in (PLANS, MEASURED):
        gaps_days, writer.shifts_days = PLAN_GAPS_DAYS, SHIFTS_DAYS[:11]
    for _ in range(chance.integer(1, most)):
        writer.now += timedelta(chance.pick(gaps_days), seconds=chance.pick((0, 1, 3600, 50_000)))
        writer.step(chance.pick(actions))
    history_ends = chance.pick((0, 0, len(writer.log) // 2, len(writer.log))) if backfills else 0
    lags = chance.pick((False, True))
    return admitted([*_backfilled(writer.log[:history_ends], lags=lags), *writer.log[history_ends:]])


def ends(log: Sequence[Logged], chance: Chance) -> list[datetime]:
    """Instants after the last record up to which time passes by itself, in order: most often days on which, or on
    whose morrow, some fact enters or leaves a window, ages or ends.
    """
    last = max((one.clock for one in log), default=START)
    edges = {
        last + timedelta((day + timedelta(after) - last.date()).days)
        for one in log
        for day in _days_of(one)
        for after in (*EDGES_DAYS, *(days - 1 for days in EDGES_DAYS))
    }
    horizon = last + timedelta(chance.pick((30, 100, 400, 800)))
    ahead = sorted(edge for edge in edges if last < edge <= horizon) or [last + timedelta(1)]
    return sorted({last, *(chance.pick(ahead) for _ in range(chance.integer(0, 4)))})


def _days_of(one: Logged) -> Iterator[date]:
    if one.event["type"] == REVIEWED:
        return
    yield one.time.date()
    for name, value in one.event["data"].items():
        if name.endswith(("_on", "_until")):
            yield date.fromisoformat(value)


def _backfilled(log: Sequence[Logged], *, lags: bool) -> list[Logged]:
    """History is sorted by time and decided as of it; it has no reviews. What tiering decides stands among it, or
    behind it where tiering lags.
    """
    kept = [one for one in log if one.event["type"] != REVIEWED]
    ordered = sorted(kept, key=lambda one: (lags and one.event["type"] in _DECIDED, one.time))
    return [Logged(one.event, one.recorded_at, backfill=True) for one in ordered]


def admitted(log: Sequence[Logged]) -> list[Logged]:
    """What gets onto the log: of each record only revisions higher than those before, and decisions without a gap."""
    highest: dict[tuple[str, ...], int] = {}
    decisions: dict[str, int] = {}
    passed = []
    for one in log:
        if one.event["type"] == REVIEWED:
            passed.append(one)
            continue
        if one.event["type"] in _DECIDED:
            decisions[one.event["source"]] = number = decisions.get(one.event["source"], 0) + 1
            data = one.event["data"] | {"version": number}
            passed.append(Logged(one.event | {"data": data}, one.recorded_at, backfill=one.backfill))
            continue
        key = identity(one.event)
        if revision(one) > highest.get(key, 0):
            highest[key] = revision(one)
            passed.append(one)
    return passed


@st.composite
def _histories(
    draw: DrawFn, actions: Sequence[str], currency: str, most: int, *, backfills: bool
) -> tuple[list[Logged], list[datetime]]:
    chance = Drawn(draw)
    log = history(chance, actions, currency=currency, most=most, backfills=backfills)
    return log, ends(log, chance)


def histories(
    actions: Sequence[str] = TIERING, *, currency: str = "CNY", most: int = 30, backfills: bool = True
) -> SearchStrategy[tuple[list[Logged], datetime]]:
    """Histories, each with the instant up to which time passes."""
    return watched_histories(actions, currency=currency, most=most, backfills=backfills).map(
        lambda made: (made[0], made[1][-1])
    )


def watched_histories(
    actions: Sequence[str] = TIERING, *, currency: str = "CNY", most: int = 30, backfills: bool = True
) -> SearchStrategy[tuple[list[Logged], list[datetime]]]:
    """Histories, none of them empty, each with some instants at which to look, up to the last of which time passes."""
    return _histories(actions, currency, most, backfills=backfills).filter(lambda made: bool(made[0]))


def _text(on: date) -> str:
    return on.isoformat()
