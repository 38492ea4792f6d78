"""`/v1/customers/{id}/texts`: the one door to the texts of profiles. Who asks is judged by `may_read`; the trail says
so, as a majority of MongoDB has it, before any text is even looked up: no trail, no text.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Protocol, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import to_json
from starlette.responses import Response

from services.archives.questions import (
    BREAK_GLASS,
    ERASED,
    MAX_LEVELS,
    BreakGlass,
    Known,
    Reader,
    Role,
    Verdict,
    judged,
)
from services.query.api.asking import Asking
from services.query.api.parameters import ALWAYS, check_names, path_id
from services.query.api.problems import refusal
from services.query.api.subscriptions import read_model
from services.query.standing import Standing
from services.query.store import Reader as Reads
from shared import metrics
from shared.errors import Transient
from shared.events.types import MAX_ID_CHARS, ProfileKind
from shared.keys import ApiKey, Scope
from shared.problems import retry_after
from shared.trail import Entry

log = logging.getLogger(__name__)

PATH = "/v1/customers/{id}/texts"
MAX_ITEMS, MAX_REASON_CHARS = 100, 500
RETRY_SECONDS = 1
_SERVICES = ("archives", "engagement")
"""Whose views say who may read: profiles, owners, grants; managers."""
HELP: Mapping[str, str] = {
    "no_content_role": "this role or API key reads no texts: they need texts:read, and a key that names its person",
    "stale_rights": "the views are 5 minutes behind the log, and top secrets are not read by old rights; ask again",
    "grade": "your right does not reach the grade of this profile; ask its owner or a steward for a grant that does",
    "grant_ended": "your grant has ended; ask the customer's owner or a steward for a new one",
    "no_right": "you are no owner, nor above one, and have no grant; ask for a grant, or say what the emergency is",
}
"""By why somebody may not read: what would help."""
Document = dict[str, Any]


def _in_one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("a text in one line, without control characters")
    return text


Named = Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARS), AfterValidator(_in_one_line)]


class Emergency(BaseModel):
    """Somebody must read at once: the owner and the operators learn of it."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    reason: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_REASON_CHARS),
        AfterValidator(_in_one_line),
    ]


class TextsAsked(BaseModel):
    """The texts of some items of one profile."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    profile: ProfileKind
    vendor_id: Named | None = None
    items: Annotated[tuple[Named, ...], Field(min_length=1, max_length=MAX_ITEMS)]
    emergency: Emergency | None = None

    @model_validator(mode="after")
    def _of_whom(self) -> Self:
        if (self.profile == "vp") != (self.vendor_id is not None):
            raise ValueError("vp, and nothing else, is read with a vendor_id")
        return self


class Trail(Protocol):
    """shared.mongo.trail.Trail."""

    async def add(self, entry: Entry) -> Mapping[str, Any]: ...
    async def emergency(self, reader: str, customer: str, after: datetime) -> Mapping[str, Any] | None: ...
    async def reads_in_bulk(self, reader: str, customer: str, now: datetime) -> bool: ...


class Texts(Protocol):
    """shared.mongo.trail.Texts."""

    async def of(self, customer: str, ids: list[str]) -> Mapping[str, str | None]: ...


Know = Callable[[str, Standing, datetime], Awaitable[Known]]


@dataclass(frozen=True, slots=True)
class TextDoor:
    """What answers. know: what the views say of a customer; zone: of business days; now: the wall clock, in UTC."""

    know: Know
    trail: Trail
    texts: Texts
    zone: ZoneInfo
    now: Callable[[], datetime]

    async def answer(self, asking: Asking) -> Response:
        """The texts. Raises Refusal, Transient."""
        check_names(asking.asked, ALWAYS)
        customer = path_id(asking.request.path_params["id"])
        data = await self.read(asking.key, customer, await read_model(asking.request, TextsAsked), asking.standing)
        return Response(to_json({"data": data}), headers={"Cache-Control": "no-store"}, media_type="application/json")

    async def read(self, key: ApiKey, customer: str, asked: TextsAsked, standing: Standing) -> Document:
        """What a person may read of a customer, once the trail has it. Raises Refusal, Transient."""
        now = self.now()
        known = await self.know(customer, standing, now)
        profile = known.profile(asked.profile, asked.vendor_id)
        try:
            entry = await self._judged(key, customer, asked, known, profile, now)
            stored = await self.trail.add(entry)
        except Transient as error:
            log.warning("no text is shown, since the trail does not answer: %s", error)
            hint = "the trail does not answer now, and without it no text is shown; ask again"
            raise refusal("no_trail", hint, retry_after(RETRY_SECONDS)) from None
        _tell(entry, stored)
        if not entry.allowed:
            raise refusal("text_denied", HELP[entry.by], why=entry.by)
        found = {} if profile is None else await self._texts(customer, profile, asked.items)
        return {
            "customer": customer,
            "profile": asked.profile,
            "vendor_id": asked.vendor_id,
            "grade": entry.grade,
            "by": entry.by,
            "seq": stored["seq"],
            "items": [{"item": item, **found.get(item, _MISSING)} for item in entry.items],
        }

    async def _judged(
        self, key: ApiKey, customer: str, asked: TextsAsked, known: Known, profile: Document | None, now: datetime
    ) -> Entry:
        broken = None
        if asked.emergency is not None:
            broken = BreakGlass(now, asked.emergency.reason)
        elif (last := await self.trail.emergency(key.reader, customer, now - BREAK_GLASS)) is not None:
            broken = BreakGlass(last["since"], last["reason"])
        reader = Reader(key.reads_as or "", _role(key), broken)
        verdict: Verdict = judged(reader, known, profile, now, now.astimezone(self.zone).date())
        in_emergency = broken if verdict.by == "break_glass" or asked.emergency is not None else None
        return Entry(
            reader=key.reader,
            at=now,
            customer=customer,
            profile=asked.profile,
            vendor_id=asked.vendor_id,
            items=(*dict.fromkeys(asked.items),),
            grade=None if profile is None else profile["grade"],
            allowed=verdict.allowed,
            by=verdict.by,
            reason=in_emergency and in_emergency.reason,
            since=in_emergency and in_emergency.since,
            bulk=verdict.allowed and await self.trail.reads_in_bulk(key.reader, customer, now),
        )

    async def _texts(self, customer: str, profile: Document, items: Sequence[str]) -> dict[str, Document]:
        ids: Mapping[str, str] = profile.get("texts") or {}
        wanted = {name: ids[name] for name in items if name in ids and ids[name] != ERASED}
        texts = await self.texts.of(customer, list(wanted.values())) if wanted else {}
        states = {one["item"]: one["state"] for one in profile["items"]}
        return {name: _shown(ids.get(name), texts, states.get(name)) for name in items}


_MISSING: Document = {"state": "missing", "text": None}


def _shown(text_id: str | None, texts: Mapping[str, str | None], state: str | None) -> Document:
    if text_id is None:
        return {"state": "not_kept" if state == "filled" else state or "missing", "text": None}
    text = texts.get(text_id)
    return {"state": "erased" if text is None else "text", "text": text}


def _role(key: ApiKey) -> Role:
    if not key.may(Scope.TEXTS_READ) or (key.reads_as is None and key.person is None):
        return "no_content"
    if key.may(Scope.TEXTS_STEWARD):
        return "steward"
    return "executive" if key.may(Scope.TEXTS_EXECUTIVE) else "content"


def _tell(entry: Entry, stored: Mapping[str, Any]) -> None:
    metrics.TEXT_READS.labels("allowed" if entry.allowed else "denied", entry.by).inc()
    if entry.by == "break_glass":
        log.warning("break glass: entry %d of %s on the trail", stored["seq"], entry.reader)
    if entry.bulk:
        metrics.BULK_READS.inc()
        log.warning("bulk_read: entry %d of %s on the trail", stored["seq"], entry.reader)


@dataclass(frozen=True, slots=True)
class Views:
    """Says what is known of a customer: confidential rows, and managers. now: of the judgement."""

    confidential: Reads
    open: Reads

    async def know(self, customer: str, standing: Standing, now: datetime) -> Known:
        """What the views say. Raises Transient."""
        generation = standing.generations["archives"]
        rows = await self.confidential.read("profiles", generation, [{"_id": customer}])
        grants = await self.confidential.read("grants", generation, [{"customer": customer}])
        row = rows[0] if rows else None
        owners = (row or {}).get("owned_by") or ()
        managers = await self._managers(owners, standing.generations["engagement"])
        return Known(row, grants, managers, _lag(standing, now))

    async def _managers(self, owners: Collection[str], generation: int) -> dict[str, str | None]:
        """Of the owners, and of those above them as far as that counts."""
        known: dict[str, str | None] = {}
        asked = {*owners}
        for _ in range(MAX_LEVELS):
            if not asked:
                break
            found = await self.open.read("representative_keys", generation, [{"_id": {"$in": sorted(asked)}}])
            known |= dict.fromkeys(asked) | {one["_id"]: one.get("manager") for one in found}
            asked = {above for above in known.values() if above is not None} - known.keys()
        return known


def _lag(standing: Standing, now: datetime) -> timedelta:
    """How old the rights are by which is judged."""
    if not standing.behind(_SERVICES):
        return timedelta()
    as_of = standing.as_of(_SERVICES)
    return timedelta.max if as_of is None else max(timedelta(), now - as_of)
