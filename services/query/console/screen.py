"""What a screen is: an address, a template, and tiles, each read, rendered and refreshed by itself. Pure."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.query.console.asking import Asked
from services.query.console.forms import Form
from services.query.console.roles import Person
from shared.keys import ApiKey, Scope

Json = dict[str, Any]
Read = Callable[[Asked], Awaitable[Json]]


async def nothing(_: Asked) -> Json:
    """For what needs no rows."""
    return {}


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of a screen with its own freshness. name: of the block in the screen's template; title: its heading, in
    English; read: what the block shows; raises Trouble, which the tile then says. `empty` of what it reads, where true,
    is the sentence shown in place of the block; `again`, where true, asks to be read again soon. scope: whoever lacks
    it does not see the tile.
    """

    name: str
    title: str
    read: Read
    scope: Scope | None = None


@dataclass(frozen=True, slots=True)
class Screen:
    """name: of its template and of its entry in the menu; path: under /console/, with ids in braces; title: in English;
    scope: whoever lacks it does not see the screen; menu: whether the menu has it; head: what the page itself shows
    beside its tiles; forms: what can be sent from it, each at path/form-name; parameters: of the address that a tile is
    refreshed with, beside those that are always there; says: in English, what was done, by the address's `said`; act:
    whose role may not do this does not see the screen; past: whether its tiles answer `on` and `known_at`, so that the
    frame offers the days; now_only: in English, why not; kept: whether a browser keeps the page for when there is no
    network (offline.py).
    """

    name: str
    path: str
    title: str
    tiles: tuple[Tile, ...] = ()
    scope: Scope = Scope.CUSTOMERS_READ
    menu: bool = True
    head: Read = nothing
    forms: tuple[Form, ...] = field(default=())
    says: Mapping[str, str] = field(default_factory=dict)
    act: str | None = None
    past: bool = False
    now_only: str = ""
    kept: bool = False

    def is_for(self, person: Person, key: ApiKey) -> bool:
        """Whether somebody sees it."""
        return key.may(self.scope) and (self.act is None or person.may(self.act))
