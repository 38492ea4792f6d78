"""The running services with the API among them, fed through the HTTP door, and API keys of every kind."""

import secrets
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from pymongo import MongoClient

from local.stack.backing import Backing
from local.stack.paths import REPOSITORY
from local.stack.services import Services
from shared.keys import Scope
from shared.keys.edit import create_key
from tests.events.wire import event

Json = dict[str, Any]
ZONE = "Asia/Shanghai"
POLICY = REPOSITORY / "deploy" / "policies" / "default-cny.yaml"
CUSTOMERS = 60
SETTLE_TRIES = 4
"""Waits of 30 s, on a machine that does something else as well."""
REPS = ("R-1", "R-2", "R-3")
STRANGE = ("C/slash", "客户-一号", "C😀", "C 001", "C%2F", "C+1", "C&d=1")
"""Ids that a path has to carry."""
GREAT = "C-great"
GROUP = "G-1"
KEYS: Mapping[str, tuple[Sequence[str], str]] = {
    "all": (list(Scope), "all"),
    "reader": (["customers:read"], "all"),
    "own": (["customers:read", "confidential:read"], "own:R-1"),
    "team": (["customers:read", "confidential:read"], "team:east"),
    "nobody": (["customers:read", "confidential:read"], "own:R-9"),
    "secret": (["confidential:read"], "all"),
    "ops": (["ops:read"], "all"),
    "sender": (["events:write"], "all"),
    "owner": (["customers:read", "texts:read"], "own:R-1"),
    "lead": (["texts:read"], "own:R-2"),
    "grantee": (["texts:read"], "own:R-7"),
    "executive": (["texts:read", "texts:executive"], "own:R-8"),
    "steward": (["texts:read", "texts:steward"], "own:R-9"),
    "auditor": (["trail:read", "exports:read"], "all"),
    "hooks of one's own": (["customers:read", "subscriptions:manage"], "own:R-1"),
}
"""By name, scopes and rows."""


@dataclass
class Stand:
    """What runs, and ways to ask it."""

    services: Services
    environment: dict[str, str]
    tokens: dict[str, str]
    mongo_uri: str
    database: str
    folder: Path
    positions: list[str] = field(default_factory=list)

    def url(self, name: str = "query") -> str:
        return self.services.url(name)

    def get(self, path: str, key: str | None = "all", headers: Json | None = None, **parameters: Any) -> httpx.Response:
        """Asks the API. The path is sent as it is."""
        said = {"Authorization": f"Bearer {self.tokens[key]}"} if key else {}
        with httpx.Client(trust_env=False, timeout=60) as client:
            return client.get(self.url() + path, params=parameters or None, headers={**said, **(headers or {})})

    def post(self, events: Sequence[Json], key: str = "all") -> Json:
        """Sends events through the door; gives its answer."""
        said = {"Authorization": f"Bearer {self.tokens[key]}"}
        with httpx.Client(trust_env=False, timeout=60) as client:
            answer: Json = client.post(f"{self.url('ingest')}/v1/events", json=list(events), headers=said).json()
        return answer

    def texts(
        self, customer: str, *items: str, key: str | None = "owner", door: str = "", **asked: Any
    ) -> httpx.Response:
        """Asks for texts of the customer's own profile. door: of another process of the API."""
        said = {"Authorization": f"Bearer {self.tokens[key]}"} if key else {}
        body = {"profile": "cp", "items": items or ("pains",), **asked}
        with httpx.Client(trust_env=False, timeout=60) as client:
            url = f"{door or self.url()}/v1/customers/{quote(customer, safe='')}/texts"
            return client.post(url, json=body, headers=said)

    def command(self, said: Json) -> Json:
        """Of MongoDB."""
        client: MongoClient[Json] = MongoClient(self.mongo_uri)
        with client:
            done: Json = client[self.database].command(said)
        return done

    def documents(self, name: str, query: Json | None = None) -> list[Json]:
        client: MongoClient[Json] = MongoClient(self.mongo_uri, tz_aware=True)
        with client:
            return list(client[self.database][name].find(query or {}))

    def update(self, name: str, key: Any, change: Json) -> None:
        client: MongoClient[Json] = MongoClient(self.mongo_uri)
        with client:
            client[self.database][name].update_one({"_id": key}, change)

    def put(self, name: str, document: Json) -> None:
        client: MongoClient[Json] = MongoClient(self.mongo_uri)
        with client:
            client[self.database][name].insert_one(document)

    def settle(self, answer: Json) -> None:
        """Waits until what was sent shows."""
        said = ""
        for _ in range(SETTLE_TRIES):
            shown = self.get("/v1/status", after=answer["position"], headers={"Prefer": "wait=30"})
            if shown.status_code == httpx.codes.OK:
                return
            said = shown.text
        raise AssertionError(said)


def at(days_ago: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days_ago)).isoformat(timespec="seconds")


def on(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


def sent(noun: str, subject: str, name: str, days_ago: float = 3, /, **data: Any) -> Json:
    return event(noun, data=data, id=name, subject=subject, time=at(days_ago))


def history() -> list[Json]:
    """Representatives, customers of all tiers with owners, visits, concerns, persons, goals."""
    events = [
        sent(
            "representative.registered",
            rep,
            f"reg-{rep}",
            100,
            name=f"代表{rep}",
            team="east" if rep != "R-3" else "west",
        )
        for rep in REPS
    ]
    events.append(sent("group.registered", GROUP, "group", 100, name="华南集团", parent_group_id=None))
    customers = [*(f"C-{number:03}" for number in range(CUSTOMERS)), *STRANGE]
    for place, customer in enumerate(customers):
        name = f"{place}"
        of = {"group_id": GROUP} if place in (2, 12) else {}
        events.append(sent("customer.registered", customer, f"cr-{name}", 90, name=f"客户{name}", **of))
        amount = f"{(place * 7919) % 400 * 1000 + 1}.50"
        events.append(sent("purchase.recorded", customer, f"p-{name}", 40, purchase_id=f"p-{name}", amount=amount))
        if place == 1:  # in one request with the first, so that admission refuses it and not the door
            events.append(sent("purchase.recorded", customer, "p-1-other", 40, purchase_id="p-1", amount="7.00"))
        if place % 4:
            rep = REPS[place % 3]
            events.append(sent("account.assigned", customer, f"as-{name}", 80, account_manager=rep, from_on=on(-80)))
            attendees = [{"person_id": f"p-{name}"}]
            took = [{"rep_id": rep, "role": "account_manager"}]
            events.append(
                sent(
                    "visit.logged",
                    customer,
                    f"v-{name}",
                    5,
                    visit_id=f"v-{name}",
                    attendees=attendees,
                    participants=took,
                )
            )
        events += [
            sent("concern.raised", customer, f"c-{name}-{number}", 2, concern_id=f"c-{name}-{number}")
            for number in range(place % 3 if place % 5 == 0 else 0)
        ]
        if place % 6 == 0:
            for number in range(2):
                person = f"pp-{number}"
                events.append(
                    sent("key_person.assessed", customer, f"k-{name}-{number}", 9, person_id=person, name=f"人{number}")
                )
        if place % 9 == 0:
            events.append(sent("profile.revised", customer, f"pr-{name}", 8, grade="secret"))
            events.append(sent("access.granted", customer, f"ag-{name}", 8, grant_id=f"ag-{name}", expires_on=on(60)))
        if place % 10 == 0:
            events.append(sent("goal.set", customer, f"g-{name}", 20, due_on=on(60)))
        if place % 12 == 0:
            events.append(
                sent(
                    "tier.overridden", customer, f"o-{name}", 30, tier="strategic", expires_on=on(100), reason="大客户"
                )
            )
            events += [
                sent("service.delivered", customer, f"sd-{name}", 7, delivery_id=f"sd-{name}"),
                group_plan(customer, name),
            ]
        if place % 12 == 5:
            events.append(
                sent(
                    "tier.overridden", customer, f"o-{name}", 30, tier="partner", expires_on=on(100), reason="合作伙伴"
                )
            )
    owes = {"invoice_id": "i-7", "amount": "700.00", "due_on": on(-10)}
    events.append(sent("invoice.issued", "C-007", "i-7", 30, **owes))
    return [*events, *great_customer(), *unhappier_customer()]


def unhappier_customer() -> list[Json]:
    """One whose answers of this year are worse than those of the year before."""
    return [
        sent("satisfaction.surveyed", "C-004", f"s-{days}", days, survey_id=f"s-{days}", instrument="nps", score=score)
        for score, first in ((10, 400), (1, 10))
        for days in range(first, first + 5)
    ]


def group_plan(customer: str, name: str) -> Json:
    """Half a year of one objective and one step."""
    until = on(150)
    objective = {"objective_id": "o", "dimension": "key", "metric": "kcr", "target": "2", "due_on": until}
    step = {"step_id": "s", "objective_id": "o", "what": "拜访", "owner": "R-1", "due_on": on(60)}
    plan = {"plan_id": f"gp-{name}", "from_on": on(-10), "to_on": until, "objectives": [objective], "steps": [step]}
    return sent("group_plan.agreed", customer, f"gp-{name}", 10, **plan)


def great_customer() -> list[Json]:
    """One that awaits an approval for strategic."""
    bought = {"purchase_id": "p-great", "amount": "100000000.00", "margin_rate": "0.40"}
    invoice = {"invoice_id": "i-great", "amount": "1000.00", "due_on": on(-20)}
    rated = dict.fromkeys(("strategic_fit", "market_standing", "share_of_wallet"), 10)
    return [
        sent("purchase.recorded", GREAT, "p-great", 30, **bought),
        sent("invoice.issued", GREAT, "i-great", 29, **invoice),
        sent("invoice.paid", GREAT, "paid-great", 25, invoice_id="i-great", paid_on=on(-25)),
        sent("account.rated", GREAT, "r-great", 20, rated_by="R-1", approved_by="R-2", **rated),
    ]


@asynccontextmanager
async def standing(stack: Backing, folder: Path) -> AsyncIterator[Stand]:
    """Everything started and fed."""
    name = secrets.token_hex(6)
    keys_file = folder / "keys.yaml"
    now = datetime.now(UTC)
    tokens = {
        who: create_key(keys_file, ["*"], now=now, scopes=scopes, rows=rows)[1] for who, (scopes, rows) in KEYS.items()
    }
    environment = {
        "GUANXI_MONGO_DATABASE": f"test_{name}",
        "GUANXI_TOPIC_PREFIX": f"test-{name}.",
        "GUANXI_TIME_ZONE": ZONE,
        "GUANXI_POLICY": str(POLICY),
        "GUANXI_API_KEYS_FILE": str(keys_file),
        "GUANXI_CURSOR_KEYS": b64encode(secrets.token_bytes(32)).decode(),
        "GUANXI_QUERY_UNITS_PER_SECOND": "100000",
        "GUANXI_PARTITIONS": "4",
        "GUANXI_WEBHOOK_ALLOWED": "127.0.0.0/8",
        "GUANXI_PERSON_KEY": secrets.token_hex(24),  # without it the door vouches for no steward
    }
    try:
        async with Services(stack, print, settings=environment, logs=folder) as services:
            yield Stand(services, environment, tokens, stack.mongo_uri, f"test_{name}", folder)
    finally:
        client: MongoClient[Json] = MongoClient(stack.mongo_uri)
        with client:
            client.drop_database(f"test_{name}")
