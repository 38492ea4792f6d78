"""One customer's relationship, as text for people: contact, breadth, decision makers, satisfaction, concerns, goals.
Why it has its tier is for `explain`.
"""

from collections.abc import Iterator
from typing import Any

from guanxi.reading.words import day, instant, listed, percent

Document = dict[str, Any]
_LABEL = 14


def relationship(engagement: Document, goals: list[Document]) -> str:
    """The text."""
    head = f"{engagement['_id']}  {engagement['name'] or '(not registered)'}  {engagement['tier']}"
    parts = (_owners, _contact, _breadth, _deciders, _organisation, _satisfaction, _concerns)
    lines = [head, *(line for part in parts for line in part(engagement)), *_goals(goals), *_fresh(engagement)]
    return "\n".join(lines)


def _owners(row: Document) -> Iterator[str]:
    owners = [f"{who} ({role.replace('_', ' ')})" for role, who in row["owners"].items() if who]
    yield _line("owners", listed(owners) or "no owner")
    if not row["rated"]:
        yield _line("", "not rated in the last 365 days")


def _contact(row: Document) -> Iterator[str]:
    contact = row["contact"]
    last = f"last {day(contact['last_on'])}" if contact["ever_met"] else "never met"
    if contact["status"] is None:
        yield _line("contact", f"{last}; no cadence below general")
    else:
        status = contact["status"].replace("_", " ")
        yield _line("contact", f"{status}: due {contact['due_on']}, {last}; every {contact['cadence_days']} days")
        yield _line("", f"cadence met on {percent(contact['adherence'])} of the last 90 days")
    visits = contact["visits_365d"]
    by = listed([f"{count} {kind.replace('_', ' ')}" for kind, count in visits["by_kind"].items()])
    year = f"{visits['total']} in 365 days" + (f" ({by})" if by else "")
    yield _line("visits", f"{year}, {contact['visits_90d']['total']} in 90")
    visit = row["last_visit"]
    if visit:
        yield _line("", f"agreed on {visit['on']}: {visit['consensus'] or '-'}")
        for follow_up in visit["follow_ups"]:
            yield _line("", f"to do: {follow_up}")


def _breadth(row: Document) -> Iterator[str]:
    shown = row["relationship"]
    where = f": {listed(shown['departments_met_365d'])}" if shown["departments_met_365d"] else ""
    departments = len(shown["departments_met_365d"])
    yield _line("breadth", f"{shown['persons_met_365d']} persons of {departments} departments met in 365 days{where}")


def _deciders(row: Document) -> Iterator[str]:
    shown = row["relationship"]
    if not shown["deciders"]:
        yield _line("key persons", "no approver or decider is known")
        return
    yield _line(
        "key persons",
        f"relationship {shown['key_relationship']:.2f} (-1 opposed ... 3 coach); {shown['deciders_met_90d']} of "
        f"{shown['deciders']} approvers and deciders met in 90 days",
    )


def _organisation(row: Document) -> Iterator[str]:
    shown = row["relationship"]
    if shown["executive_meetings_owed"] or shown["executive_meetings_365d"] or shown["company_tours_365d"]:
        meetings = f"{shown['executive_meetings_365d']} of {shown['executive_meetings_owed']} executive meetings"
        yield _line("organisation", f"{meetings}, {shown['company_tours_365d']} company tours in 365 days")


def _satisfaction(row: Document) -> Iterator[str]:
    shown, label = row["satisfaction"], "satisfaction"
    for instrument in ("nps", "csat", "ces"):
        figures = shown[instrument]
        if figures is None:
            continue
        this, before = figures["this_year"], figures["last_year"]
        text = f"{instrument.upper()} {_number(this['value'])} (n {this['n']})"
        text += f", the year before {_number(before['value'])} (n {before['n']})"
        text += f", {this['gap']:+.2f} against expectation" if this["gap"] is not None else ""
        yield _line(label, text + ("; dropped" if figures["dropped"] else ""))
        label = ""
    last = shown["last"]
    if last:
        yield _line(label, f"last answer on {last['on']}: {last['instrument'].upper()} {last['score']}")


def _concerns(row: Document) -> Iterator[str]:
    shown = row["concerns"]
    rate = f"; {percent(shown['loop_rate'])} closed within 14 days" if shown["loop_rate"] is not None else ""
    if shown["open"] or rate:
        yield _line("concerns", f"{shown['open']} open, {shown['open_overdue']} of them overdue{rate}")
    for one in shown["list"]:
        due = f"answer by {instant(one['deadline'])}" if one["deadline"] else "no answer time promised"
        state = "answered, not confirmed" if one["answered_at"] else f"OVERDUE, {due}" if one["overdue"] else due
        yield _line("", f"{one['severity']} {one['kind']} of {one['raised_on']}: {one['about']} ({state})")


def _goals(goals: list[Document]) -> Iterator[str]:
    label = "goals"
    for goal in goals:
        done = goal["outcome"] if goal["outcome"] is not None else goal["value"]
        share = goal["outcome_progress"] if goal["outcome"] is not None else goal["progress"]
        when = f"was {_number(done)} on" if goal["outcome"] is not None else f"is {_number(done)}, due"
        text = f"{goal['metric']} from {goal['baseline']:g} to {goal['target']:g}: {when} {goal['due_on']}"
        yield _line(label, text + (f" ({percent(share)} of the way)" if share is not None else ""))
        label = ""


def _fresh(row: Document) -> Iterator[str]:
    yield _line("as of", f"{instant(row['as_of'])}; last event recorded {instant(row['recorded_at'])}")
    if row.get("incomplete_since"):
        yield _line("", f"INCOMPLETE since log position {row['incomplete_since']}: see the quarantine")


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g}"


def _line(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}}{text}"
