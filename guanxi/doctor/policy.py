"""The adopted policies: unchanged, readable, and the ones that the configuration means; the time zone too."""

from collections.abc import Mapping
from datetime import UTC, datetime, time
from hashlib import sha256
from pathlib import Path
from typing import Any

from guanxi.doctor.symptoms import Findings
from services.engagement.store import WEEKS
from services.tiering.policy_file import read_policy
from shared.errors import GuanxiError
from shared.mongo import Database, transient_errors
from shared.mongo.policies import COLLECTION
from shared.settings import Settings

POLICY = "policy"
_ADOPT = "guanxi policy adopt FILE --on DATE"


async def look_at_policies(database: Database, configured: Path | None, settings: Settings, findings: Findings) -> None:
    """`configured` is the file of GUANXI_POLICY."""
    async with transient_errors():
        adopted = await database[COLLECTION].find().sort("adopted_at", 1).to_list(1000)
    findings.checked[POLICY] = f"{len(adopted)} adopted"
    if not adopted:
        why = "tiering and engagement do not start without one"
        findings.wrong(POLICY, "no policy is adopted", why, "set GUANXI_POLICY and run 'guanxi setup'")
    for policy in adopted:
        _look_at_adopted(policy, findings)
    if configured is not None:
        _look_at_configured({policy["_id"]: policy for policy in adopted}, configured, findings)
    await _look_at_zone(database, settings, findings)


def _look_at_adopted(policy: Mapping[str, Any], findings: Findings) -> None:
    name, text = policy["_id"], policy["text"]
    if sha256(text.encode()).hexdigest() != policy["sha256"]:
        why = "what was decided by it can't be decided again: 'guanxi verify tiering' would differ"
        do = "put the original text back into the collection policies, from a backup or the repository of policies"
        findings.wrong(POLICY, f"the text of policy {name} was changed after it was adopted", why, do)
    try:
        read_policy(text, name)
    except GuanxiError as error:
        why = "no service that needs it can start"
        findings.wrong(POLICY, f"policy {name} can't be read: {error}", why, "put the original text back, or upgrade")


def _look_at_configured(adopted: Mapping[str, Any], path: Path, findings: Findings) -> None:
    try:
        text = path.read_text(encoding="utf-8")
        policy = read_policy(text, path.name)
    except (OSError, UnicodeDecodeError, GuanxiError) as error:
        findings.warn(POLICY, f"GUANXI_POLICY ({path}) can't be read: {error}", "set-up would stop at it", "mend it")
        return
    known = adopted.get(f"{policy.name}/{policy.version}")
    if known is None:
        what = f"GUANXI_POLICY is {policy.name} version {policy.version}, which is not adopted"
        why = f"decided by is {', '.join(adopted) or 'nothing'}"
        findings.warn(POLICY, what, why, _ADOPT)
    elif known["text"] != text:
        what = f"GUANXI_POLICY has another text than {policy.name} version {policy.version} had when it was adopted"
        why = "what it says now is not what is decided by"
        findings.wrong(POLICY, what, why, f"give the changed file a higher version, then {_ADOPT}")


async def _look_at_zone(database: Database, settings: Settings, findings: Findings) -> None:
    """The weeks were written by the time zone of whoever set the system up."""
    async with transient_errors():
        week = await database[WEEKS].find_one({}, sort=[("week", -1)])
    if week is None:
        return
    monday = datetime.combine(datetime.fromisoformat(week["from_on"]).date(), time(), settings.zone)
    if week["day_starts"][0] != monday.astimezone(UTC):
        what = f"the weeks were not written by the time zone {settings.time_zone}, which is configured here"
        why = "processes with different zones count visits and money on different days"
        findings.wrong(POLICY, what, why, "give every process the same GUANXI_TIME_ZONE")
