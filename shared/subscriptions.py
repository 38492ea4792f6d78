"""Subscriptions of webhooks: what one is, and what may be done with it. Pure; shared/mongo/subscriptions.py keeps them.

The secret that signs is made from GUANXI_WEBHOOK_KEY, the subscription's id and a number: it is stored nowhere
(docs/adr/0029).
"""

import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, model_validator

from shared.errors import Malformed
from shared.events.decisions import (
    PlanLapsed,
    PlanResumed,
    PlanReviewLapsed,
    PlanStepOverdue,
    ProfileLapsed,
    ProfileRestored,
    RelationshipMeasured,
)
from shared.events.nearest import nearest
from shared.events.registry import DECISIONS
from shared.events.types import MAX_ID_CHARS, TIERS, Tier
from shared.keys import Scope
from shared.sinks import MAX_URL_CHARS

CHANGED = "guanxi.customer.changed.v1"
_CONFIDENTIAL = (
    *(ProfileLapsed, ProfileRestored, PlanLapsed, PlanResumed, PlanReviewLapsed, PlanStepOverdue),
    RelationshipMeasured,
)
TYPES = (CHANGED, *sorted(name for name, model in DECISIONS.items() if model not in _CONFIDENTIAL))
"""Of changes (docs/changes.md); decisions on what is confidential are told as CHANGED alone, as the feed has it."""
PRESENT = "guanxi.customer.present.v1"
"""How a customer stands, told to one subscription by its backfill."""
MAX_SUBSCRIPTIONS = 100
"""Of the whole: each reads the changes by itself, with a connection to Kafka and up to 15 MB."""
MAX_PER_KEY = 20
OPERATOR = ""
"""The key of what the operator makes, on the command line or in the console; it ends by a command alone."""
MANAGER = (Scope.SUBSCRIPTIONS_MANAGE, Scope.CUSTOMERS_READ)
"""The scopes that a subscription needs."""
MAX_FILTERED = 1_000
"""Customers, or owners, that a filter may name."""
SECRET_KEPT = timedelta(days=1)
"""How long a rotated secret signs beside the new one, so that receivers change over in their own time."""
MIN_KEY_CHARS = 32
Status = Literal["active", "paused", "gone", "unconfirmed", "stopped"]
"""gone: the receiver said 410; unconfirmed: it did not take the ping; stopped: it could not be told of a reset, or its
API key is no more."""
Id = Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARS)]


def _known(type_: str) -> str:
    if type_ not in TYPES:
        near = nearest(type_, TYPES)
        raise ValueError(f"no change has this type{f'; did you mean {near}?' if near else ''}")
    return type_


Type = Annotated[str, AfterValidator(_known)]
_STRICT = ConfigDict(frozen=True, extra="forbid")


class Filters(BaseModel):
    """What is sent; an empty one lets everything pass. tiers and owners: as they are when the change is sent."""

    model_config = _STRICT

    types: Annotated[tuple[Type, ...], Field(max_length=len(TYPES))] = ()
    customers: Annotated[tuple[Id, ...], Field(max_length=MAX_FILTERED)] = ()
    tiers: Annotated[tuple[Tier, ...], Field(max_length=len(TIERS))] = ()
    owners: Annotated[tuple[Id, ...], Field(max_length=MAX_FILTERED)] = ()

    def passes(self, customer: str, type_: str) -> bool:
        """By what a change says itself."""
        return (not self.types or type_ in self.types) and (not self.customers or customer in self.customers)


class SubscriptionAsked(BaseModel):
    """What is asked for. start: a position among the changes to begin at; without, what comes from now on. backfill:
    how all customers stand now is told first.
    """

    model_config = _STRICT

    sink: Annotated[str, Field(min_length=1, max_length=MAX_URL_CHARS)]
    filters: Filters = Filters()
    start: str | None = None
    backfill: bool = False


class ReplayAsked(BaseModel):
    """Which changes to send again: from a position among the changes or an instant on, up to what was sent."""

    model_config = _STRICT

    start: str | None = None
    since: AwareDatetime | None = None
    customers: Annotated[tuple[Id, ...], Field(max_length=MAX_FILTERED)] = ()
    types: Annotated[tuple[Type, ...], Field(max_length=len(TYPES))] = ()

    @model_validator(mode="after")
    def _begins_once(self) -> Self:
        if self.start is not None and self.since is not None:
            raise ValueError("a replay begins at start or at since: give one of them")
        return self


class Subscription(BaseModel):
    """One as stored, but for where it is. secrets: numbers of those that sign, the newest first; version: rises with
    each command, and whoever delivers then begins again from what is stored.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="ignore")

    id: str = Field(alias="_id")
    key: str
    scopes: tuple[Scope, ...]
    rows: str
    sink: str
    filters: Filters
    status: Status = "active"
    why: str = ""
    created_at: datetime
    secrets: tuple[int, ...] = (1,)
    rotated_at: datetime | None = None
    version: int = 1
    cursors: Mapping[str, int] | None = None
    notice: Mapping[str, Any] | None = None
    replay: Mapping[str, Any] | None = None
    backfill: Mapping[str, Any] | None = None
    not_before: datetime | None = None
    delivered_at: datetime | None = None
    behind: int | None = None
    stands_still: bool = False

    def signing(self, now: datetime) -> tuple[int, ...]:
        """Numbers of the secrets that sign now."""
        old = self.rotated_at is not None and now < self.rotated_at + SECRET_KEPT
        return self.secrets[: 2 if old else 1]


def secret(key: SecretStr | None, subscription: str, number: int) -> str:
    """A secret in the form of Standard Webhooks. Raises Malformed without a key that is long enough."""
    text = key.get_secret_value() if key else ""
    if len(text) < MIN_KEY_CHARS:
        raise Malformed(f"set GUANXI_WEBHOOK_KEY, a secret of at least {MIN_KEY_CHARS} characters")
    made = hmac.digest(text.encode(), f"guanxi webhook {subscription}/{number}".encode(), "sha256")
    return "whsec_" + b64encode(made).decode()


def rotated(found: Subscription, now: datetime) -> dict[str, Any]:
    """The fields that change with a new secret."""
    return {"secrets": [found.secrets[0] + 1, found.secrets[0]], "rotated_at": now}


def resumed(found: Subscription, ping: str) -> dict[str, Any]:
    """The fields that change when it goes on: a sink that refused before is asked again. ping: the message's id."""
    fields: dict[str, Any] = {"status": "active", "why": "", "not_before": None}
    if found.status in {"gone", "unconfirmed"}:
        fields["notice"] = {"kind": "ping", "id": ping, "failed": 0, "next_at": None}
    elif found.notice is not None:
        fields["notice"] = {**found.notice, "failed": 0, "next_at": None}
    return fields


def shown(found: Subscription, health: Mapping[str, Any]) -> dict[str, Any]:
    """What leaves of it: no secret, nor which process works on it."""
    pinging = found.status == "active" and (found.notice or {}).get("kind") == "ping"
    return {
        "id": found.id,
        "sink": found.sink,
        "filters": found.filters.model_dump(mode="json"),
        "status": "pinging" if pinging else found.status,
        "why": found.why,
        "created_at": found.created_at,
        "rotated_at": found.rotated_at,
        "key": found.key,
        "scopes": [str(one) for one in found.scopes],
        "rows": found.rows,
        "health": {
            "last_success": found.delivered_at,
            "behind": found.behind,
            "stands_still": found.stands_still,
            "replaying": found.replay is not None,
            "backfilling": found.backfill is not None,
            **health,
        },
    }


def scopes_lost(found: Subscription, now_has: Sequence[Scope], rows: str) -> bool:
    """Whether the key that made it may not do any more what it might then."""
    return rows != found.rows or not {*MANAGER} <= {*now_has}
