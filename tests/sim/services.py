"""The scenario of guanxi's own services that decide, as they are, on events of all types that upstreams send."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from local.stack.paths import REPOSITORY
from services.archives.domain import CUSTOMERS as ARCHIVES
from services.archives.domain import Archives
from services.archives.template_file import make_templates
from services.engagement.domain import CUSTOMERS as ENGAGEMENT
from services.engagement.domain import Engagement
from services.feed.changes import ANNOUNCES as CHANGES
from services.feed.domain import CUSTOMERS as FEED_CUSTOMERS
from services.feed.domain import Feed
from services.planning.catalogue_file import make_catalogues
from services.planning.domain import CUSTOMERS as PLANNING
from services.planning.domain import Planning
from services.tiering.domain import CUSTOMERS as TIERING
from services.tiering.domain import Tiering
from services.tiering.handlers import ANNOUNCES
from services.tiering.policy_file import read_policy
from shared.kafka.connection import partition_of
from shared.policies.entitlements import make_entitlements
from tests.events.wire import envelope
from tests.sim.parts import Parts
from tests.sim.plan import PARTITIONS, SENDING_SECONDS, START, Send
from tests.sim.scenario import Service

SUBJECTS = ("c0", "d2", "客户$.1")
_REPRESENTATIVES = ("r1", "r2")
_POLICY = REPOSITORY / "deploy" / "policies" / "wholesale-gbp.yaml"
_ZONE = ZoneInfo("Asia/Shanghai")
RESTRICTED = 0.4
"""How many erasings are restrictions."""
PERSONS = ("p1", "p2")
NAMES = ("Zhang Min", "陈建国", "Li Na")
_AMOUNTS = ("120.00", "900.00", "5200.00", "48000.00", "150000.00")

PolicyFile = tuple[str, date]
"""A policy's text and the day from which it holds."""


def policies(random: Random, *, disagree: bool) -> tuple[PolicyFile, ...]:
    """One version or two; where processes are to disagree, the second is in force from the start."""
    first = date(2000, 1, 1)
    if not disagree and random.random() < 0.5:
        return ((_text(1, first), first),)
    second = START.date() + timedelta(days=0 if disagree else random.randint(1, 60))
    return (_text(1, first), first), (_text(2, second), second)


@cache
def _text(version: int, effective_on: date) -> str:
    document = yaml.safe_load(_POLICY.read_text())
    document |= {"version": version, "effective_on": effective_on}
    if version == 2:
        document["tiers"]["priority"] = {"enter": 35, "hold": 30}
        document["entitlements"]["general"]["cadence_days"] = 40
    return yaml.safe_dump(document, sort_keys=False)


@cache
def _tiering(files: Sequence[PolicyFile]) -> Tiering:
    return Tiering(tuple(read_policy(text, "policy") for text, _ in files), _ZONE)


@cache
def _engagement(files: Sequence[PolicyFile]) -> Engagement:
    sections = [(effective_on, yaml.safe_load(text)["entitlements"]) for text, effective_on in files]
    return Engagement(make_entitlements(sections), _ZONE)


def _make_tiering(_: Parts, files: Sequence[PolicyFile]) -> Tiering:
    return _tiering(tuple(files))


@cache
def _feed() -> Feed:
    return Feed(_ZONE)


def _make_feed(_: Parts, files: Sequence[PolicyFile]) -> Feed:
    return _feed()


def _make_engagement(_: Parts, files: Sequence[PolicyFile]) -> Engagement:
    return _engagement(tuple(files))


@cache
def _archives() -> Archives:
    return Archives(make_templates(), _ZONE)


def _make_archives(_: Parts, files: Sequence[PolicyFile]) -> Archives:
    return _archives()


@cache
def _planning() -> Planning:
    return Planning(make_catalogues(), _ZONE)


def _make_planning(_: Parts, files: Sequence[PolicyFile]) -> Planning:
    return _planning()


FEED = Service("feed", FEED_CUSTOMERS, _make_feed, CHANGES)
FOLDING = (
    Service("tiering", TIERING, _make_tiering, ANNOUNCES),
    Service("engagement", ENGAGEMENT, _make_engagement),
    Service("archives", ARCHIVES, _make_archives),
    Service("planning", PLANNING, _make_planning),
)


def sends(random: Random) -> list[Send]:
    """Everything that upstream sends in a run, in no order."""
    upstream = _Upstream(random)
    return [send for _ in range(random.choice((6, 12, 18))) for send in upstream.some()]


class _Upstream:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._subjects = SUBJECTS[: random.choice((1, 2, 3))]
        self._crossing = random.random() < 0.5
        self._voids = random.choice((0.0, 0.4))
        self._revisions = random.choice((1, 1, 3))
        self._repeats = random.choice((0.0, 0.3))
        self._keyed = random.choice((0.0, 1.0))
        self._number = 0

    def some(self) -> Iterator[Send]:
        """The events of one record or fact."""
        self._number += 1
        draw = self._random.choice(
            (
                *(self._purchase,) * 4,
                self._refund,
                *(self._visit,) * 3,
                self._invoice,
                self._survey,
                self._concern,
                self._registered,
                self._assigned,
                self._representative,
                self._absence,
                self._overridden,
                self._person,
                self._erased,
                self._goal,
                self._profile,
                *(self._plan,) * 2,
                self._delivery,
            )
        )
        yield from draw(f"customer:{self._random.choice(self._subjects)}", f"n{self._number}")

    # -- records

    def _purchase(self, key: str, name: str) -> Iterator[Send]:
        def data() -> dict[str, Any]:
            money = {"amount": self._random.choice(_AMOUNTS), "currency": self._random.choice(("GBP", "GBP", "CHF"))}
            return {"purchase_id": name, **money, "margin_rate": 0.2}

        yield from self._record(key, "purchase.recorded", "purchase", name, data)

    def _refund(self, key: str, name: str) -> Iterator[Send]:
        def data() -> dict[str, Any]:
            return {"refund_id": name, "amount": self._random.choice(_AMOUNTS), "currency": "GBP"}

        yield from self._record(key, "purchase.refunded", "refund", name, data)

    def _visit(self, key: str, name: str) -> Iterator[Send]:
        def data() -> dict[str, Any]:
            rep_id, person = self._random.choice(_REPRESENTATIVES), self._random.choice(NAMES)
            return {
                "visit_id": name,
                "kind": self._random.choice(("routine", "executive", "exhibition")),
                "channel": self._random.choice(("onsite", "hosted", "video")),
                "participants": [{"rep_id": rep_id, "role": "account_manager"}],
                "attendees": [{**self._random.choice(({}, {"person_id": "p1"})), "name": person, "department": "IT"}],
                "consensus": f"{self._random.choice(NAMES)} agrees",
            }

        yield from self._record(key, "visit.logged", "visit", name, data)

    def _survey(self, key: str, name: str) -> Iterator[Send]:
        def data() -> dict[str, Any]:
            return {"survey_id": name, "instrument": "nps", "score": self._random.randint(0, 10)}

        yield from self._record(key, "satisfaction.surveyed", "survey", name, data)

    def _invoice(self, key: str, name: str) -> Iterator[Send]:
        due_on = (START + timedelta(days=self._random.randint(-90, 60))).date().isoformat()

        def issued() -> dict[str, Any]:
            return {
                "invoice_id": name,
                "amount": self._random.choice(_AMOUNTS),
                "currency": "GBP",
                "due_on": due_on,
            }

        def paid() -> dict[str, Any]:
            return {"invoice_id": name, "paid_on": START.date().isoformat()}

        def part() -> dict[str, Any]:
            money = {"amount": self._random.choice(_AMOUNTS), "currency": self._random.choice(("GBP", "GBP", "CHF"))}
            return {"invoice_id": name, "payment_id": "w", **money, "paid_on": START.date().isoformat()}

        def credited() -> dict[str, Any]:
            money = {"amount": self._random.choice(_AMOUNTS), "currency": "GBP"}
            return {"invoice_id": name, "credit_id": "k", **money, "credited_on": START.date().isoformat()}

        yield from self._record(key, "invoice.issued", "invoice", name, issued)
        if self._random.random() < 0.6:
            yield from self._record(key, "invoice.paid", "payment", name, paid)
        if self._random.random() < 0.4:
            yield from self._record(key, "invoice.paid", "payment_part", "w", part, invoice_id=name)
        if self._random.random() < 0.3:
            yield from self._record(key, "invoice.credited", "credit", "k", credited, invoice_id=name)

    def _concern(self, key: str, name: str) -> Iterator[Send]:
        def raised() -> dict[str, Any]:
            severity = self._random.choice(("critical", "minor"))
            about = f"late delivery to {self._random.choice(NAMES)}"
            return {"concern_id": name, "kind": "complaint", "severity": severity, "about": about}

        yield from self._record(key, "concern.raised", "concern", name, raised)
        if self._random.random() < 0.6:
            yield self._fact(key, "concern.resolved", name, {"concern_id": name, "resolution": "sent again"})
        if self._random.random() < 0.4:
            accepted = self._random.random() < 0.5
            answer = {"concern_id": name, "accepted": accepted, "confirmed_by": "p1"}
            yield self._fact(key, "concern.confirmed", f"{name}c", answer)

    def _absence(self, _: str, name: str) -> Iterator[Send]:
        def data() -> dict[str, Any]:
            return {"absence_id": name, "from_on": "2026-02-20", "to_on": "2026-03-01"}

        key = f"representative:{self._random.choice(_REPRESENTATIVES)}"
        yield from self._record(key, "representative.absent", "absence", name, data)

    def _plan(self, key: str, name: str) -> Iterator[Send]:
        """Agreed, perhaps moved by a revision, with a step done and a review."""

        def agreed() -> dict[str, Any]:
            last = START.date() + timedelta(days=self._random.choice((3, 40, 200)))
            due_on = last.isoformat()
            goal = {"objective_id": "o", "dimension": "key", "metric": "kcr", "target": "2", "due_on": due_on}
            step = {"step_id": "s", "objective_id": "o", "what": "visit", "owner": "r1", "due_on": due_on}
            days = {"from_on": (last - timedelta(days=50)).isoformat(), "to_on": due_on}
            more = {"objectives": [goal], "steps": [step], "agreed_by": "r1", "approved_by": "u1"}
            others = {*SUBJECTS[:-1]} - {key.partition(":")[2]}  # the last one has what is sent to a wrong customer
            covers = [one for one in sorted(others) if self._random.random() < 0.6]
            return {"plan_id": name, **days, **more} | ({"covers": covers} if covers else {})

        def done() -> dict[str, Any]:
            on = START.date().isoformat()
            return {"done_id": name, "plan_id": name, "step_id": "s", "done_on": on, "done_by": "r1"}

        def reviewed() -> dict[str, Any]:
            return {"review_id": name, "plan_id": name, "findings": "as planned", "reviewed_by": "r1"}

        yield from self._record(key, "group_plan.agreed", "plan", name, agreed)
        if self._random.random() < 0.5:
            yield from self._record(key, "plan_step.done", "step", name, done)
        if self._random.random() < 0.3:
            yield from self._record(key, "plan.reviewed", "plan_review", name, reviewed)

    def _delivery(self, key: str, name: str) -> Iterator[Send]:
        def data() -> dict[str, Any]:
            return {"delivery_id": name, "service": self._random.choice(("training", "other"))}

        yield from self._record(key, "service.delivered", "delivery", name, data)

    # -- other facts

    def _registered(self, key: str, name: str) -> Iterator[Send]:
        yield self._fact(key, "customer.registered", name, {"name": f"Customer {name}", "country": "GB"})

    def _assigned(self, key: str, name: str) -> Iterator[Send]:
        owner = self._random.choice(_REPRESENTATIVES)
        yield self._fact(key, "account.assigned", name, {"account_manager": owner, "from_on": "2026-02-01"})

    def _representative(self, _: str, name: str) -> Iterator[Send]:
        key = f"representative:{self._random.choice(_REPRESENTATIVES)}"
        data = {"name": f"Rep {name}", "role": "account_manager", "active_from": "2025-01-01"}
        yield self._fact(key, "representative.registered", name, data)

    def _overridden(self, key: str, name: str) -> Iterator[Send]:
        data = {
            "tier": self._random.choice(("priority", "strategic")),
            "reason": "key account",
            "requested_by": "a",
            "approved_by": "b",
            "expires_on": (START + timedelta(days=self._random.randint(5, 60))).date().isoformat(),
        }
        yield self._fact(key, "tier.overridden", name, data, days_ago=0)
        if self._random.random() < 0.4:
            yield self._fact(key, "tier_override.lifted", name, {"reason": "over", "lifted_by": "b"}, days_ago=0)

    def _person(self, key: str, name: str) -> Iterator[Send]:
        data = {
            "person_id": self._random.choice(PERSONS),
            "name": self._random.choice(NAMES),
            "decision_role": "decide",
            "attitude": self._random.randint(-1, 3),
            "assessed_by": "r1",
        }
        yield self._fact(key, "key_person.assessed", name, data)

    def _erased(self, key: str, name: str) -> Iterator[Send]:
        """Of one customer, or of others too; sometimes of somebody just named, whose name comes again."""
        also = [f"customer:{one}" for one in SUBJECTS if f"customer:{one}" != key and self._random.random() < 0.3]
        person, known = self._random.choice(PERSONS), self._random.choice(NAMES)
        data: dict[str, Any] = {"person_id": person, "requested_on": START.date().isoformat(), "basis": "gdpr_17"}
        data |= {"mode": "erase", "decided_by": "dpo"} | ({"also": also} if also else {})
        if self._random.random() < RESTRICTED:
            until = START + timedelta(days=self._random.randint(1, 60))
            data |= {"mode": "restrict", "until": until.date().isoformat()}
        if self._random.random() < 0.5:
            yield self._fact(key, "person.erased", name, data, days_ago=0)
            return
        before = {"person_id": person, "name": known, "decision_role": "decide", "attitude": 1, "assessed_by": "r1"}
        again: dict[str, Any] = {
            "visit_id": f"{name}v",
            "kind": "routine",
            "channel": "video",
            "attendees": [{"name": known}],
        }
        again |= {"participants": [{"rep_id": "r1", "role": "account_manager"}], "consensus": f"{known} agrees"}
        told: tuple[tuple[str, dict[str, Any]], ...] = (
            ("key_person.assessed", before),
            ("person.erased", data),
            ("visit.logged", again),
        )
        for place, (noun, one) in enumerate(told):
            document = self._document(key, noun, f"{name}/{place}", one, START - timedelta(minutes=5), 1)
            yield self._send(place * SENDING_SECONDS / 2, key, document)

    def _goal(self, key: str, name: str) -> Iterator[Send]:
        data = {
            "scope": "customer",
            "metric": self._random.choice(("score", "net_365d", "nps")),
            "baseline": 0,
            "target": 50,
            "due_on": (START + timedelta(days=self._random.randint(3, 60))).date().isoformat(),
        }
        yield self._fact(key, "goal.set", name, data)

    def _profile(self, key: str, name: str) -> Iterator[Send]:
        """Written, and later perhaps read again or cleared in part."""
        of = self._random.choice(({"profile": "cp"}, {"profile": "vp", "vendor_id": "v1"}))
        items = [{"item": item, "text": "said by the buyer"} for item in ("politics_law", "growth", "pains")]
        more = {"template": "cp/1", "revised_by": "r1"}
        yield self._fact(key, "profile.revised", name, {**of, **more, "items": items})
        if self._random.random() < 0.4:
            yield self._fact(key, "profile.reviewed", f"{name}r", {**of, "sections": ["macro"], "reviewed_by": "r1"})
        if self._random.random() < 0.3:
            cleared = [{"item": "politics_law", "text": None}]
            yield self._fact(key, "profile.revised", f"{name}c", {**of, **more, "items": cleared})

    # -- envelopes

    def _record(
        self, key: str, noun: str, kind: str, name: str, make: Any, *, invoice_id: str | None = None
    ) -> Iterator[Send]:
        """All revisions of a record, some of them voids, each perhaps more than once; now and then for the wrong
        customer first. `invoice_id` is of what is a part of an invoice.
        """
        random = self._random
        more = {} if invoice_id is None else {"invoice_id": invoice_id}
        event_id = f"{invoice_id or ''}{name}"
        right, wrong_until = key, random.choice((0, 0, 0, 1, 2)) if kind != "absence" else 0
        at = random.uniform(0, SENDING_SECONDS)
        for revision in range(1, random.randint(1, self._revisions) + 1):
            if revision > 1:
                step = random.choice((-9.0, 0.0, 0.1, 9.0)) if self._crossing else random.uniform(0, 9)
                at = min(max(0.0, at + step), SENDING_SECONDS)
            key = f"customer:{SUBJECTS[-1]}" if revision <= wrong_until else right
            if revision > 1 and random.random() < self._voids:
                data, what = {"kind": kind, "record_id": name, "reason": "mistake", **more}, "record.voided"
            else:
                data, what = make(), noun
            document = self._document(key, what, f"{event_id}/{revision}", data, self._occurred(), revision)
            yield self._send(at, key, document)
            if random.random() < self._repeats:
                yield self._send(at + random.choice((0.0, 7.0)), key, {**document, "id": f"{event_id}/{revision}x"})

    def _fact(self, key: str, noun: str, name: str, data: dict[str, Any], days_ago: int | None = None) -> Send:
        occurred = self._occurred() if days_ago is None else START - timedelta(days=days_ago, minutes=5)
        return self._send(
            self._random.uniform(0, SENDING_SECONDS), key, self._document(key, noun, name, data, occurred, 1)
        )

    def _occurred(self) -> datetime:
        days_ago = self._random.choice((0, 1, 3, 30, 89, 200, 364, 600))
        return START - timedelta(days=days_ago, seconds=self._random.randrange(86_400))

    @staticmethod
    def _document(
        key: str, noun: str, event_id: str, data: dict[str, Any], occurred: datetime, revision: int
    ) -> dict[str, Any]:
        more = {"revision": revision} if revision > 1 else {}
        return envelope(noun, data, id=event_id, subject=key.partition(":")[2], time=occurred, **more)

    def _send(self, at: float, key: str, document: dict[str, Any]) -> Send:
        if self._random.random() < self._keyed:
            return Send(at, partition_of(key.encode(), PARTITIONS), key, document)
        return Send(at, self._random.randrange(PARTITIONS), key, document)
