"""Who may hold a connection to an HTTP port, and for how long. Pure: times come in, connections are opaque.

Nobody may hold a port shut. A place belongs to who works; who only waits (a head that is not whole yet, a connection
between two requests, the rest of a body after its answer) gives it up, the longest waiting first, when another needs
it. So a thousand half-sent heads push out each other and no one else, and a new request finds a place while any waits.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv6Address, ip_address, ip_network

MAX_HEAD_BYTES = 16 * 1024
"""Of a request's line and headers together; ours need under 1 KiB, a browser's cookies some more. With what the next
limit adds it bounds the trailer of a body as well, and everything else that is not the body itself."""
BODY_PER_BYTE_AROUND = 8
"""A body in chunks brings its own framing, a byte for eight of the body at most: chunks of one byte would cost a
hundred times what the body does."""
MOST_BODY_BYTES = 1024 * 1024
"""Of a body that earn such a byte: no body that is taken is larger, and its trailer must not grow with the rest."""
MAX_HEADER_LINES = 100
"""Each costs an object; browsers and proxies send under 40."""
MAX_PIPELINED = 8
"""Requests sent ahead of the answer to the first: more is memory that nobody has asked for."""
HEAD_SECONDS = 10.0
"""From a request's first byte (or the connection's beginning, TLS included) until its head is whole."""
IDLE_SECONDS = 30.0
"""Between two requests of one connection."""
REST_SECONDS = 2.0
"""To take what comes behind an answer that was given before the body was whole, so that the answer is not lost."""
REST_BYTES = 8 * 1024 * 1024
"""Of that rest: enough for a client that has sent too large a body to see the answer."""
ANSWER_SECONDS = 10.0
"""In which who asked must take something of the answer, or of the connection's end."""
MAX_CONNECTIONS = 1000
"""Of a port. A waiting one holds a few KiB, one that sends no more than its socket's buffer and a part of a body."""
MAX_CONNECTIONS_PER_ADDRESS = 500
"""Half of a port's: behind one address may stand a proxy with many upstreams, so it is no less."""
MAX_METRICS_CONNECTIONS = 64
"""Of the port of metrics, where it is one of its own: places there are nobody else's."""

_V6_PREFIX = 64


class Why(StrEnum):
    """Why a connection was closed, as the metrics say it."""

    NO_PLACE = "no_place"
    PLACE_NEEDED = "place_needed"
    HEAD_TOO_LARGE = "head_too_large"
    HEAD_TOO_SLOW = "head_too_slow"
    REST_OF_BODY = "rest_of_body"
    ANSWER_NOT_TAKEN = "answer_not_taken"
    TOO_MANY_PIPELINED = "too_many_pipelined"
    NOT_HTTP = "not_http"


class Waits(StrEnum):
    """What a connection that gives up its place waits for."""

    HEAD = "head"
    NEXT = "next"
    REST = "rest"


LONGEST = {Waits.HEAD: (HEAD_SECONDS, Why.HEAD_TOO_SLOW), Waits.REST: (REST_SECONDS, Why.REST_OF_BODY)}
"""Between two requests the server's own keep-alive counts."""


@dataclass(slots=True, eq=False)
class Held:
    """A place that is taken. `close` ends its connection at once; `waits` is None while a request is processed;
    `stuck_since` when whoever asked began to take nothing of what is sent.
    """

    address: str
    close: Callable[[Why], None]
    waits: Waits | None = Waits.HEAD
    since_seconds: float = 0.0
    stuck_since: float | None = None


@dataclass(slots=True)
class _Address:
    held: int = 0
    waiting: OrderedDict[Held, None] = field(default_factory=OrderedDict)


@dataclass(slots=True)
class Places:
    """The places of one port. `*_seconds` are of a monotonic clock."""

    most: int = MAX_CONNECTIONS
    most_per_address: int = MAX_CONNECTIONS_PER_ADDRESS
    held: dict[Held, None] = field(default_factory=dict)
    _addresses: dict[str, _Address] = field(default_factory=dict)
    _waiting: OrderedDict[Held, None] = field(default_factory=OrderedDict)

    def take(self, address: str, close: Callable[[Why], None], now_seconds: float) -> Held | None:
        """A slot for a new connection; if needed, closes the one that is idle longest. None if all process requests."""
        of_address = self._addresses.get(address)
        if of_address is not None and of_address.held >= self.most_per_address:
            gone = self._make_place(of_address.waiting)
        elif len(self.held) >= self.most:
            gone = self._make_place(self._waiting)
        else:
            gone = True
        if not gone:
            return None
        taken = Held(address, close)
        self.held[taken] = None
        of_address = self._addresses.setdefault(address, _Address())
        of_address.held += 1
        self._wait(taken, of_address, Waits.HEAD, now_seconds)
        return taken

    def give_up(self, place: Held) -> None:
        """The connection has ended. May be repeated."""
        if place not in self.held:
            return
        del self.held[place]
        of_address = self._addresses[place.address]
        self._waiting.pop(place, None)
        of_address.waiting.pop(place, None)
        of_address.held -= 1
        if not of_address.held:
            del self._addresses[place.address]

    def waits(self, place: Held, what: Waits | None, now_seconds: float) -> None:
        """The connection waits for this from now on, or processes a request (None)."""
        if place not in self.held:
            return
        of_address = self._addresses[place.address]
        self._waiting.pop(place, None)
        of_address.waiting.pop(place, None)
        place.waits = None
        if what is not None:
            self._wait(place, of_address, what, now_seconds)

    def overdue(self, now_seconds: float) -> list[tuple[Held, Why]]:
        """Connections whose time is over, and why."""
        found = []
        for place in self.held:
            limit = LONGEST.get(place.waits) if place.waits else None
            if limit is not None and now_seconds - place.since_seconds > limit[0]:
                found.append((place, limit[1]))
            elif place.stuck_since is not None and now_seconds - place.stuck_since > ANSWER_SECONDS:
                found.append((place, Why.ANSWER_NOT_TAKEN))
        return found

    def _wait(self, place: Held, of_address: _Address, what: Waits, now_seconds: float) -> None:
        place.waits, place.since_seconds = what, now_seconds
        self._waiting[place] = of_address.waiting[place] = None

    def _make_place(self, waiting: OrderedDict[Held, None]) -> bool:
        """Close the longest waiting one; False when none waits."""
        if not waiting:
            return False
        oldest = next(iter(waiting))
        self.give_up(oldest)
        oldest.close(Why.PLACE_NEEDED)
        return True


def address_of(host: str) -> str:
    """What counts as one address: of IPv6 the network of 64 bits, which belongs to one customer of a provider."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((address, _V6_PREFIX), strict=False))


def that_fit(wanted: int, open_files: int, spare: int) -> int:
    """How many connections fit under the limit of open files, `spare` of which are for Kafka, MongoDB and the rest."""
    return max(1, min(wanted, open_files - spare))
