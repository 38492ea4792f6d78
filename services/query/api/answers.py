"""An answer's body and headers: rows as JSON, and how fresh they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from http import HTTPStatus
from typing import Any

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from services.query.standing import Standing
from shared.events.codec import format_instant
from shared.keys import ApiKey
from shared.positions import encode

POSITION, AS_OF, BEHIND, WAITED_FOR = "Guanxi-Position", "Guanxi-As-Of", "Guanxi-Behind", "Guanxi-Waited-For"
MAX_ETAGS = 20
"""Of an If-None-Match that are looked at."""
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """By which look an answer is made: of whom, for which services' rows, on which business day."""

    standing: Standing
    services: tuple[str, ...]
    generations: Mapping[str, int]
    key: ApiKey
    rights: str
    today: date
    confidential: bool = False

    def freshness(self) -> Document:
        """What the body says of it."""
        as_of = self.standing.as_of(self.services)
        return {
            "position": encode(self.standing.position(self.services)),
            "as_of": None if as_of is None else format_instant(as_of),
            "behind": self.standing.behind(self.services),
            "generations": {name: self.generations[name] for name in self.services},
        }

    def headers(self) -> dict[str, str]:
        """What the headers say of it, and of keeping the answer."""
        fresh = self.freshness()
        said = {POSITION: fresh["position"], BEHIND: str(fresh["behind"])}
        if fresh["as_of"] is not None:
            said[AS_OF] = fresh["as_of"]
        return said | {"Cache-Control": "no-store" if self.confidential else "private, no-cache"}

    def etag(self, request: Request) -> str | None:
        """The same for the same answer: what was asked, by whom, at which position; None where nothing may be kept."""
        if self.confidential:
            return None
        standing = self.standing
        said = (
            request.scope["raw_path"],
            request.scope["query_string"],
            self.key.id,
            sorted(self.key.scopes),
            self.rights,
            sorted(self.generations.items()),
            # Of all services: who owns a customer decides whether it is shown, whatever is shown of it.
            sorted((name, p, at.offset) for name, of in standing.reached.items() for p, at in of.items()),
            standing.policies,
            self.today,
        )
        return f'"{blake2b(repr(said).encode(), digest_size=16).hexdigest()}"'


def unchanged(request: Request, seen: Seen) -> Response | None:
    """304, where the caller has this answer already."""
    etag = seen.etag(request)
    asked = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")[:MAX_ETAGS]]
    if etag is None or not {etag, "*"} & {*asked}:
        return None
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={**seen.headers(), "ETag": etag})


def answer(request: Request, seen: Seen, data: Any, page: Document | None, headers: Mapping[str, str]) -> Response:
    """200."""
    etag = seen.etag(request)
    said = {**seen.headers(), **({"ETag": etag} if etag else {}), **headers}
    body = {"data": data, "page": page, "freshness": seen.freshness()}
    return Response(to_json(body), headers=said, media_type="application/json")


def shown(row: Document, fields: Sequence[str]) -> Document:
    """The fields of a row that leave."""
    return {name: row.get(name) for name in fields}
