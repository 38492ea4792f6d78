"""One customer's profiles, as text for people: how complete and fresh, what is missing, what is late, and grants."""

from collections.abc import Iterator, Sequence
from typing import Any

from guanxi.reading.words import instant, listed

Document = dict[str, Any]
_LABEL = 14


def profiles(row: Document, grants: Sequence[Document]) -> str:
    """The text."""
    lines = [f"{row['_id']}  {row['tier']}"]
    for profile in row["profiles"]:
        lines += _profile(profile)
    missing = row["vendors"]["missing"]
    if missing:
        lines.append(_line("vendors", f"{row['vendors']['there']} of {row['vendors']['owed']} profiles of vendors"))
    lines += [_line("grant", _grant(one)) for one in grants]
    lines.append(_line("as of", instant(row["as_of"])))
    return "\n".join(lines)


def _profile(profile: Document) -> Iterator[str]:
    of = "profile" if profile["profile"] == "cp" else f"vendor {profile['vendor_id']}"
    until = f" until {profile['grade_until']}" if profile["grade_until"] else ""
    yield ""
    yield f"{of}  template {profile['template']}  grade {profile['grade'].replace('_', ' ')}{until}"
    if profile["required"]:
        shares = f"{profile['completeness']} % of {profile['required']} items, {profile['freshness']} % fresh"
        yield _line(profile["status"], f"{shares}; due {profile['due_on']}")
    else:
        yield _line("", "no item is required of this tier")
    for what, items in _by_state(profile["items"]):
        yield _line(what, listed(items))
    if profile["flags"]["unknown_template"]:
        yield _line("flag", f"written by the template {profile['flags']['unknown_template']}, which is not known")
    if profile["flags"]["unknown_items"]:
        yield _line("flag", f"not counted: {listed(profile['flags']['unknown_items'])}")


def _by_state(items: Sequence[Document]) -> Iterator[tuple[str, list[str]]]:
    required = [one for one in items if one["required"]]
    missing = [f"{one['item']} (due {one['due_on']})" for one in required if one["state"] == "missing"]
    late = [f"{one['item']} (since {one['due_on']})" for one in required if one["late"] and one["state"] != "missing"]
    for what, found in (("missing", missing), ("late", late)):
        if found:
            yield what, found


def _grant(grant: Document) -> str:
    grade = grant["max_grade"].replace("_", " ")
    return f"{grant['grantee']} up to {grade} through {grant['expires_on']}: {grant['status']}"


def _line(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}}{text}"
