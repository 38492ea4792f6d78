"""One customer's group plans, as text for people: owed or covered, how far, which steps slip, services used."""

from collections.abc import Iterator, Sequence
from typing import Any

from guanxi.reading.words import instant, listed, percent

Document = dict[str, Any]
_LABEL = 14


def group_plans(row: Document | None, steps: Sequence[Document], use: Document | None) -> str:
    """The text. row: of `plans`; steps: of `plan_steps`; use: of `service_use`; one of the first and last at least."""
    of: Document = row or use or {}
    lines = [f"{of['_id']}  {of['tier']}"]
    if row is not None:
        lines += _owed(row)
        for plan in row.get("plans", ()):
            mine = [one for one in steps if (one["source"], one["plan_id"]) == (plan["source"], plan["plan_id"])]
            lines += _plan(plan, mine)
    if use is not None:
        lines += ["", "services of the last 365 days", *_use(use)]
    lines.append(_line("as of", instant(of["as_of"])))
    return "\n".join(lines)


def _owed(row: Document) -> Iterator[str]:
    if not row["owed"]:
        yield _line("plan", "none is owed")
    elif row["covered"]:
        yield _line("plan", "owed, and there is one")
    else:
        late = "overdue" if row["lapsed"] else "due"
        yield _line("plan", f"owed, none since {row['uncovered_from']}; {late} {row['due_on']}")
    for one in row.get("covered_by", ()):
        yield _line("covered by", f"plan {one['plan_id']} of {one['customer']}, {one['from_on']} to {one['to_on']}")
    if row["unassessed"]:
        yield _line("not assessed", listed(row["unassessed"]))


def _plan(plan: Document, steps: Sequence[Document]) -> Iterator[str]:
    yield ""
    now = "" if plan["current"] else "  (not the plan of today)"
    yield f"plan {plan['plan_id']}  {plan['from_on']} to {plan['to_on']}  {plan['status'].replace('_', ' ')}{now}"
    if plan["done"] is not None:
        shares = f"{plan['done']} of the steps, expected {plan['expected']}, behind {plan['behind']}"
        yield _line("done", shares)
    if plan["review_due"] is not None:
        late = ", overdue" if plan["gaps"]["review"] else ""
        yield _line("review", f"due {plan['review_due']}{late}; last {plan['reviewed_on'] or 'never'}")
    for what, found in (
        ("no objective", plan["gaps"]["dimensions"]),
        ("without step", plan["gaps"]["objectives"]),
        ("flag", [f"{one} is not measured" for one in plan["unknown_metrics"]]),
    ):
        if found:
            yield _line(what, listed(found))
    for one in plan["objectives"]:
        yield _line("objective", _objective(one))
    for step in steps:
        yield _line(step["status"].replace("_", " "), _step(step))


def _objective(one: Document) -> str:
    """An objective that ended says what came of it, an open one how far it is."""
    metric = one["metric"] if one["person_id"] is None else f"{one['metric']} of {one['person_id']}"
    text = f"{one['objective_id']}: {metric} from {one['baseline'] or 'unknown'} to {one['target']}"
    if one["outcome"] is not None:
        return f"{text}, was due {one['due_on']}: {one['outcome']}"
    share = "" if one["progress"] is None else f" ({percent(one['progress'])} of the way)"
    return f"{text}, due {one['due_on']}: is {one['value'] or 'unknown'}{share}"


def _step(step: Document) -> str:
    if step["due_on"] is None:
        return f"{step['step_id']}, first due {step['original_due']}"
    moved = f", moved by {step['moved_days']} days" if step["moved_days"] else ""
    slips = f", slips by {step['slippage_days']} days" if step["slippage_days"] else ""
    done = f", done {step['done_on']}" if step["done_on"] else ""
    return f"{step['step_id']} of {step['owner']}, due {step['due_on']}{moved}{done}{slips}"


def _use(use: Document) -> Iterator[str]:
    for one in use["services"]:
        left = "no limit" if one["left"] is None else f"{one['left']} of {one['quota']} left"
        beyond = f", {len(one['beyond'])} beyond the quota" if one["beyond"] else ""
        yield _line(one["service"], f"{one['used']} used, {left}{beyond}")
    if use["unserved"]:
        yield _line("unserved", "fewer deliveries than the tier shall have")
    if use["help_rate"] is not None:
        yield _line("helped", f"{use['help_rate']} of the difficulties")
    if use["unknown_services"]:
        yield _line("flag", f"not counted: {listed(use['unknown_services'])}")


def _line(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}}{text}" if len(label) < _LABEL else f"  {label}  {text}"
