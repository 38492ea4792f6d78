"""What upstream sends in a fault run: every kind of record, revised, voided, sent again, in no particular order."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from tests.events.wire import envelope

SOURCE = "shop"
CUSTOMERS = 40
REPRESENTATIVES = 4
MAX_DAYS_AGO = 700
Json = dict[str, Any]


class Sent(NamedTuple):
    """An event as it goes over the wire. `identity` is the same for all revisions of a record."""

    identity: tuple[str, ...]
    revision: int
    key: str
    event: Json

    @property
    def value(self) -> bytes:
        return json.dumps(self.event, ensure_ascii=False).encode()


class Load:
    """Makes events without end, the same for the same seed, `now` and start. start: where the numbers of records begin,
    for a second run on the same log.
    """

    def __init__(self, seed: int, now: datetime, start: int = 0, customers: int = CUSTOMERS) -> None:
        self._random, self._now, self._number, self._customers = Random(seed), now, start, customers
        self._later: list[Sent] = []

    def first(self) -> list[Sent]:
        """Representatives and customers."""
        sent, run = [], f"/{self._number}"
        for number in range(REPRESENTATIVES):
            data = {"name": f"Rep {number}", "role": "account_manager", "active_from": "2020-01-01"}
            sent.append(self._fact("representative.registered", f"representative:r{number}", f"r{number}{run}", data))
        for number in range(self._customers):
            data = {"name": f"客户 {number}", "country": "GB"}
            sent.append(self._fact("customer.registered", f"customer:c{number}", f"c{number}{run}", data))
        return sent

    def some(self, count: int) -> list[Sent]:
        """The next events; revisions of earlier ones are among them, perhaps before what they replace."""
        while len(self._later) < 4 * count:
            self._later += self._new()
        self._random.shuffle(self._later)
        taken, self._later = self._later[:count], self._later[count:]
        return taken

    def _new(self) -> Iterator[Sent]:
        self._number += 1
        name = f"n{self._number}"
        key = f"customer:c{self._random.randrange(self._customers)}"
        draw = self._random.random()
        if draw < 0.45:
            yield from self._record("purchase.recorded", "purchase", "purchase_id", key, name, self._money(margin=True))
        elif draw < 0.55:
            yield from self._record("purchase.refunded", "refund", "refund_id", key, name, self._money())
        elif draw < 0.75:
            yield from self._record("visit.logged", "visit", "visit_id", key, name, self._visit())
        elif draw < 0.83:
            data: Json = {"instrument": "nps", "score": self._random.randint(0, 10)}
            yield from self._record("satisfaction.surveyed", "survey", "survey_id", key, name, data)
        elif draw < 0.90:
            data = {"kind": "complaint", "severity": "minor", "about": "late delivery"}
            yield from self._record("concern.raised", "concern", "concern_id", key, name, data)
            answer = {"concern_id": name, "resolution": "sent again"}
            yield self._fact("concern.resolved", key, f"{name}/answer", answer)
        elif draw < 0.95:
            due_on = (self._now - timedelta(days=self._random.randint(-60, 200))).date().isoformat()
            data = {**self._money(), "due_on": due_on}
            yield from self._record("invoice.issued", "invoice", "invoice_id", key, name, data)
        elif draw < 0.96:
            texts = [{"item": item, "text": "known for years"} for item in ("pains", "rivals")]
            data = {"profile": "cp", "template": "cp/1", "items": texts, "revised_by": "r1"}
            yield self._fact("profile.revised", key, name, data)
        elif draw < 0.97:
            yield from self._record("group_plan.agreed", "plan", "plan_id", key, name, self._plan())
        elif draw < 0.98:
            data = {"account_manager": f"r{self._random.randrange(REPRESENTATIVES)}", "from_on": "2026-01-05"}
            yield self._fact("account.assigned", key, name, data)
        else:
            data = {"name": f"客户 {name}", "industry": "retail"}
            yield self._fact("customer.registered", key, name, data)

    def _money(self, *, margin: bool = False) -> Json:
        amount = f"{self._random.randint(100, 2_000_000) / 100:.2f}"
        money: Json = {"amount": amount, "currency": self._random.choice(("GBP", "GBP", "GBP", "EUR", "CHF"))}
        return {**money, "margin_rate": "0.22"} if margin else money

    def _plan(self) -> Json:
        first = (self._now - timedelta(days=self._random.randint(-20, 300))).date()
        due_on = (first + timedelta(days=self._random.randint(10, 90))).isoformat()
        objective = {"objective_id": "o", "dimension": "key", "metric": "kcr", "target": "2", "due_on": due_on}
        step = {"step_id": "s", "objective_id": "o", "what": "visit", "owner": "r1", "due_on": due_on}
        return {
            "from_on": first.isoformat(),
            "to_on": (first + timedelta(days=100)).isoformat(),
            "objectives": [objective],
            "steps": [step],
            "agreed_by": "r1",
            "approved_by": "r2",
        }

    def _visit(self) -> Json:
        rep_id = f"r{self._random.randrange(REPRESENTATIVES)}"
        return {
            "kind": self._random.choice(("routine", "executive", "exhibition")),
            "channel": self._random.choice(("onsite", "hosted", "video")),
            "participants": [{"rep_id": rep_id, "role": "account_manager"}],
            "attendees": [{"name": self._random.choice(("李伟", "Zhang Min")), "department": "IT"}],
            "consensus": "next steps agreed",
        }

    def _record(self, noun: str, kind: str, id_field: str, key: str, name: str, data: Json) -> Iterator[Sent]:
        """A record, in one to three revisions; the last one may be a void."""
        revisions = self._random.choice((1, 1, 1, 2, 3))
        for revision in range(1, revisions + 1):
            said = {id_field: name, **data}
            if revision > 1 and "amount" in data:
                said["amount"] = f"{self._random.randint(100, 2_000_000) / 100:.2f}"
            what = noun
            if revision > 1 and revision == revisions and self._random.random() < 0.4:
                what, said = "record.voided", {"kind": kind, "record_id": name, "reason": "mistake"}
            event = self._event(what, key, f"{name}/{revision}", said)
            if revision > 1:
                event["revision"] = revision
            yield Sent((SOURCE, kind, name), revision, key, event)

    def _fact(self, noun: str, key: str, name: str, data: Json) -> Sent:
        return Sent((SOURCE, name), 1, key, self._event(noun, key, name, data))

    def _event(self, noun: str, key: str, name: str, data: Json) -> Json:
        at = self._now - timedelta(seconds=self._random.randrange(60, MAX_DAYS_AGO * 86_400))
        time = at.astimezone(UTC).isoformat(timespec="seconds")
        return envelope(noun, data, id=name, source=SOURCE, subject=key.partition(":")[2], time=time)
