"""What the reading commands ask: of MongoDB's views, or of the API of another machine. Both give documents as the
views have them.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from datetime import datetime
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

import httpx

from services.archives.questions import ArchiveQuestions
from services.engagement.questions import EngagementQuestions
from services.tiering.questions import Document, TierQuestions, as_of_day, changes_now, policies_by_version
from shared.errors import Malformed, Transient
from shared.mongo import Database
from shared.settings import Settings

ANSWER_SECONDS = 60.0
PAGE_SIZE = 500
TRIES = 3
"""Of a request that the API asks to be sent again later."""
MAX_AGAIN_SECONDS = 10
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})")


class OfCustomer(NamedTuple):
    """row, history: tiering's; engagement, goals: engagement's. None where a service knows nothing of the customer."""

    row: Document | None
    history: list[Document]
    engagement: Document | None
    goals: list[Document]


class Wanted(NamedTuple):
    """Which rows of the contact plan."""

    most: int
    status: str | None = None
    owner: str | None = None
    unowned: bool = False
    unrated: bool = False


class Answers(Protocol):
    """All methods raise Malformed for what cannot be answered, Transient while nobody answers."""

    async def customer(self, customer: str) -> OfCustomer:
        """A customer's documents."""

    async def changes_now(self, customer: str) -> Document | None:
        """What would change its tier as of now; None where only its last change says that."""

    async def held(self, found: OfCustomer, customer: str, on: str) -> Document:
        """What held on a day (tiering's questions.as_of_day)."""

    async def near(self, customer: str) -> list[tuple[str, str | None]]:
        """Ids with names that someone may have meant."""

    async def names(self) -> Mapping[str, str]:
        """Of representatives, where they may be read."""

    async def plan(self, wanted: Wanted) -> list[Document]:
        """The first rows of the contact plan."""

    async def weeks(self, week: str, representative: str | None) -> list[Document]:
        """The rows of an ISO week."""

    async def like_unknown(self, representative: str) -> dict[str, str] | None:
        """Of an id that was never registered those like it; None of a known one."""

    async def profile(self, customer: str) -> tuple[Document | None, list[Document]]:
        """Its profiles, and its grants."""


class OfViews:
    """Answers by MongoDB's views."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database, self._settings = database, settings
        self._engagement = EngagementQuestions(database)

    async def customer(self, customer: str) -> OfCustomer:
        """A customer's documents."""
        row, history = await TierQuestions(self._database).customer(customer)
        engagement, goals = await self._engagement.customer(customer), await self._engagement.goals(customer)
        return OfCustomer(row, history, engagement, goals)

    async def changes_now(self, customer: str) -> Document | None:
        """As of the customer's clock. None for a reader of the views alone, who gets what they say."""
        with suppress(Transient):
            return await changes_now(self._database, self._settings, customer)
        return None

    async def held(self, found: OfCustomer, customer: str, on: str) -> Document:
        """By its history."""
        del customer
        policies = {}
        with suppress(Transient):
            policies = await policies_by_version(self._database)
        return as_of_day(found.history, on, policies)

    async def near(self, customer: str) -> list[tuple[str, str | None]]:
        """Similar ids, and names that contain the text."""
        return await self._engagement.near(customer)

    async def names(self) -> Mapping[str, str]:
        """Empty for readers without access to people."""
        return await self._engagement.names_of_representatives()

    async def plan(self, wanted: Wanted) -> list[Document]:
        """By the view's own order."""
        count, status, owner, unowned, unrated = wanted
        return await self._engagement.plan(count, status=status, owner=owner, unowned=unowned, unrated=unrated)

    async def weeks(self, week: str, representative: str | None) -> list[Document]:
        """Of all representatives or of one."""
        return await self._engagement.weeks(week, representative)

    async def like_unknown(self, representative: str) -> dict[str, str] | None:
        """Among the names."""
        return await self._engagement.like_unknown(representative)

    async def profile(self, customer: str) -> tuple[Document | None, list[Document]]:
        """By the confidential views."""
        questions = ArchiveQuestions(self._database)
        return await questions.profile(customer), await questions.grants(customer)


class OfApi:
    """Answers by the read API. Rows come without what only the views have: where they are stored, and when they were
    written.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def customer(self, customer: str) -> OfCustomer:
        """A customer's documents; of the history the latest 100 decisions."""
        answer = await self._get(f"/v1/customers/{_path(customer)}", include="history,engagement,goals")
        if answer is None:
            return OfCustomer(None, [], None, [])
        data = answer["data"]
        history, engagement, goals = (data.pop(name) for name in ("history", "engagement", "goals"))
        named = engagement and {**engagement, "_id": customer}
        return OfCustomer({**data, "_id": customer}, history, named, goals)

    async def changes_now(self, customer: str) -> Document | None:
        """The API says what its last change said."""
        del customer
        return None

    async def held(self, found: OfCustomer, customer: str, on: str) -> Document:
        """By the API's own explanation."""
        del found
        answer = await self._get(f"/v1/customers/{_path(customer)}/explanation", on=on)
        if answer is None:
            raise Malformed(f"there is no customer {customer!r} that this API key may read")
        return {"currency": None, **answer["data"]}

    async def near(self, customer: str) -> list[tuple[str, str | None]]:
        """What a search finds."""
        answer = await self._get("/v1/search", q=customer)
        return [(one["customer"], one["name"]) for one in answer["data"]] if answer else []

    async def names(self) -> Mapping[str, str]:
        """The API shows no names of persons."""
        return {}

    async def plan(self, wanted: Wanted) -> list[Document]:
        """What no index serves is left out here."""
        asked = {"owned_by": wanted.owner, "status": wanted.status}
        found: list[Document] = []
        async for row in self._rows("contact-plan", **{name: value for name, value in asked.items() if value}):
            if (row["unowned"] or not wanted.unowned) and (row["unrated"] or not wanted.unrated):
                found.append({**row, "_id": row["id"]})
            if len(found) == wanted.most:
                break
        return found

    async def weeks(self, week: str, representative: str | None) -> list[Document]:
        """Of all representatives or of one."""
        asked = {"week": week} | ({"representative": representative} if representative else {})
        rows = [row async for row in self._rows("rep-weeks", **asked)]
        return sorted(rows, key=lambda row: (row["role"], row["representative"]))

    async def like_unknown(self, representative: str) -> dict[str, str] | None:
        """Without names nobody is like it."""
        answer = await self._get("/v1/rep-weeks", representative=representative, size="1")
        return None if answer and answer["data"] else {}

    async def profile(self, customer: str) -> tuple[Document | None, list[Document]]:
        """For keys that may read what is confidential."""
        rows = [{**row, "_id": row["customer"]} async for row in self._rows("profiles", customer=customer)]
        return rows[0] if rows else None, [one async for one in self._rows("grants", customer=customer)]

    async def _rows(self, resource: str, **asked: str) -> AsyncIterator[Document]:
        """Every row of a list."""
        cursor: dict[str, str] = {}
        while True:
            page = await self._get(f"/v1/{resource}", size=str(PAGE_SIZE), **asked, **cursor)
            if page is None:
                return
            for row in page["data"]:
                yield row
            if page["page"]["next"] is None:
                return
            cursor = {"cursor": page["page"]["next"]}

    async def _get(self, path: str, **asked: str) -> Document | None:
        """The answer; None where there is nothing that the key may read."""
        where = self._client.base_url
        answer = await self._sent(path, asked)
        for _ in range(TRIES - 1):
            if answer.status_code not in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
                break
            again = answer.headers.get("retry-after", "1")
            await asyncio.sleep(min(int(again) if again.isdigit() else 1, MAX_AGAIN_SECONDS))
            answer = await self._sent(path, asked)
        try:
            body = answer.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise Malformed(f"{where} does not answer like guanxi's read API")
        if answer.status_code == HTTPStatus.NOT_FOUND and body.get("code") == "not_found":
            return None
        if answer.status_code != HTTPStatus.OK or "data" not in body:
            raise Malformed(f"{where} answers {answer.status_code}: {body.get('detail', '')}")
        read: Document = _read(body)
        return read

    async def _sent(self, path: str, asked: Mapping[str, str]) -> httpx.Response:
        try:
            return await self._client.get(path, params=dict(asked))
        except httpx.HTTPError as error:
            raise Transient(f"{self._client.base_url}: {str(error) or type(error).__name__}") from None


def _path(customer: str) -> str:
    return quote(customer, safe="")


def _read(value: Any) -> Any:
    """JSON with its instants as such, as the views have them."""
    if isinstance(value, dict):
        return {name: _read(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_read(part) for part in value]
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        return datetime.fromisoformat(value)
    return value
