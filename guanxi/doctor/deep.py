"""The log, the claims, the decisions and the views, by `guanxi verify` over a sample or the whole."""

from guanxi.doctor.symptoms import Findings
from guanxi.verify.findings import Report

WHY = {
    "log": "the log is what everything is folded from: each admitted record must be on it once, known by a claim",
    "tiering": "a decision that the rules do not give was made by other rules, another program, or by hand",
    "engagement": "a decision that the rules do not give was made by other rules, another program, or by hand",
    "views": "readers see, and the next decisions are made from, something that the log does not say",
}
DO = {
    "log": "send a lost record again; report what else differs: it is a bug of admission, or somebody wrote by hand",
    "tiering": "see who wrote it; if it must go, override the tier (docs/integrators.md): a log is never edited",
    "engagement": "see who wrote it; the next fact of the customer decides again",
    "views": "guanxi rebuild SERVICE (or --customer ID for one) folds it afresh; then look for who wrote by hand",
}
MAX_TOLD = 5
"""Differences of one check that are told one by one; `guanxi verify` tells more."""


def take_over(report: Report, findings: Findings) -> None:
    """A report's differences as symptoms, the first few of each check whole."""
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
