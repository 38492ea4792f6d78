"""The log, the claims, the decisions and the views, by `guanxi verify` over a sample or the whole."""

from operations.doctor.symptoms import Findings
from operations.verify.findings import LOG, VIEWS, Report
from services import SERVICES

WHY = {
    LOG: "everything is folded from the log: each admitted record must be on it once, with a claim",
    VIEWS: "readers see data that is not on the log, and the next decisions use it",
}
WHY_OF_DECISIONS = "a decision that does not follow from the rules was made by other rules, another program, or by hand"
DO = {
    LOG: "report it: it is a bug in admission, or somebody wrote by hand. Restore a backup if records are lost",
    VIEWS: "guanxi rebuild SERVICE folds the views again; then find out who wrote by hand",
}
DO_OF_KIND = {
    "logged_not_claimed": "guanxi reclaim restores the claim from the log; send nothing again before that",
    "claimed_not_logged": "restore a backup (docs/backup.md): sent again, it would be taken for a duplicate",
}
DO_OF_DECISIONS = (
    "see who wrote it: a log is never edited. The customer's next fact decides again; override a tier that must go "
    "(docs/integrators.md)"
)
MAX_TOLD = 5
"""Differences per check that are listed; `guanxi verify` lists more."""


def take_over(report: Report, findings: Findings) -> None:
    """A report's differences as symptoms, the first few of each check in full."""
    looked_at = report.looked_at
    findings.checked["log"] = f"{looked_at['records of the log']:,} records, {looked_at['claims']:,} claims"
    decisions = sum(looked_at[f"decisions of {service}"] for service in SERVICES.folding)
    findings.checked["decisions"] = f"{decisions:,} decided again"
    documents = sum(looked_at[f"documents of {service}"] for service in SERVICES.folding)
    findings.checked["views"] = f"{documents:,} documents folded again"
    told: dict[str, int] = {}
    for finding in report.findings:
        told[finding.check] = told.get(finding.check, 0) + 1
        if told[finding.check] <= MAX_TOLD:
            why, do = WHY.get(finding.check, WHY_OF_DECISIONS), DO.get(finding.check, DO_OF_DECISIONS)
            do = DO_OF_KIND.get(finding.kind, do)
            findings.wrong(finding.check, finding.line, why, do)
    for check, count in told.items():
        if count > MAX_TOLD:
            what = f"{count - MAX_TOLD:,} more differences"
            findings.wrong(check, what, WHY.get(check, WHY_OF_DECISIONS), f"guanxi verify {check} --show {count}")
    if report.unchecked:
        findings.unchecked["verify"] = "; ".join(report.unchecked)
