"""The jobs that fold the log again: verify and simulate. The same functions as `guanxi verify` and `guanxi policy
simulate` call.
"""

from pydantic_core import to_json

from operations.jobs.made import Made, ToldMeter, Work
from operations.policy.files import read_text
from operations.policy.simulate import simulate as simulate_file
from operations.policy.tally import json_parts, summary
from operations.verify.findings import Report
from operations.verify.run import Run
from operations.verify.sample import parse_sample
from operations.verify.telling import as_machines_read
from services.query.api.jobs_asked import SimulateAsked, VerifyAsked, read_stored

JSON = "application/json"
RECORDS_AT_ONCE = 100_000
"""Of a partition, whose keys are in memory together: some 100 MB, of the 512 MiB that a container has."""


async def verify(work: Work) -> Made:
    """A report as `guanxi verify --json` prints it. Raises Transient and Stop where the checks can't be made."""
    asked = read_stored(work.job.parameters)
    assert isinstance(asked, VerifyAsked), "by its kind"
    meter = ToldMeter(work.told)
    run = Run(work.settings, work.database, parse_sample(asked.sample), work.now, meter, Report(), RECORDS_AT_ONCE)
    report = await run.run(asked.checks)
    work.file.write(to_json(as_machines_read(report, meter), indent=2, fallback=str))
    manifest = {"differences": report.differences, "unchecked": len(report.unchecked)}
    return Made("verify.json", JSON, manifest)


async def simulate(work: Work) -> Made:
    """Who would move, as `guanxi policy simulate --json` prints it. Raises Malformed for what is no policy."""
    asked = read_stored(work.job.parameters)
    assert isinstance(asked, SimulateAsked), "by its kind"
    file = read_text(asked.policy, "policy")
    work.told.begin("deciding again", 0)
    trial = await simulate_file(work.database, work.settings, file, asked.on, work.now, work.told.at)
    said = summary(trial.tally, trial.adopted, trial.tried, trial.as_of.isoformat())
    work.file.writelines(part.encode() for part in json_parts(said, trial.moves))
    manifest = {"moved": trial.tally.moves, "customers": trial.tally.customers, "warnings": file.warned}
    return Made("simulate.json", JSON, manifest)
