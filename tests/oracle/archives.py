"""Archives from the words of the design: day by day over all that was said, without anything kept in between.

Slow and plain on purpose: for each record of the log everything is worked out again from the first day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import NamedTuple
from unicodedata import normalize
from zoneinfo import ZoneInfo

from tests.oracle.engagement import TIER_CHANGED, TierChange, tier_change
from tests.oracle.facts import REVIEWED, VOIDED, Fact, Json, Logged, business_day, day, days_between, of_type, standing

FOLDED = frozenset(
    {
        *("guanxi.profile.revised.v1", "guanxi.profile.reviewed.v1", "guanxi.access.granted.v1"),
        *("guanxi.account.assigned.v1", VOIDED, REVIEWED, TIER_CHANGED),
    }
)
CADENCE = {"strategic": 90, "partner": 180, "priority": 365}
GRACE = {"strategic": 30, "partner": 30, "priority": 60}
LEAST = {"strategic": "top_secret", "partner": "top_secret", "priority": "secret"}
GRADES = ("confidential", "secret", "top_secret")
Key = tuple[str, str]
"""Kind and vendor, the latter empty for the customer's own."""


class Template(NamedTuple):
    """A version: from when it rules, how long a text must be, and per item its section and who must have it."""

    on: date
    min_chars: int
    items: Mapping[str, tuple[str, frozenset[str]]]


@dataclass(frozen=True)
class ItemDay:
    """An item at the end of a day."""

    required: bool
    filled: bool
    due_on: date | None


@dataclass(frozen=True)
class Shown:
    """A profile at the end of a day, with shares as exact per cents."""

    required: int
    filled: int
    late: int
    completeness: Fraction | None
    freshness: Fraction | None
    due_on: date | None


class Told(NamedTuple):
    """A decision: as of which day, about which profile, of which due day."""

    on: date
    what: str
    key: Key
    due_on: date


def archives(
    log: Sequence[Logged], templates: Mapping[str, Sequence[Template]], zone: ZoneInfo, until: datetime
) -> tuple[dict[Key, tuple[Shown, str]], list[Told]]:
    """What is shown as of an instant, each with its grade, and all that was decided up to it."""
    told: list[Told] = []
    lapsed: dict[Key, date] = {}
    seen: list[Logged] = []
    clock: datetime | None = None
    behind = False
    end = Logged({"type": REVIEWED, "id": "end", "data": {}}, until)
    for one in [*(record for record in log if record.event["type"] in FOLDED), end]:
        history = one.backfill or (behind and one.event["type"] == TIER_CHANGED)
        now = one.time if one.event["type"] == TIER_CHANGED else one.clock
        if clock is not None and not history:
            first, last = business_day(clock, zone), business_day(max(clock, now), zone)
            days = days_between(first + timedelta(0 if behind else 1), last)
            _decide(_every_day(seen, templates, zone, (first, last)), days, lapsed, told)
        seen.append(one)
        clock = now if clock is None else max(clock, now)
        behind = history
        if not history:
            today = business_day(clock, zone)
            _decide(_every_day(seen, templates, zone, (today, today)), [today], lapsed, told)
    assert clock is not None, "the end moves the clock"
    today = business_day(clock, zone)
    shown = _every_day(seen, templates, zone, (today, today))[today]
    return {key: (one, _grade(key, seen, zone, today)) for key, one in shown.items()}, told


def _decide(
    shown: Mapping[date, Mapping[Key, Shown]], days: Sequence[date], lapsed: dict[Key, date], told: list[Told]
) -> None:
    for on in days:
        for key, profile in sorted(shown[on].items()):
            stands, due = lapsed.get(key), profile.due_on
            if due is not None and due <= on:
                if stands is None or due > stands:
                    lapsed[key] = due
                    told.append(Told(on, "lapsed", key, due))
            elif stands is not None:
                del lapsed[key]
                told.append(Told(on, "restored", key, stands))


def _every_day(
    log: Sequence[Logged], templates: Mapping[str, Sequence[Template]], zone: ZoneInfo, asked: tuple[date, date]
) -> dict[date, dict[Key, Shown]]:
    """Every profile on every day asked about, the first and the last, by all that the log holds."""
    facts = standing([one for one in log if one.event["type"] != TIER_CHANGED], zone)
    tiers = [change for one in log for change in tier_change(one)]
    said = of_type(facts, "profile.revised") + of_type(facts, "profile.reviewed")
    keys = {("cp", "")} | {(fact.data["profile"], fact.data.get("vendor_id", "")) for fact in said}
    begun = [*(fact.day for fact in said), *(change.on for change in tiers), asked[0]]
    days = days_between(min(begun) - timedelta(1), asked[1])
    wanted = [on for on in days if on >= asked[0]]
    found: dict[date, dict[Key, Shown]] = {on: {} for on in wanted}
    for key in keys:
        mine = [fact for fact in said if (fact.data["profile"], fact.data.get("vendor_id", "")) == key]
        names = {name for template in templates[key[0]] for name in template.items}
        walks = {name: _walk(name, key, mine, tiers, templates[key[0]], days) for name in names}
        for on in wanted:
            if key[0] == "cp" or any(fact.day <= on for fact in mine):
                items = {name: walk[on] for name, walk in walks.items()}
                found[on][key] = _shown(items, on)
    return found


def _walk(
    name: str,
    key: Key,
    said: Sequence[Fact],
    tiers: Sequence[TierChange],
    templates: Sequence[Template],
    days: Sequence[date],
) -> dict[date, ItemDay]:
    """An item on each of these days in turn."""
    found: dict[date, ItemDay] = {}
    ruling: tuple[str, Template] | None = None
    text: Fact | None = None
    due: date | None = None
    floor = date.min
    there = False
    for on in days:
        tier, template = tier_of(tiers, on), template_of(templates, on)
        section, who = template.items.get(name, ("", frozenset()))
        before, text = text, _latest_text(name, said, on)
        was_there, there = there, key[0] == "cp" or any(fact.day <= on for fact in said)
        reviews = [
            fact.day for fact in said if "sections" in fact.data and section in fact.data["sections"] and fact.day <= on
        ]
        required = there and tier in who
        if (tier, template) != ruling:
            ruling = (tier, template)
            late = due is not None and due < on
            floor = date.min if late else on + timedelta(GRACE.get(tier, 0))
            if required and not late:
                due = floor
                if before is not None and _fills(before, name, template):
                    earlier = [one for one in reviews if one < on]
                    due = max(floor, _fresh(before, name, earlier) + timedelta(CADENCE[tier]))
        if required and there and not was_there and due is None:
            due = max(floor, on + timedelta(GRACE[tier]))
        if required and (text is not before or on in reviews):
            assert due is not None, "what is required is due"
            if text is not None and _fills(text, name, template):
                due = max(floor, _fresh(text, name, reviews) + timedelta(CADENCE[tier]))
            elif before is not None and _fills(before, name, template):
                due = min(due, on + timedelta(GRACE[tier]))
        if not required:
            due = None
        found[on] = ItemDay(required, text is not None and _fills(text, name, template), due)
    return found


def tier_of(tiers: Sequence[TierChange], on: date) -> str:
    """The highest version effective by a day."""
    by_then = [change for change in tiers if change.on <= on]
    return max(by_then, key=lambda change: change.version).to if by_then else "potential"


def template_of(templates: Sequence[Template], on: date) -> Template:
    """The version of a day; the first also rules before."""
    begun = [one for one in templates if one.on <= on]
    return max(begun, key=lambda one: one.on) if begun else min(templates, key=lambda one: one.on)


def _item(fact: Fact, name: str) -> Json | None:
    items: list[Json] = fact.data.get("items", [])
    return next((item for item in items if item["item"] == name), None)


def _latest_text(name: str, said: Sequence[Fact], on: date) -> Fact | None:
    """The greatest (time, id, source) of those that speak of the item and count by then."""
    speaking = [fact for fact in said if fact.day <= on and _item(fact, name) is not None]
    return max(speaking, key=lambda fact: fact.order, default=None)


def _fills(fact: Fact, name: str, template: Template) -> bool:
    item = _item(fact, name) or {}
    return bool(item.get("none_known")) or len(normalize("NFKC", item.get("text") or "").strip()) >= template.min_chars


def _fresh(fact: Fact, name: str, reviews: Sequence[date]) -> date:
    item = _item(fact, name) or {}
    observed = min(day(item["observed_on"]), fact.day) if "observed_on" in item else fact.day
    return max([observed, *reviews])


def _grade(key: Key, log: Sequence[Logged], zone: ZoneInfo, on: date) -> str:
    """The greater of the one set and the tiers' of this day and the 365 before it."""
    facts = of_type(standing([one for one in log if one.event["type"] != TIER_CHANGED], zone), "profile.revised")
    tiers = [change for one in log for change in tier_change(one)]
    setting = [
        fact
        for fact in facts
        if (fact.data["profile"], fact.data.get("vendor_id", "")) == key and "grade" in fact.data and fact.day <= on
    ]
    grades = [LEAST.get(tier_of(tiers, one), "confidential") for one in days_between(on - timedelta(365), on)]
    latest = max(setting, key=lambda fact: fact.order, default=None)
    said = {} if latest is None or latest.data["grade"] is None else latest.data
    if said and on <= day(said.get("grade_until", "9999-12-31")):
        grades.append(said["grade"])
    return max(grades, key=GRADES.index)


def _shown(items: Mapping[str, ItemDay], on: date) -> Shown:
    required = [item for item in items.values() if item.required]
    late = [item for item in required if item.due_on is not None and item.due_on <= on]
    filled = [item for item in required if item.filled]
    fresh = [item for item in filled if item not in late]
    share = (lambda part: Fraction(100 * part, len(required))) if required else (lambda _: None)
    due = min((item.due_on for item in required if item.due_on is not None), default=None)
    return Shown(len(required), len(filled), len(late), share(len(filled)), share(len(fresh)), due)
