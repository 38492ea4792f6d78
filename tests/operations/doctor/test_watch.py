"""What the doctor finds again and again is what its metrics say now, not what they said before."""

from datetime import UTC, datetime

from operations.doctor.symptoms import Findings
from operations.doctor.watch import show
from shared.metrics import REGISTRY

AT = datetime(2026, 11, 23, tzinfo=UTC)


def of(check: str, severity: str) -> float | None:
    return REGISTRY.get_sample_value("guanxi_doctor_findings", {"check": check, "severity": severity})


def test_a_finding_shows_until_it_is_found_no_more() -> None:
    findings = Findings(checked={"told": "..."}, backups={"made": 5.0, "checked": 0.0})
    findings.wrong("told", "guanxi.tiers lacks the latest tier of 3 customers", "why", "retell")
    findings.unchecked["clocks"] = "no answer"
    show(findings, AT)
    assert (of("told", "wrong"), of("clocks", "unchecked")) == (1, 1)
    assert REGISTRY.get_sample_value("guanxi_backup_timestamp_seconds", {"done": "made"}) == 5
    ran = "guanxi_doctor_ran_timestamp_seconds"
    assert REGISTRY.get_sample_value(ran, {"outcome": "incomplete"}) == AT.timestamp()
    show(Findings(checked={"told": "..."}), AT)
    assert (of("told", "wrong"), of("clocks", "unchecked")) == (0, None)
    assert REGISTRY.get_sample_value(ran, {"outcome": "complete"}) == AT.timestamp()
