"""A request on its way to its answer."""

from dataclasses import dataclass, field

from starlette.requests import Request

from services.query.api.parameters import Given
from services.query.api.rights import Rows
from services.query.standing import Standing
from shared.keys import ApiKey


@dataclass(slots=True)
class Asking:
    """Who asks what, by which look; headers: those that the answer is to have."""

    request: Request
    key: ApiKey
    asked: Given
    standing: Standing
    rows: Rows
    headers: dict[str, str] = field(default_factory=dict)
