"""The console asks the API, in this process: the same questions, filters, pages, limits and rights as anybody's.

Nothing of the console reads rows by another way. Who is signed in is put into the request's scope, where nothing from
outside gets (api/rights.py).
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from starlette.types import ASGIApp, Message, Scope

from services.query.api.rights import CALLER
from services.query.console.roles import Person
from services.query.console.sign_in import Session
from shared.keys import ApiKey
from shared.problems import MEDIA_TYPE

if TYPE_CHECKING:
    from services.query.console.sending import Door

WAIT_SECONDS = 5
"""For what was just sent, or what a change told of, to show: longer than that nobody looks at an empty tile."""
Caller = Callable[[], Awaitable[ApiKey | None]]
Json = dict[str, Any]


class Trouble(Exception):  # noqa: N818 - it is an answer
    """The API's error, in its own words."""

    def __init__(self, status: int, code: str, detail: str, parameter: str = "") -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.parameter = status, code, detail, parameter


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API said."""

    data: Any
    page: Json | None
    freshness: Json
    headers: Mapping[str, str]


def inner(
    path: str, parameters: Mapping[str, Any], caller: Caller, headers: Mapping[str, str], method: str = "GET"
) -> Scope:
    """A request of this process to the API. parameters: without those that are None."""
    given = {name: value for name, value in parameters.items() if value is not None}
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("ascii"),
        "root_path": "",
        "query_string": urlencode(given, doseq=True).encode("ascii"),
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": None,
        "server": None,
        CALLER: caller,
    }


async def ask(
    api: ASGIApp,
    path: str,
    parameters: Mapping[str, Any],
    caller: Caller,
    *,
    wait: int = 0,
    body: Json | None = None,
    method: str | None = None,
    once: str = "",
) -> Answer:
    """Ask for a path under /v1; with a body, post it. once: the same for what is sent again. Raises Trouble."""
    headers = {"Prefer": f"wait={wait}"} if wait else {}
    if once:
        headers["Idempotency-Key"] = once
    sent = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
    said: Json = {}
    told = bytearray()

    async def receive() -> Message:
        return {"type": "http.request", "body": sent, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            said.update(status=message["status"], headers=message["headers"])
        else:
            told.extend(message.get("body", b""))

    method = method or ("GET" if body is None else "POST")
    await api(inner(f"/v1/{path}", parameters, caller, headers, method), receive, send)
    answered = {name.decode(): value.decode("latin-1") for name, value in said["headers"]}
    document: Json = json.loads(bytes(told)) if told else {"data": None}
    if answered.get("content-type") == MEDIA_TYPE or said["status"] >= HTTPStatus.MULTIPLE_CHOICES:
        raise Trouble(said["status"], document["code"], document["detail"], str(document.get("parameter", "")))
    return Answer(document["data"], document.get("page"), document.get("freshness") or {}, answered)


def segment(text: str) -> str:
    """An id in a path."""
    return quote(text, safe="")


@dataclass(slots=True)
class Asked:
    """One tile's or page's way to the API: who looks, at what, and how fresh what it got is.

    ids: of the path; query: parameters of the address, each once; after: the position that must show; today: the
    business day; door: that of events; zone: of business days.
    """

    api: ASGIApp
    session: Session
    ids: Mapping[str, str]
    query: Mapping[str, str]
    now: datetime
    today: str
    after: str | None = None
    door: "Door | None" = None
    zone: tzinfo = UTC
    answers: list[Answer] = field(default_factory=list)
    not_yet: bool = False

    @property
    def person(self) -> Person:
        """Who looks."""
        return self.session.person

    def times(self) -> dict[str, str]:
        """The day that the address looks at (`on`) and the instant up to whose decisions (`known_at`), as the API has
        them. A day to know by is known to its end, today as far as it has come. What is no day is left to the API.
        """
        found = {name: said for name in ("on", "known_at") if (said := self.query.get(name, "").strip())}
        try:
            known_on = date.fromisoformat(found.get("known_at", ""))
        except ValueError:
            return found
        ends = datetime.combine(known_on + timedelta(days=1), time(), self.zone) - timedelta(seconds=1)
        return {**found, "known_at": min(ends, self.now).astimezone(UTC).isoformat()}

    async def caller(self) -> ApiKey | None:
        """As whom the API sees them."""
        return self.person.key(self.session.begun_at)

    async def answer(self, path: str, **parameters: Any) -> Answer:
        """Ask. What is waited for and does not show in time is shown as it is, and said. Raises Trouble."""
        answer: Answer | None = None
        if self.after is not None and not self.not_yet:
            try:
                answer = await ask(self.api, path, {**parameters, "after": self.after}, self.caller, wait=WAIT_SECONDS)
            except Trouble as error:
                if error.code not in {"not_yet", "too_many_waiting", "bad_position", "position_expired"}:
                    raise
                self.not_yet = True
        if answer is None:
            answer = await ask(self.api, path, parameters, self.caller)
        if answer.freshness:
            self.answers.append(answer)
        return answer

    async def get(self, path: str, **parameters: Any) -> Any:
        """The data of an answer. Raises Trouble."""
        return (await self.answer(path, **parameters)).data

    async def job(self) -> Json | None:
        """The job that the address names, where it is still there. Raises Trouble."""
        name = self.query.get("job")
        if not name:
            return None
        try:
            found: Json = await self.get(f"jobs/{segment(name)}")
        except Trouble as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        return found

    async def post(self, path: str, body: Json, once: str = "") -> Any:
        """Ask for something to be done; gives what is said of it. Raises Trouble."""
        return (await ask(self.api, path, {}, self.caller, body=body, once=once)).data

    async def delete(self, path: str) -> None:
        """End something. Raises Trouble."""
        await ask(self.api, path, {}, self.caller, method="DELETE")

    async def begin(self, job: Json) -> str:
        """Ask for a job; gives its id. Raises Trouble."""
        return str((await self.post("jobs", job))["id"])
