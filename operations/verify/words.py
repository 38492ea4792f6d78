"""Decisions in words, and the differences of two of them."""

from typing import Any

from shared.events.codec import dump_decision
from shared.events.decisions import (
    ConcernOverdue,
    ContactLapsed,
    ContactResumed,
    Decision,
    RelationshipMeasured,
    SatisfactionDropped,
    TierChanged,
    TierProposed,
)

MAX_FIELDS = 6
"""Differing fields that are named; the rest is counted."""
MAX_VALUE_CHARS = 60
_MEANT_LAST = ("after", "set_off_by", "would_change", "factors")
"""Fields whose difference mostly follows from another one's."""


def in_words(decision: Decision) -> str:
    """What was decided."""
    version, day = decision.version, decision.effective_on
    match decision:
        case TierChanged():
            what = f"{decision.from_tier} → {decision.to_tier}, because of {decision.cause}, score {decision.score}"
            what += f", policy {decision.policy}/{decision.policy_version}"
        case TierProposed():
            what = "proposal of strategic" if decision.proposed_tier else "end of a proposal"
        case ContactLapsed():
            what = f"contact lapsed, due on {decision.due_on}"
        case ContactResumed():
            what = f"contact resumed by {decision.cause}"
        case SatisfactionDropped():
            what = f"satisfaction dropped, {decision.instrument} ({decision.kind})"
        case ConcernOverdue():
            what = f"concern {decision.concern_id} overdue since {decision.deadline}"
        case RelationshipMeasured():
            what = f"relationship measured, KCR {decision.kcr or 'unknown'}"
        case _:
            what = type(decision).__name__
    return f"{what} (version {version}, on {day})"


def decided_differently(decided: Decision, would_be: Decision) -> str:
    """Both in words, and the fields that differ when the words do not tell."""
    one, two = in_words(decided), in_words(would_be)
    fields = _differing_fields(decided, would_be)
    if type(decided) is not type(would_be):
        fields = ""
    return f"decided: {one}; would be: {two}" + (f"; differs in {fields}" if fields else "")


def differing_names(decided: Decision, would_be: Decision) -> list[str]:
    """Names of the fields that differ, those first that are no consequence of another."""
    one, two = dump_decision(decided), dump_decision(would_be)
    names = [name for name in one.keys() | two.keys() if one.get(name) != two.get(name)]
    return sorted(names, key=lambda name: (name in _MEANT_LAST, name))


def _differing_fields(decided: Decision, would_be: Decision) -> str:
    """Such as `score 50.3, would be 33.7`."""
    names, one, two = differing_names(decided, would_be), dump_decision(decided), dump_decision(would_be)
    told = [f"{name} {_short(one.get(name))}, would be {_short(two.get(name))}" for name in names[:MAX_FIELDS]]
    if len(names) > MAX_FIELDS:
        told.append(f"{len(names) - MAX_FIELDS} more")
    return "; ".join(told)


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= MAX_VALUE_CHARS else text[: MAX_VALUE_CHARS - 1] + "…"
