"""Checks that the decisions on the log form one chain per key and service: versions without a gap, each after the
last.
"""

from dataclasses import dataclass, field

from operations.verify.findings import Report, on_log
from shared.events.codec import decision_id
from shared.events.event import Event

MAX_LOSERS = 16
"""Decisions of one key that lost against an earlier one and are remembered, the newest."""


@dataclass(slots=True)
class _Chain:
    """version, last: of the decision accepted last; losers: ids of others, which are followed by losers only."""

    version: int = 0
    last: str | None = None
    losers: list[str] = field(default_factory=list)


class Chains:
    """The chains of one partition of the log (architecture.md, invariant 6: the first on the log wins)."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._chains: dict[tuple[str, str], _Chain] = {}

    def follow(self, key: str, service: str, event: Event) -> None:
        """The next decision of a key."""
        self._report.looked_at["decisions on the log"] += 1
        chain = self._chains.setdefault((key, service), _Chain())
        decision = event.data
        version, after = decision.version, decision.after
        if event.id != decision_id(event.subject, decision):
            self._found("wrong_id", key, event, "the id of this decision is not the hash of its content")
        if version == chain.version + 1 and after == chain.last:
            chain.version, chain.last = version, event.id
            return
        if event.id == chain.last:
            self._report.looked_at["duplicate decisions on the log, skipped by readers"] += 1
            return
        if version > chain.version and after != chain.last and after not in chain.losers:
            said = f"version {version} of {service} follows a decision ({after or 'none'}) that is not on the log"
            said += f"; the last one is version {chain.version} ({chain.last or 'none'})"
            self._found("gap_in_versions", key, event, said)
        elif version > chain.version + 1 and after == chain.last:
            said = (
                f"version {version} of {service} follows version {chain.version}; the versions between are not on "
                "the log"
            )
            self._found("gap_in_versions", key, event, said)
        else:
            self._report.looked_at["decisions that lost against another, skipped by readers"] += 1
        chain.losers = [*chain.losers[1 - MAX_LOSERS :], event.id]

    def _found(self, kind: str, key: str, event: Event, said: str) -> None:
        self._report.found("log", kind, key, on_log(event.log), said)
