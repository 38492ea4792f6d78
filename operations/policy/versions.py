"""The adopted versions: which is in force today, which will be, which never was."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from operations.policy.files import PolicyFile
from services.archives.template_file import own_adopted
from shared.errors import Stop
from shared.mongo import Database
from shared.mongo.policies import TEMPLATES, adopt, all_adopted
from shared.policies.adoption import Adopted, begins_at, in_order, refusal


@dataclass(frozen=True, slots=True)
class Version:
    """An adopted version. state: "in force", "announced", "past", or "never" for one that another one replaced before
    its day; begins_at: when its first day begins; the first version also decides what was before.
    """

    name: str
    version: int
    effective_on: str
    begins_at: datetime
    adopted_at: datetime
    state: str


def versions(known: Sequence[tuple[Adopted, datetime]], now: datetime, zone: ZoneInfo) -> list[Version]:
    """All of them, in the order of adoption."""
    ordered = in_order([one for one, _ in known])
    begun = [one for one in ordered if begins_at(one.effective_on, zone) <= now]
    in_force = (begun or ordered[:1])[-1] if ordered else None

    def state(one: Adopted) -> str:
        if one is in_force:
            return "in force"
        if one not in ordered:
            return "never"
        return "past" if one in begun else "announced"

    return [
        Version(one.name, one.version, one.effective_on.isoformat(), begins_at(one.effective_on, zone), at, state(one))
        for one, at in known
    ]


async def adopt_file(database: Database, file: PolicyFile, new: Adopted, zone: ZoneInfo) -> bool:
    """Adopt a version; returns False if it already was. Raises Stop with the reason if it can't be adopted."""
    known = [one for one, _ in await all_adopted(database)]
    now = datetime.now(UTC)
    if not known:
        raise Stop("this database is not set up: run 'guanxi setup', which adopts the first policy")
    if new.id not in {one.id for one in known}:
        why = refusal(known, new, now, zone)
        if why is not None:
            raise Stop(f"{file.policy.name} version {file.policy.version} can't be adopted: {why}")
    return await adopt(database, new, now)


async def adopt_template(database: Database, new: Adopted, zone: ZoneInfo) -> bool:
    """Adopt a template; False if it already was. Raises Stop with the reason if it can't be adopted."""
    own, kept = own_adopted(), [one for one, _ in await all_adopted(database, TEMPLATES)]
    now = datetime.now(UTC)
    if new.id not in {one.id for one in kept}:
        why = refusal([*own, *kept], new, now, zone)
        if why is not None:
            raise Stop(f"{new.name} version {new.version} can't be adopted: {why}")
    return await adopt(database, new, now, TEMPLATES)


def text_of(known: Sequence[tuple[Adopted, datetime]], wanted: str) -> str | None:
    """The text of an adopted version such as default-cny/2; None where there is none of that name."""
    return next((one.text for one, _ in known if one.id == wanted), None)
