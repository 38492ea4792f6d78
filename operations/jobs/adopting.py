"""The job that adopts a policy, as `guanxi policy adopt` does. Jobs of a kind run one by one: of two people one wins,
and the other is told.
"""

from typing import Any

from pydantic_core import to_json

from operations.jobs.audited import audited
from operations.jobs.made import Made, Work
from operations.policy.files import read_text
from operations.policy.versions import adopt_file
from services.query.api.jobs_asked import AdoptAsked, read_stored
from shared.errors import Stop
from shared.mongo.policies import all_adopted
from shared.policies.adoption import begins_at


async def adopt(work: Work) -> Made:
    """What was adopted, and from when it decides. Raises Malformed, Stop and Transient where it can't be."""
    asked = read_stored(work.job.parameters)
    assert isinstance(asked, AdoptAsked), "by its kind"
    file = read_text(asked.policy, "policy")
    new, zone = file.adopted_for(asked.on), work.settings.zone
    work.told.begin("adopting", 1)
    known = await all_adopted(work.database)
    if known and new.id not in {one.id for one, _ in known} and known[-1][0].id != asked.latest:
        latest, at = known[-1]
        raise Stop(
            f"{latest.id} was adopted at {at.astimezone(zone):%Y-%m-%d %H:%M}, since this policy was tried: try it "
            "again beside that one, and then adopt it"
        )
    async with audited(work, "policy adopt", new.id, f"--on {new.effective_on}"):
        is_new = await adopt_file(work.database, file, new, zone)
    manifest: dict[str, Any] = {"policy": new.name, "version": new.version, "from": new.effective_on.isoformat()}
    manifest |= {"begins_at": begins_at(new.effective_on, zone).isoformat(), "is_new": is_new}
    work.file.write(to_json(manifest, indent=2))
    return Made("adopted.json", "application/json", manifest)
