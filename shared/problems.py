"""Errors of the HTTP ports in the shape of RFC 9457: what was wrong, where, and what to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """One error answer.

    status: of HTTP; code: for machines, a `Reason` where one fits; detail: one sentence for people; headers:
    such as Retry-After; members: further members of the body.
    """

    status: HTTPStatus
    code: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """The JSON body."""
        return {
            "type": f"urn:guanxi:problem:{self.code}",
            "title": self.status.phrase,
            "status": int(self.status),
            "code": self.code,
            "detail": self.detail,
            **self.members,
        }

    def response(self) -> Response:
        """The answer."""
        return Response(to_json(self.body()), self.status, dict(self.headers), MEDIA_TYPE)


def retry_after(seconds: float) -> dict[str, str]:
    """Whole seconds, at least one."""
    return {"Retry-After": str(max(1, round(seconds + 0.5)))}
