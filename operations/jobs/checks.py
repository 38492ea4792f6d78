"""The jobs that fold the log again: verify and simulate. The same functions as `guanxi verify` and `guanxi policy
simulate` call.
"""

from typing import Any

from pydantic_core import to_json

from operations.jobs.made import Made, ToldMeter, Work
from operations.policy.difference import differences
from operations.policy.files import read_text
from operations.policy.simulate import simulate as simulate_file
from operations.policy.tally import json_parts, summary
from operations.policy.versions import text_of
from operations.verify.findings import Report
from operations.verify.run import Run
from operations.verify.sample import Sample, parse_sample
from operations.verify.telling import as_machines_read
from services.query.api.jobs_asked import SimulateAsked, VerifyAsked, read_stored
from shared.mongo.policies import all_adopted

JSON = "application/json"
SHOWN = 5
"""Findings told beside the result, which has them all."""
RECORDS_AT_ONCE = 100_000
"""Of a partition, whose keys are in memory together: some 100 MB, of the 512 MiB that a container has."""


async def verify(work: Work) -> Made:
    """A report as `guanxi verify --json` prints it. Raises Transient and Stop where the checks can't be made."""
    asked = read_stored(work.job.parameters)
    assert isinstance(asked, VerifyAsked), "by its kind"
    meter = ToldMeter(work.told)
    sample = parse_sample(asked.sample) if asked.customer is None else Sample(key=asked.customer)
    run = Run(work.settings, work.database, sample, work.now, meter, Report(), RECORDS_AT_ONCE)
    report = await run.run(asked.checks)
    work.file.write(to_json(as_machines_read(report, meter), indent=2, fallback=str))
    manifest: dict[str, Any] = {"differences": report.differences, "unchecked": len(report.unchecked)}
    manifest["findings"] = [finding.line for finding in report.findings[:SHOWN]]
    manifest["looked_at"] = dict(report.looked_at)
    return Made("verify.json", JSON, manifest)


async def simulate(work: Work) -> Made:
    """Who would move, as `guanxi policy simulate --json` prints it. Raises Malformed for what is no policy."""
    asked = read_stored(work.job.parameters)
    assert isinstance(asked, SimulateAsked), "by its kind"
    file = read_text(asked.policy, "policy")
    work.told.begin("deciding again", 0)
    versions = await all_adopted(work.database)  # before it is tried: what is adopted meanwhile makes it stale
    trial = await simulate_file(work.database, work.settings, file, asked.on, work.now, work.told.at)
    said = summary(trial.tally, trial.adopted, trial.tried, trial.as_of.isoformat())
    before = text_of(await all_adopted(work.database), f"{trial.adopted.name}/{trial.adopted.version}") or ""
    work.file.writelines(part.encode() for part in json_parts(said, trial.moves))
    manifest: dict[str, Any] = {"moved": trial.tally.moves, "customers": trial.tally.customers, "warnings": file.warned}
    manifest |= {"summary": said, "differences": [list(one) for one in differences(before, file.text)]}
    manifest["latest"] = versions[-1][0].id if versions else None
    return Made("simulate.json", JSON, manifest)
