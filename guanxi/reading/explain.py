"""`guanxi explain`: what a person needs to know of a customer's tier, as text of at most 100 columns. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size

from guanxi.reading.words import (
    FACTOR_WORDS,
    day,
    factor_adds,
    factor_value,
    instant,
    listed,
    money,
    percent,
)

Document = dict[str, Any]
_LABEL = 14
_WIDTH = 100
_CAUSES = {
    "override": "set by hand",
    "override_ended": "a tier set by hand has ended",
    "approval": "entry to strategic was approved",
    "policy": "a new version of the policy",
    "first_purchase": "the first purchase",
    "net": "no net purchases in the period that the tier requires",
    "gate": "a factor below the tier's minimum",
    "score": "the score",
}
_SHOWN_VERSIONS = 12


def explain(
    row: Document,
    history: Sequence[Document],
    engagement: Document | None,
    names: Mapping[str, str] | None = None,
    changes: Document | None = None,
) -> str:
    """Everything about a customer as of its row. `names`: of representatives, if readable; `changes`: what would change
    the tier now, with its `as_of`; without it, the last decision's are shown.
    """
    told = changes or (row["changes"] and {**row["changes"], "as_of": row["changes_as_of"]})
    return _text(
        [
            *_head(row),
            *_tier(row),
            *_why(row["factors"], row["currency"], row["score"], row["known_weight"]),
            *_would_change(told, row["tier"]),
            *_owners(row, names or {}),
            *_contact(engagement),
            *_history(history),
            *_freshness(row, engagement),
        ]
    )


def explain_on(row: Document, held: Document) -> str:
    """The tier on a day, from tiering's questions.as_of_day, with the last decision's own explanation."""
    on, entry = held["on"], held["decision"]
    if entry is None:
        return _text([*_head(row), _line("tier", f"potential on {on}: no decision yet")])
    since = f", since {held['since']}" if held["since"] else ""
    lines = [*_head(row), _line("tier", f"{held['tier']} on {on}{since}")]
    if held["since"]:
        lines.append(_line("", f"before that {held['before']}; because of {_CAUSES[held['cause']]}"))
    if held["computed_tier"] != held["tier"]:
        lines.append(_line("", f"by score it would have been {held['computed_tier']}"))
    if held["proposed_tier"]:
        lines.append(_line("", f"proposed: {held['proposed_tier']}"))
    lines += _entitled(held)
    lines.append(_line("policy", f"{entry['policy']}, version {entry['policy_version']}"))
    lines += _why(entry["factors"], held["currency"] or row["currency"], entry["score"], entry["known_weight"])
    lines += _would_change({**(entry.get("would_change") or {}), "as_of": entry["effective_on"]}, entry["to"])
    lines.append(_line("decided", f"version {entry['version']}, as of {instant(entry['decided_as_of'])}"))
    return _text(lines)


def _head(row: Document) -> Iterator[str]:
    where = f", {row['country']}" if row["country"] else ""
    yield f"{row['_id']}  {row['name'] or '(not registered)'}{where}"
    if row["incomplete_since"]:
        yield (
            f"INCOMPLETE: a record at {row['incomplete_since']} could not be folded; the rest is older than that record"
        )


def _tier(row: Document) -> Iterator[str]:
    cause = f", because of {_CAUSES[row['cause']]}" if row["cause"] else ""
    since = f" since {row['tier_since']}" if row["tier_since"] else ""
    dormant = " (dormant: no net purchases that still count)" if row["dormant"] else ""
    yield _line("tier", f"{row['tier']}{since}{dormant}{cause}")
    if row["computed_tier"] != row["tier"]:
        yield _line("", f"by score it would be {row['computed_tier']}")
    if row["overridden_until"]:
        yield _line("", f"set by hand until {row['overridden_until']}")
    if row["proposed_tier"]:
        yield _line("", f"proposed: {row['proposed_tier']}, awaiting approval")
    yield from _entitled(row)
    risk = "; AT RISK: net of 90 days is under half of the base" if row["at_risk"] else ""
    yield _line("net", f"{money(row['net_365d'], row['currency'])} in 365 days, {money(row['net_90d'])} in 90{risk}")
    if row["first_purchase_on"]:
        yield _line("", f"first purchase {row['first_purchase_on']}, last {row['last_purchase_on']}")
    if row["flags"]["unconverted"]:
        yield _line("", f"left out, no exchange rate in the policy: {listed(row['flags']['unconverted'])}")
    if row["flags"].get("uncounted"):
        said = "in another currency, or more than 100 of one invoice"
        yield _line("", f"parts or credits not counted ({said}): {listed(row['flags']['uncounted'])}")


def _entitled(said: Document) -> Iterator[str]:
    until = f" until {said['entitled_until']}" if said["entitled_until"] else ""
    if said["entitlements"] is None:
        yield _line("entitled to", "nothing: entitlements begin with general")
        return
    yield _line("entitled to", f"as {said['entitled_tier']}{until}:")
    for text in _entitlements(said["entitlements"]):
        yield _line("", text)


def _entitlements(given: Document) -> Iterator[str]:
    yield (
        f"a contact every {given['cadence_days']} days, {given['executive_meetings']} executive meetings a year, "
        f"an answer within {given['answer_hours']} h"
    )
    yield (
        f"discount band {given['discount_band'] or '-'}, {given['credit_days']} days of credit, "
        f"allocation priority {given['allocation_priority']}"
    )
    work = [name for name in ("key_person_work", "relationship_assessment", "group_plan") if given[name]]
    if work:
        yield listed(name.replace("_", " ") for name in work)


def _why(factors: Mapping[str, Document], currency: str, score: Any, known_weight: int) -> Iterator[str]:
    yield _line("score", f"{float(score):.1f} of 100; {known_weight} of 100 weight known")
    yield _line("why", f"{'':<16}{'value':>20}{'points':>9}{'weight':>9}{'adds':>8}")
    for name in FACTOR_WORDS:
        if name in factors:
            factor = factors[name]
            value = factor_value(name, factor["value"], currency)
            points = f"{float(factor['points']):.2f}"
            cells = f"{points:>9}{factor['weight']:>9}{factor_adds(factor):>8.1f}"
            yield _line("", f"{FACTOR_WORDS[name]:<16}{value:>20}{cells}")


def _would_change(changes: Document | None, tier: str) -> Iterator[str]:
    label = "would change"
    for text in _change_texts(changes or {}, tier):
        yield _line(label, text)
        label = ""
    if changes and label == "":
        yield _line("", f"(as of {changes['as_of']})")


def _change_texts(changes: Document, tier: str) -> Iterator[str]:
    purchase = changes.get("purchase")
    if purchase:
        amount = money(purchase["amount"], purchase["currency"])
        yield f"buying {amount} more (net) would lift it to {purchase['tier']}"
    elif changes.get("blocked_by"):
        blocked = listed(name.replace("_", " ") for name in changes["blocked_by"])
        yield f"no purchase alone lifts it; blocked by: {blocked}"
    if changes.get("payment"):
        yield f"paying all overdue invoices would lift it to {changes['payment']}"
    for name, rating in (changes.get("rating") or {}).items():
        if rating:
            yield f"{FACTOR_WORDS[name]} rated {rating['more']} higher would lift it to {rating['tier']}"
    if changes.get("falls_on"):
        yield f"without new events it falls below {tier} on {changes['falls_on']}"
    if changes.get("approval"):
        yield f"approval is {changes['approval']}"


def _owners(row: Document, names: Mapping[str, str]) -> Iterator[str]:
    owners = [
        f"{row[role]} {names.get(row[role], '')}".rstrip() + f" ({role.replace('_', ' ')})"
        for role in ("account_manager", "product_manager")
        if row[role]
    ]
    yield _line("owners", listed(owners) or "nobody")


def _contact(engagement: Document | None) -> Iterator[str]:
    if engagement is None:
        yield _line("contact", "nothing is known yet")
        return
    contact = engagement["contact"]
    last = f"last {day(contact['last_on'])}" if contact["ever_met"] else "never met"
    if contact["status"] is None:
        yield _line("contact", f"{last}; no cadence below general")
    else:
        status = contact["status"].replace("_", " ")
        kept = f"; cadence met {percent(contact['adherence'])} of 90 days" if contact["adherence"] is not None else ""
        yield _line("contact", f"{status}: due {day(contact['due_on'])}, {last}, every {contact['cadence_days']} days")
        yield _line(
            "", f"{contact['visits_365d']['total']} visits in 365 days, {contact['visits_90d']['total']} in 90{kept}"
        )
    visit = engagement["last_visit"]
    if visit and visit["consensus"]:
        yield _line("", f"agreed on {visit['on']}: {visit['consensus']}")
    answer = engagement["satisfaction"]["last"]
    if answer:
        expected = f", expected {answer['expectation']}" if answer["expectation"] is not None else ""
        about = f" about {answer['touchpoint']}" if answer["touchpoint"] else ""
        yield _line("satisfaction", f"{answer['instrument']} {answer['score']}{expected} on {answer['on']}{about}")
    if engagement["concerns"]["open"]:
        overdue = engagement["concerns"]["open_overdue"]
        yield _line("concerns", f"{engagement['concerns']['open']} open, {overdue} of them overdue")


def _history(history: Sequence[Document]) -> Iterator[str]:
    if len(history) > _SHOWN_VERSIONS:
        yield _line("history", f"({len(history) - _SHOWN_VERSIONS} earlier versions left out)")
    label = "" if len(history) > _SHOWN_VERSIONS else "history"
    for entry in history[-_SHOWN_VERSIONS:]:
        yield _line(label, _version(entry))
        label = ""


def _version(entry: Document) -> str:
    head = f"{entry['version']:>3}  {entry['effective_on']}"
    if entry["kind"] != "changed":
        what = f"{entry['proposed_tier']} proposed" if entry["proposed_tier"] else "the proposal ends"
        return f"{head}  {what}, score {float(entry['score']):.1f}"
    return f"{head}  {entry['from']} -> {entry['to']}, score {float(entry['score']):.1f}, {_CAUSES[entry['cause']]}"


def _freshness(row: Document, engagement: Document | None) -> Iterator[str]:
    yield _line("as of", f"{instant(row['as_of'])}; policy {row['policy']}, version {row['policy_version']}")
    yield _line("fresh", f"tier: {_recorded(row)}")
    if engagement is not None:
        yield _line("", f"contact: {_recorded(engagement)}")


def _recorded(row: Document) -> str:
    """The API does not say when a row was written."""
    shown = f", shown {instant(row['projected_at'])}" if "projected_at" in row else ""
    return f"last event recorded {instant(row['recorded_at'])}{shown}"


def _line(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}}{text}"


def _text(lines: Iterable[str]) -> str:
    """Lines of at most 100 columns; what does not fit goes on below its text."""
    return "\n".join(part for line in lines for part in _wrapped(line))


def _wrapped(line: str) -> Iterator[str]:
    while cell_len(line) > _WIDTH:
        cut = line.rfind(" ", _LABEL + 3, len(set_cell_size(line, _WIDTH)))
        if cut < 0:
            break
        yield line[:cut]
        line = _line("", line[cut + 1 :])
    yield line
