"""What one event puts on the log under further keys (domain.md, One event under several keys).

It follows from the event and from what that replaces alone, so that an event which is read again makes the same records
in the same order, and readers tell them apart by their number (`Position.output`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from services.ingest.admit.candidate import Candidate
from shared.events.registry import AGREED, COVERED, ERASED, VOIDED


def derived_from(candidate: Candidate, replaces: Mapping[str, Any] | None) -> list[Candidate]:
    """The further records of an accepted event, in the order of their keys; each is live, even if the event is history.

    replaces: what the event replaces, as the log shows it.
    """
    if candidate.type == ERASED:
        return [_erased(candidate, key) for key in sorted(candidate.data.get("also", ()))]
    if candidate.type == AGREED or (candidate.type == VOIDED and candidate.data["kind"] == "plan"):
        return _covered(candidate, (replaces or {}).get("data") or {})
    return []


def _erased(candidate: Candidate, key: str) -> Candidate:
    scope, _, subject = key.partition(":")
    data = {name: value for name, value in candidate.data.items() if name != "also"} | {"scope": scope}
    return replace(candidate, key=key, subject=subject, data=data, backfill=False)


def _covered(candidate: Candidate, before: Mapping[str, Any]) -> list[Candidate]:
    """Whom the plan covers now, and who was covered and is not any more."""
    plan = candidate.data
    covers: Iterable[str] = plan.get("covers", ())  # a void covers nobody
    gone = {"plan_id": plan.get("plan_id") or plan["record_id"], "customer": candidate.subject}
    said = dict.fromkeys(before.get("covers", ()), gone)
    if covers:
        said |= dict.fromkeys(covers, gone | {"from_on": plan["from_on"], "to_on": plan["to_on"]})
    return [
        replace(candidate, type=COVERED, key=f"customer:{one}", subject=one, data=data, backfill=False)
        for one, data in sorted(said.items())
    ]
