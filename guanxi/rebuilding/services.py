"""The services that fold the log, by name, as a rebuild needs them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from services.engagement.app import make_domain as make_engagement
from services.engagement.store import SCHEMA as ENGAGEMENT
from services.tiering.app import make_domain as make_tiering
from services.tiering.store import SCHEMA as TIERING
from shared.fold.domain import Domain
from shared.mongo import Database
from shared.mongo.schema import Schema
from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class Folding:
    """A service: its schema, and what makes its domain with the adopted policies."""

    schema: Schema
    make_domain: Callable[[Database, Settings], Awaitable[Domain[Any, Any]]]


FOLDING = {"tiering": Folding(TIERING, make_tiering), "engagement": Folding(ENGAGEMENT, make_engagement)}
