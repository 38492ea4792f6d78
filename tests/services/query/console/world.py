"""The console without servers: sessions in memory, an API that notes who asks what, a door that keeps what is sent."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount

from services.query.api.rights import CALLER
from services.query.console.app import Console
from services.query.console.asking import Trouble
from services.query.console.frame import ROOT
from services.query.console.oidc import Provider
from services.query.console.roles import Person
from services.query.console.sending import Sent
from services.query.console.sign_in import LINK_LASTS, SESSION_LASTS, Keys, Session, new_secret, stored_as
from shared.errors import Transient
from shared.keys import ApiKey
from shared.mongo.uploads import MAX_UPLOAD_BYTES, Upload
from shared.problems import MEDIA_TYPE, Problem

Json = dict[str, Any]
NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
HOST = "http://crm.test"
MANAGER = Person("R-1", "account_manager", "R-1", "R-1")
HEAD = Person("head", "head_of_sales")
LIMITS = {"ratelimit": '"units";r=1990;t=1', "ratelimit-policy": '"units";q=2000;w=10'}
READER = Person("auditor", "compliance")
ROW: Json = {"customer": "C-1", "name": "华芯 <b>科技</b>", "tier": "general", "plan": None, "engagement": None}
ROW |= dict.fromkeys(("industry", "country", "overridden_until", "group_id")) | dict.fromkeys(
    ("dormant", "at_risk"), False
)
ROW |= {"registered": True, "concerns": [], "goals": [], "history": []}


@dataclass
class MemorySignIns:
    """As store.SignIns; away: as while MongoDB does not answer."""

    links: dict[str, tuple[Person, datetime]] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    away: bool = False

    async def issue(self, person: Person, now: datetime) -> str:
        secret = new_secret()
        self.links[stored_as(secret)] = person, now + LINK_LASTS
        return secret

    async def redeem(self, secret: str, now: datetime) -> Person | None:
        found = self.links.get(stored_as(secret))
        if found is None or found[1] <= now:
            return None
        del self.links[stored_as(secret)]
        return found[0]

    async def begin(self, person: Person, now: datetime) -> str:
        secret = new_secret()
        self.sessions[stored_as(secret)] = Session(stored_as(secret), person, now, now + SESSION_LASTS)
        return secret

    async def find(self, session: str, now: datetime) -> Session | None:
        if self.away:
            raise Transient("MongoDB: no primary")
        found = self.sessions.get(session)
        return found if found is not None and now < found.expires_at else None

    async def end(self, session: str) -> None:
        self.sessions.pop(session, None)


@dataclass
class MemoryUploads:
    """As shared/mongo/uploads.py; away: as while MongoDB does not answer."""

    kept: list[tuple[Upload, bytes]] = field(default_factory=list)
    away: bool = False

    async def keep(self, key: str, by: str, name: str, chunks: AsyncIterator[bytes], now: datetime) -> Upload | None:
        content = b""
        async for chunk in chunks:
            if self.away:
                raise Transient("MongoDB: no primary")
            content += chunk
            if len(content) > MAX_UPLOAD_BYTES:
                return None
        said: Any = {"_id": f"{len(self.kept):032x}", "key": key, "by": by, "name": name, "bytes": len(content)}
        said |= {"sha256": "", "pieces": 1, "at": now, "expires_at": now}
        self.kept.append((Upload.model_validate(said), content))
        return self.kept[-1][0]


@dataclass
class NotedApi:
    """An API that has one customer. asked: paths with who asked; posted: bodies; once: their Idempotency-Key; deleted:
    paths; refuses: what it answers to all that is posted; broken: beginnings of paths that fail; tables: what else it
    has, by path; parameters: with what a path was asked last; fresh: what its freshness says else.
    """

    asked: list[tuple[str, ApiKey | None]] = field(default_factory=list)
    broken: tuple[str, ...] = ()
    tables: dict[str, Any] = field(default_factory=dict)
    waited_for: str = "admitted"
    posted: list[Json] = field(default_factory=list)
    refuses: Problem | None = None
    deleted: list[str] = field(default_factory=list)
    once: list[bytes | None] = field(default_factory=list)
    parameters: dict[str, dict[str, str]] = field(default_factory=dict)
    fresh: Json = field(default_factory=dict)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] == "POST":
            self.posted.append(json.loads((await receive())["body"]))
            self.once.append(dict(scope["headers"]).get(b"idempotency-key"))
        key = await scope[CALLER]()
        path = scope["path"].removeprefix("/v1/")
        self.asked.append((path, key))
        self.parameters[path] = dict(parse_qsl(scope["query_string"].decode()))
        status, body = 200, {}
        headers = {"content-type": "application/json", "guanxi-waited-for": self.waited_for} | LIMITS
        if path.startswith(self.broken) and self.broken:
            problem = Problem(httpx.codes.SERVICE_UNAVAILABLE, "unavailable", "MongoDB does not answer now")  # type: ignore[arg-type]
            status, headers, body = 503, {"content-type": "application/problem+json"}, problem.body()
        elif self.refuses and scope["method"] == "POST":
            status, headers, body = self.refuses.status, {"content-type": MEDIA_TYPE}, self.refuses.body()
        elif scope["method"] == "DELETE":
            self.deleted.append(path)
            status = 204
        elif path.startswith("customers/C-1") and path not in self.tables:
            body = self.answer(ROW)
        elif path.startswith("events/") and path not in self.tables:
            body = self.answer({"status": "refused", "code": "superseded", "field": "revision", "hint": "too late"})
        elif path.startswith("customers/") and path not in self.tables:
            status, headers = 404, {"content-type": "application/problem+json"}
            body = {"code": "not_found", "detail": "there is nothing of this id"}
        else:
            body = self.answer(self.tables.get(path, []))
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": b"" if status == 204 else json.dumps(body).encode()})

    def answer(self, data: Any) -> Json:
        fresh = {"position": "p", "as_of": NOW.isoformat(), "behind": 0, "generations": {"tiering": 1}}
        return {"data": data, "page": {"size": 50, "next": None}, "freshness": fresh | self.fresh}


@dataclass
class KeptDoor:
    """A door that keeps what is sent, and answers as it is told."""

    sent: list[Json] = field(default_factory=list)
    refuses: tuple[str, str] | None = None
    code: str = "invalid_field"
    away: bool = False
    open: bool = True

    async def ready(self) -> Json:
        if self.away:
            raise Trouble(503, "door", "the door of events does not answer")
        return {"kafka": "ok"}

    async def send(self, event: Json) -> Sent:
        if self.away:
            raise Trouble(503, "door", "the door of events does not answer")
        self.sent.append(event)
        answer: Json = {"status": "accepted"}
        if self.refuses:
            answer = {"status": "refused", "code": self.code, "field": self.refuses[0], "hint": self.refuses[1]}
        return Sent([answer], None if self.refuses else "position")


class World:
    """A console, and one browser."""

    def __init__(self, provider: Provider | None = None) -> None:
        self.sign_ins, self.api, self.door = MemorySignIns(), NotedApi(), KeptDoor()
        self.now, self.uploads = NOW, MemoryUploads()
        self.console = Console(
            self.api,
            self.sign_ins,  # type: ignore[arg-type]
            Keys([b"k" * 32]),
            self.door,  # type: ignore[arg-type]
            None,  # type: ignore[arg-type]
            ZONE,
            lambda: self.now,
            provider=provider,
            uploads=self.uploads,
        )
        self.app = Starlette(routes=[Mount(ROOT, app=self.console.app())])
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url=HOST, headers={"accept-language": "en"})

    async def link(self, person: Person = MANAGER) -> str:
        return await self.sign_ins.issue(person, self.now)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.get(f"{ROOT}/{path}", headers=headers)

    async def post(self, path: str, values: Mapping[str, str], origin: str | None = HOST) -> httpx.Response:
        headers = {"content-type": "application/x-www-form-urlencoded"} | ({"origin": origin} if origin else {})
        return await self.client.post(f"{ROOT}/{path}", content=urlencode(values), headers=headers)

    async def sign_in(self, person: Person = MANAGER) -> httpx.Response:
        return await self.post("sign-in", {"secret": await self.link(person)})

    async def form(self, path: str) -> dict[str, str]:
        """What a form sends when nothing is typed."""
        html = (await self.get(path)).text
        found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', html)
        return dict(found)

    def later(self, by: timedelta) -> None:
        self.now += by
