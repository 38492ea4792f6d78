"""The adopted policies: unchanged, readable, and the ones that the configuration means."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from operations.doctor.symptoms import Findings
from services import SERVICES
from services.tiering.policy_file import read_policy
from shared.errors import GuanxiError
from shared.mongo import Database, transient_errors
from shared.mongo.policies import COLLECTION

POLICY = "policy"
_ADOPT = "guanxi policy adopt FILE --on DATE"


async def look_at_policies(database: Database, configured: Path | None, findings: Findings) -> None:
    """`configured` is the file of GUANXI_POLICY."""
    async with transient_errors():
        adopted = await database[COLLECTION].find().sort("adopted_at", 1).to_list(1000)
    findings.checked[POLICY] = f"{len(adopted)} adopted"
    if not adopted:
        names = [service.name for service in SERVICES.folding.values() if service.needs_policy]
        why = f"{' and '.join(names)} do not start without one"
        findings.wrong(POLICY, "no policy is adopted", why, "set GUANXI_POLICY and run 'guanxi setup'")
    for policy in adopted:
        _look_at_adopted(policy, findings)
    if configured is not None:
        _look_at_configured({policy["_id"]: policy for policy in adopted}, configured, findings)


def _look_at_adopted(policy: Mapping[str, Any], findings: Findings) -> None:
    name, text = policy["_id"], policy["text"]
    if sha256(text.encode()).hexdigest() != policy["sha256"]:
        why = "what was decided by it can't be decided again: 'guanxi verify' would differ"
        do = "put the original text back into the collection policies, from a backup or the repository of policies"
        findings.wrong(POLICY, f"the text of policy {name} changed after its adoption", why, do)
    try:
        read_policy(text, name)
    except GuanxiError as error:
        why = "the services that need it can't start"
        findings.wrong(POLICY, f"policy {name} can't be read: {error}", why, "put the original text back, or upgrade")


def _look_at_configured(adopted: Mapping[str, Any], path: Path, findings: Findings) -> None:
    try:
        text = path.read_text(encoding="utf-8")
        policy = read_policy(text, path.name)
    except (OSError, UnicodeDecodeError, GuanxiError) as error:
        findings.warn(POLICY, f"GUANXI_POLICY ({path}) can't be read: {error}", "set-up would stop", "correct the file")
        return
    known = adopted.get(f"{policy.name}/{policy.version}")
    if known is None:
        what = f"GUANXI_POLICY is {policy.name} version {policy.version}, which is not adopted"
        why = f"in force is {', '.join(adopted) or 'nothing'}"
        findings.warn(POLICY, what, why, _ADOPT)
    elif known["text"] != text:
        what = f"GUANXI_POLICY has another text than {policy.name} version {policy.version} had when it was adopted"
        why = "decisions use the adopted text, not this one"
        findings.wrong(POLICY, what, why, f"give the changed file a higher version, then {_ADOPT}")
