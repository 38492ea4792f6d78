"""The forms of the console: from what somebody typed to a CloudEvent, or to what is wrong with each field. Pure.

The fields are judged by the model of the fact itself, all at once, so that a form with everything wrong names each of
them; the door judges the event again and has the last word (domain.md, Facts). An event's ids come from the token that
was made when the form was opened: sending twice is safe, and the second is a duplicate.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from typing import Any, get_args
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from services.query.console.roles import APPROVE, DECLINE, GOAL, LIFT, OVERRIDE, RATING, VISIT, VOID, Person
from shared.console import SOURCE
from shared.events import facts
from shared.events.registry import FACTS
from shared.events.types import MAX_TEXT_CHARS, TIERS

Json = dict[str, Any]
Choice = tuple[str, str]
MAX_FORM_BYTES = 64 * 1024
"""Of a form: as much as an event may have."""
MAX_OPEN = timedelta(days=1)
"""How long a form may stand open and still say when it was opened; later it counts from when it is sent."""
MAX_QUEUED = timedelta(days=7)
"""How long a visit may wait in a phone and still say when it was entered; later it counts from noon of its day."""
MAX_AHEAD = timedelta(minutes=5)
"""By so much a phone's clock may be ahead, as at the door."""
ONCE = "once"
_ONCE = re.compile(r"([0-9]{13})-([0-9a-f]{16,32})")
_NOON = clock_time(12)


@dataclass(frozen=True, slots=True)
class Field:
    """One question. name: of the input; at: where its answer goes in the fact, dotted, its name without; kind: text,
    area, day, number, choice or hidden; label, hint: in English; more: whether it stands behind "more".
    """

    name: str
    label: str
    kind: str = "text"
    at: str = ""
    choices: tuple[Choice, ...] = ()
    needed: bool = False
    hint: str = ""
    more: bool = False

    @property
    def path(self) -> str:
        """Where its answer goes."""
        return self.at or self.name


@dataclass(frozen=True, slots=True)
class Context:
    """What a form is filled in for. customer: its id; person: who is signed in; now, zone: for days."""

    customer: str
    person: Person
    now: datetime
    zone: ZoneInfo

    @property
    def today(self) -> date:
        """The business day."""
        return self.now.astimezone(self.zone).date()


Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Form:
    """name: of its address and its right (roles.py); noun: of the event's type; data: the fact's data from what was
    typed; title, send: in English; done: what is said when it is stored; dangerous: whether it takes something back.
    """

    name: str
    act: str
    noun: str
    title: str
    send: str
    done: str
    fields: tuple[Field, ...]
    data: Callable[[Values, Context, str], Json]
    defaults: Callable[[Context], Mapping[str, str]] = field(default=lambda _: {})
    day: str | None = None
    """The field that says on which day it happened."""
    revision: str | None = None
    """The field that says which revision of its record this is."""
    dangerous: bool = False

    @property
    def type(self) -> str:
        """Of its event."""
        return f"guanxi.{self.noun}.v1"

    def field_at(self, path: str) -> str | None:
        """The field that a dotted path into the event or its data belongs to."""
        if path in {"time", "occurred_on"}:
            return self.day
        best = [one for one in self.fields if path == one.path or path.startswith(f"{one.path}.")]
        best = best or [one for one in self.fields if one.path.startswith(f"{path}.")]
        return max(best, key=lambda one: len(one.path)).name if best else None


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong: by field, and what belongs to none ("")."""

    fields: Mapping[str, str]


def new_once(now: datetime, random_hex: str) -> str:
    """The token of a form that is opened now."""
    return f"{int(now.timestamp() * 1000):013d}-{random_hex}"


def filled(form: Form, values: Values, context: Context, queued_revision: int | None = None) -> Json | Wrong:
    """The event, or what is wrong with the fields. queued_revision: of one that was entered while there was no network;
    whenever it is sent, it is the same event.
    """
    wrong: dict[str, str] = {
        one.name: "needed" for one in form.fields if one.needed and not values.get(one.name, "").strip()
    }
    match = _ONCE.fullmatch(values.get(ONCE, ""))
    if match is None:
        return Wrong({"": "the form has lost its token; please send it again"})
    once, opened = match[2], datetime.fromtimestamp(int(match[1]) / 1000, UTC)
    since, ahead = (MAX_OPEN, timedelta()) if queued_revision is None else (MAX_QUEUED, MAX_AHEAD)
    if not context.now - since <= opened <= context.now + ahead:
        opened = context.now
    at = opened
    if form.day is not None and form.day not in wrong:
        happened = _happened(values.get(form.day, ""), opened, context)
        if isinstance(happened, str):
            wrong[form.day] = happened
        else:
            at = happened
    data = form.data(values, context, once)
    try:
        FACTS[form.type].door.model_validate(data)
    except ValidationError as error:
        for one in error.errors(include_url=False, include_input=False):
            path = ".".join(str(part) for part in one["loc"])
            wrong.setdefault(form.field_at(path) or "", _in_words(one))
    if wrong:
        return Wrong(wrong)
    event: Json = {
        "specversion": "1.0",
        "id": f"{form.name}-{once}",
        "source": SOURCE,
        "type": form.type,
        "subject": context.customer,
        "time": at.isoformat(timespec="milliseconds"),
        "actor": context.person.id,
        "data": data,
    }
    if form.revision is not None:
        event["revision"] = int(values[form.revision])
    elif queued_revision is not None and queued_revision > 1:
        event |= {"id": f"{event['id']}-{queued_revision}", "revision": queued_revision}
    return event


def _happened(text: str, opened: datetime, context: Context) -> datetime | str:
    """The instant of a day that somebody named: noon where it is past."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return "a day such as 2026-03-01"
    if day > context.today:
        return "this day has not come yet"
    if day == opened.astimezone(context.zone).date():
        return opened
    return datetime.combine(day, _NOON, context.zone)


def _in_words(error: Any) -> str:
    """What pydantic found, for a person."""
    context = error.get("ctx", {})
    match error["type"]:
        case "missing" | "string_too_short":
            return "needed"
        case "string_too_long":
            return f"{context['max_length']} characters at most"
        case "literal_error" | "enum":
            return "choose one of these"
        case "string_pattern_mismatch":
            return "one line of readable characters, without spaces around"
        case "greater_than_equal" | "less_than_equal" | "greater_than" | "less_than":
            return "out of range"
        case "decimal_max_places" | "int_parsing" | "decimal_parsing" | "int_type" | "decimal_type":
            return "expected a number"
    return str(error["msg"]).removeprefix("Value error, ")


def _given(values: Values, *names: str) -> Json:
    """What was typed, without what was left empty."""
    return {name: values[name].strip() for name in names if values.get(name, "").strip()}


def _choices(annotation: Any) -> tuple[Choice, ...]:
    return tuple((one, one) for one in get_args(annotation))


def _number(text: str) -> Any:
    """A whole number as one, since the facts are strict; anything else as it was typed."""
    return int(text) if text.isascii() and text.lstrip("-").isdigit() and len(text) < 16 else text


# The forms


def _visit(values: Values, context: Context, once: str) -> Json:
    del context
    attendees = [
        _given(
            {"name": values.get(f"name{n}", ""), "department": values.get(f"department{n}", "")}, "name", "department"
        )
        for n in ("", "2", "3")
    ]
    data: Json = {
        "visit_id": once,
        **_given(values, "kind", "channel", "purpose", "needs", "consensus"),
        "participants": [{"rep_id": values.get("rep_id", "").strip(), "role": values.get("role", "")}],
        "attendees": [one for one in attendees if one],
    }
    follow_up = {"what": values.get("follow_up", "").strip(), **_given({"due_on": values.get("due_on", "")}, "due_on")}
    if follow_up["what"] or "due_on" in follow_up:
        data["follow_ups"] = [follow_up]
    return data


def _override(values: Values, context: Context, once: str) -> Json:
    del once
    return {**_given(values, "tier", "reason", "requested_by", "expires_on"), "approved_by": context.person.id}


def _proposal(giver: str) -> Callable[[Values, Context, str], Json]:
    def data(values: Values, context: Context, once: str) -> Json:
        del once
        version = _number(values.get("proposal_version", ""))
        return {"proposal_version": version, giver: context.person.id, **_given(values, "reason")}

    return data


VISIT_FORM = Form(
    "visit",
    VISIT,
    "visit.logged",
    "Log a visit",
    "Save the visit",
    "The visit is saved.",
    (
        Field("consensus", "What was agreed", "area", hint="The visit counts with an agreement or a next step."),
        Field("day", "Day", "day", at="occurred_on", needed=True),
        Field("kind", "Kind", "choice", choices=_choices(facts.VisitKind), needed=True),
        Field("channel", "Where", "choice", choices=_choices(facts.Channel), needed=True),
        Field("name", "Who was there", at="attendees.0.name", hint="A person of the customer's."),
        Field("department", "Department", at="attendees.0.department"),
        Field("follow_up", "Next step", at="follow_ups.0.what"),
        Field("due_on", "Due", "day", at="follow_ups.0.due_on"),
        Field("rep_id", "Who of us", at="participants.0.rep_id", needed=True, more=True),
        Field(
            *("role", "In the role of", "choice"),
            at="participants.0.role",
            choices=_choices(facts.Role),
            needed=True,
            more=True,
        ),
        Field("purpose", "Purpose", "area", more=True),
        Field("needs", "What they need", "area", more=True),
        Field("name2", "Who else was there", at="attendees.1.name", more=True),
        Field("department2", "Department", at="attendees.1.department", more=True),
        Field("name3", "Who else was there", at="attendees.2.name", more=True),
        Field("department3", "Department", at="attendees.2.department", more=True),
    ),
    _visit,
    lambda context: {
        "day": context.today.isoformat(),
        "kind": "routine",
        "channel": "onsite",
        "rep_id": context.person.representative or "",
        "role": "account_manager",
    },
    day="day",
)
GOAL_FORM = Form(
    "goal",
    GOAL,
    "goal.set",
    "Set a goal",
    "Set the goal",
    "The goal is set.",
    (
        Field(
            "metric",
            "Figure",
            "choice",
            choices=tuple((one, one) for one in sorted(facts.CUSTOMER_METRICS)),
            needed=True,
        ),
        Field("baseline", "From", "number", needed=True),
        Field("target", "To", "number", needed=True),
        Field("due_on", "By", "day", needed=True),
    ),
    lambda values, _context, _once: {"scope": "customer", **_given(values, "metric", "baseline", "target", "due_on")},
    lambda context: {"due_on": date(context.today.year, 12, 31).isoformat()},
)
RATING_FORM = Form(
    "rating",
    RATING,
    "account.rated",
    "Rate the account",
    "Save the rating",
    "The rating is saved.",
    (
        Field("strategic_fit", "Strategic fit", "number", hint="0 to 10. What you leave empty stays as it is."),
        Field("market_standing", "Market standing", "number", hint="0 to 10"),
        Field("share_of_wallet", "Share of wallet", "number", hint="0 to 10"),
        Field("valid_until", "Valid until", "day", hint="A year without."),
        Field("approved_by", "Approved by", hint="The id of who approved it, if somebody did."),
    ),
    lambda values, context, _once: {
        "rated_by": context.person.id,
        **_given(values, "strategic_fit", "market_standing", "share_of_wallet", "valid_until", "approved_by"),
    },
)
OVERRIDE_FORM = Form(
    "override",
    OVERRIDE,
    "tier.overridden",
    "Set the tier by hand",
    "Set the tier",
    "The tier is set.",
    (
        Field("tier", "Tier", "choice", choices=tuple((one, one) for one in reversed(TIERS)), needed=True),
        Field("reason", "Reason", "area", needed=True),
        Field("requested_by", "Asked for by", needed=True, hint="The id of somebody else: you approve it."),
        Field("expires_on", "Until", "day", needed=True, hint=f"{facts.MAX_OVERRIDE_DAYS} days at most."),
    ),
    _override,
    lambda context: {"expires_on": (context.today + timedelta(days=90)).isoformat()},
)
LIFT_FORM = Form(
    "lift",
    LIFT,
    "tier_override.lifted",
    "End the tier set by hand",
    "End it",
    "The tier set by hand has ended.",
    (Field("reason", "Reason", "area", needed=True),),
    lambda values, context, _once: {"lifted_by": context.person.id, **_given(values, "reason")},
    dangerous=True,
)
_VERSION = Field("proposal_version", "Proposal", "hidden", needed=True)
APPROVE_FORM = Form(
    "approve",
    APPROVE,
    "tier.approved",
    "Approve strategic",
    "Approve",
    "The approval is stored.",
    (_VERSION, Field("reason", "Reason", "area")),
    _proposal("approved_by"),
)
DECLINE_FORM = Form(
    "decline",
    DECLINE,
    "tier.declined",
    "Decline strategic",
    "Decline",
    "The proposal is declined.",
    (_VERSION, Field("reason", "Reason", "area", needed=True)),
    _proposal("declined_by"),
    dangerous=True,
)
VOID_FORM = Form(
    "void",
    VOID,
    "record.voided",
    "Undo",
    "Undo it",
    "It is undone.",
    (
        Field("kind", "Kind", "hidden", needed=True),
        Field("record_id", "Record", "hidden", needed=True),
        Field("revision", "Revision", "hidden", needed=True),
        Field("reason", "Reason", needed=True),
    ),
    lambda values, _context, _once: _given(values, "kind", "record_id", "reason"),
    revision="revision",
    dangerous=True,
)
FORMS: dict[str, Form] = {
    one.name: one
    for one in (*(VISIT_FORM, GOAL_FORM, RATING_FORM, OVERRIDE_FORM, LIFT_FORM, APPROVE_FORM, DECLINE_FORM, VOID_FORM),)
}
"""Each at customers/{id}/<name>."""


def of_door(form: Form, answers: Sequence[Json]) -> Wrong | None:
    """What the door refused, at the field that it names; None where it took the event."""
    wrong: dict[str, str] = {}
    for one in answers:
        if one["status"] == "refused":
            path = str(one.get("field") or "").removeprefix("data.")
            wrong.setdefault(form.field_at(path) or "", str(one.get("hint") or one.get("code")))
    return Wrong(wrong) if wrong else None


MOST_TYPED = MAX_TEXT_CHARS * 4
"""Characters of one field that are shown again."""
