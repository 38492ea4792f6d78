"""What a request asks for, read strictly: what nobody knows is refused and the nearest known name given. Pure."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from hashlib import blake2b
from typing import Any
from urllib.parse import unquote_to_bytes

from services.query.api.problems import refusal
from services.query.api.resources import Filter, Kind, Order, Resource
from services.query.limits import DEFAULT_SIZE, MAX_IDS, MAX_SIZE, MAX_TEXT_CHARS, MAX_WAIT_SECONDS
from shared.events.nearest import nearest
from shared.events.types import MAX_ID_CHARS, TIERS

Document = dict[str, Any]
ALWAYS = ("fields", "after")
PAGING = ("size", "cursor", "sort")
_SHOWN_CHARS = 60
_STATUSES = ("on_track", "due_soon", "lapsed")
_WEEK = re.compile(r"[0-9]{4}-W(0[1-9]|[1-4][0-9]|5[0-3])")
_MONEY = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,4})?")
_WAIT = re.compile(r"wait=([0-9]{1,9})")
_MOST = 2**63 - 1
Given = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A list, as asked for. keys: conditions on the view of keys; of_rows: on the rows; query: fingerprint of resource,
    filters and order.
    """

    order: Order
    keys: tuple[Document, ...]
    of_rows: Document
    size: int
    cursor: str | None
    fields: tuple[str, ...]
    query: str


def given(query_string: bytes) -> dict[str, list[str]]:
    """The query parameters. Raises Refusal for what is not UTF-8."""
    found: dict[str, list[str]] = {}
    for part in query_string.split(b"&") if query_string else ():
        name, _, value = part.partition(b"=")
        found.setdefault(_text(name), []).append(_text(value))
    return found


def _text(raw: bytes) -> str:
    try:
        return unquote_to_bytes(raw.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise refusal("bad_value", "the query is not UTF-8, percent-encoded") from None


def path_id(raw: str) -> str:
    """An id in a path, where a slash is %2F. Raises Refusal."""
    try:
        text = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise refusal("bad_id", "the id in the path is not UTF-8, percent-encoded") from None
    if not 0 < len(text) <= MAX_ID_CHARS:
        raise refusal("bad_id", f"an id has 1 to {MAX_ID_CHARS} characters; a slash in it is written %2F")
    return text


def check_names(asked: Given, known: Collection[str], many: Collection[str] = ()) -> None:
    """Raises Refusal for a parameter that is unknown, or repeated where it may not be."""
    for name, values in asked.items():
        if name not in known:
            near = nearest(name, sorted(known))
            what = f"did you mean {near!r}?" if near else f"there are {', '.join(sorted(known))}"
            raise refusal(
                "unknown_parameter", f"there is no parameter {shown(name)} here; {what}", parameter=name[:100]
            )
        if len(values) > 1 and name not in many:
            raise refusal("repeated_parameter", f"{name} is given {len(values)} times; give it once")


def read_list(resource: Resource, asked: Given, places: int = 2) -> Asked:
    """A list; places: of the currency in which money is sorted. Raises Refusal."""
    filters = resource.filters
    many = {name for name, one in filters.items() if one.many}
    check_names(asked, {*filters, *PAGING, *ALWAYS}, many)
    filtered = {name: values for name, values in asked.items() if name in filters}
    order = _order(resource, one(asked, "sort"), filtered)
    if resource.one_of and not set(resource.one_of) & filtered.keys():
        raise refusal("filter_missing", f"{resource.name} is read by {' or '.join(resource.one_of)}; give one of them")
    keys: Document = dict(order.needed)
    of_rows: Document = {name: {"$gt": ""} for name in resource.leads}
    conditions: list[Document] = []
    read = {name: _read(name, order.filters[name], values, places) for name, values in filtered.items()}
    for name, value in read.items():
        filter_ = order.filters[name]
        if filter_.beside is not None and filter_.beside not in filtered:
            raise refusal(
                "filter_not_indexed", f"{name} is served by an index together with {filter_.beside} only; add it"
            )
        condition = {"$in": value} if filter_.many else {filter_.op: value}
        if filter_.meets is not None:
            conditions.append(filter_.meets(read))
        elif filter_.of_row:
            of_rows.setdefault(filter_.field, {}).update(condition)
        else:
            keys.pop(filter_.field, None)
            conditions.append({filter_.field: condition})
    conditions += [{name: value} for name, value in keys.items()]
    query = repr((resource.name, order.name, sorted((name, sorted(values)) for name, values in filtered.items())))
    return Asked(
        order,
        tuple(conditions),
        of_rows,
        size_of(one(asked, "size")),
        one(asked, "cursor"),
        fields(one(asked, "fields"), resource.fields),
        blake2b(query.encode(), digest_size=12).hexdigest(),
    )


def _order(resource: Resource, sort: str | None, filtered: Given) -> Order:
    if sort is not None:
        order = next((one for one in resource.orders if one.name == sort), None)
        if order is None:
            names = ", ".join(one.name for one in resource.orders)
            raise refusal(
                "unknown_sort", f"{resource.name} is not sorted by {shown(sort)}; by {names}, as an index has it"
            )
        candidates: Iterable[Order] = (order,)
    else:
        candidates = resource.orders
    for order in candidates:
        if filtered.keys() <= order.filters.keys():
            return order
    possible = "; ".join(f"sort={one.name} with {', '.join(one.filters)}" for one in resource.orders)
    raise refusal("filter_not_indexed", f"no index serves {', '.join(filtered)} in this order; possible are {possible}")


def _read(name: str, filter_: Filter, values: Sequence[str], places: int) -> Any:
    if len(values) > MAX_IDS:
        raise refusal("bad_value", f"{name} is given {len(values)} times; {MAX_IDS} at most", parameter=name)
    read = [value_of(name, filter_, value, places) for value in values]
    return read if filter_.many else read[0]


def value_of(name: str, filter_: Filter, text: str, places: int = 2) -> Any:
    """A parameter's value as MongoDB compares it. Raises Refusal."""
    if filter_.kind is Kind.DAY:
        return day(name, text).isoformat()
    if filter_.kind is Kind.INSTANT:
        return instant(name, text)
    is_right, expected = _TEXTS[filter_.kind]
    if not is_right(text):
        raise refusal("bad_value", f"{name} is {shown(text)}; expected {expected}", parameter=name)
    if filter_.field == "tier_order":
        return len(TIERS) - 1 - TIERS.index(text)
    if filter_.kind is Kind.MONEY:
        # Twins are whole minor units: a least one is rounded up, a greatest one down.
        rounding = ROUND_CEILING if filter_.op == "$gte" else ROUND_FLOOR
        return max(-_MOST, min(int(Decimal(text).scaleb(places).to_integral_value(rounding)), _MOST))
    return text


_TEXTS: Mapping[Kind, tuple[Callable[[str], object], str]] = {
    Kind.ID: (lambda text: 0 < len(text) <= MAX_ID_CHARS, f"an id of 1 to {MAX_ID_CHARS} characters"),
    Kind.TIER: (TIERS.__contains__, f"one of {', '.join(TIERS)}"),
    Kind.STATUS: (_STATUSES.__contains__, f"one of {', '.join(_STATUSES)}"),
    Kind.MONEY: (_MONEY.fullmatch, "an amount such as 1234.50"),
    Kind.TEXT: (lambda text: 0 < len(text) <= MAX_TEXT_CHARS, f"a text of 1 to {MAX_TEXT_CHARS} characters"),
    Kind.WEEK: (_WEEK.fullmatch, "an ISO week such as 2026-W47"),
}
"""Whether a text is of a kind, and what is."""


def day(name: str, text: str) -> date:
    """A day. Raises Refusal."""
    try:
        if len(text) != len("2026-03-01"):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise refusal(
            "bad_value", f"{name} is {shown(text)}; expected a day such as 2026-03-01", parameter=name
        ) from None


def instant(name: str, text: str) -> datetime:
    """An instant with its offset. Raises Refusal."""
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise ValueError
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        expected = "an instant such as 2026-03-05T00:00:00Z (a + in it is written %2B)"
        raise refusal("bad_value", f"{name} is {shown(text)}; expected {expected}", parameter=name) from None


def size_of(text: str | None) -> int:
    """Rows of a page. Raises Refusal."""
    if text is None:
        return DEFAULT_SIZE
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= MAX_SIZE:
        raise refusal("bad_value", f"size is {shown(text)}; 1 to {MAX_SIZE} rows are one page", parameter="size")
    return int(text)


def fields(text: str | None, known: Sequence[str], name: str = "fields") -> tuple[str, ...]:
    """Names separated by commas, all where none are asked for. Raises Refusal."""
    if text is None:
        return tuple(known)
    wanted = text.split(",")
    for field in wanted:
        if field not in known:
            near = nearest(field, known)
            what = f"did you mean {near!r}?" if near else f"there are {', '.join(known)}"
            raise refusal("unknown_field", f"{name} names {shown(field)}, which is not there; {what}", parameter=name)
    return tuple(field for field in known if field in wanted)


def wait_seconds(prefer: str | None) -> int:
    """How long `Prefer: wait=5` lets an answer take; 0 without it. Raises Refusal."""
    for part in (prefer or "").replace(";", ",").split(","):
        match = _WAIT.fullmatch(part.strip().replace(" ", "").lower())
        if match is not None:
            seconds = int(match[1])
            if seconds > MAX_WAIT_SECONDS:
                raise refusal(
                    "bad_value",
                    f"Prefer asks for a wait of {seconds} s; {MAX_WAIT_SECONDS} at most",
                    parameter="Prefer",
                )
            return seconds
    return 0


def one(asked: Given, name: str) -> str | None:
    """The value of a parameter that is given once at most."""
    values = asked.get(name)
    return values[0] if values else None


def shown(text: str) -> str:
    """What somebody sent, short and safe to read."""
    return ascii(text[:_SHOWN_CHARS]) if not text.isprintable() else repr(text[:_SHOWN_CHARS])
