"""The log, the claims, the decisions and the views, by `guanxi verify` over a sample or the whole."""

from operations.doctor.symptoms import Findings
from operations.verify.findings import Report

WHY = {
    "log": "everything is folded from the log: each admitted record must be on it once, with a claim",
    "tiering": "a decision that does not follow from the rules was made by other rules, another program, or by hand",
    "engagement": "a decision that does not follow from the rules was made by other rules, another program, or by hand",
    "views": "readers see data that is not on the log, and the next decisions use it",
}
DO = {
    "log": "send a lost record again; report other differences: they are a bug in admission or manual writes",
    "tiering": "find out who wrote it; to correct it, override the tier (docs/integrators.md): the log is never edited",
    "engagement": "find out who wrote it; the customer's next fact decides again",
    "views": "guanxi rebuild SERVICE (or --customer ID for one) folds it again; then find out who wrote by hand",
}
MAX_TOLD = 5
"""Differences per check that are listed; `guanxi verify` lists more."""


def take_over(report: Report, findings: Findings) -> None:
    """A report's differences as symptoms, the first few of each check in full."""
    looked_at = report.looked_at
    findings.checked["log"] = f"{looked_at['records of the log']:,} records, {looked_at['claims']:,} claims"
    decisions = looked_at["decisions of tiering"] + looked_at["decisions of engagement"]
    findings.checked["decisions"] = f"{decisions:,} decided again"
    documents = looked_at["documents of tiering"] + looked_at["documents of engagement"]
    findings.checked["views"] = f"{documents:,} documents folded again"
    told: dict[str, int] = {}
    for finding in report.findings:
        told[finding.check] = told.get(finding.check, 0) + 1
        if told[finding.check] <= MAX_TOLD:
            findings.wrong(finding.check, finding.line, WHY[finding.check], DO[finding.check])
    for check, count in told.items():
        if count > MAX_TOLD:
            what = f"{count - MAX_TOLD:,} more differences"
            findings.wrong(check, what, WHY[check], f"guanxi verify {check} --show {count}")
    if report.unchecked:
        findings.unchecked["verify"] = "; ".join(report.unchecked)
