"""The answers to people's questions about archives: what a customer's profiles have, who was granted access, and who
may read the texts of a profile.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple, get_args

from services.archives.rules.access import (
    BREAK_GLASS,
    MAX_LEVELS,
    BreakGlass,
    Customer,
    Reader,
    Role,
    Verdict,
    may_read,
)
from services.archives.rules.grants import Grant
from services.archives.rules.items import ERASED
from services.archives.template_file import make_templates
from shared.events.types import GRADES, Grade, ProfileKind
from shared.mongo.questions import Questions

__all__ = ["BREAK_GLASS", "ERASED", "ITEMS", "MAX_LEVELS", "BreakGlass", "Known", "Reader", "Role", "Verdict", "judged"]
Document = dict[str, Any]


def _by_section(kind: ProfileKind) -> tuple[tuple[str, tuple[str, ...]], ...]:
    items = make_templates()[kind][-1].items
    return tuple(
        (section, tuple(one.name for one in found)) for section, found in groupby(items, lambda one: one.section)
    )


ITEMS = {kind: _by_section(kind) for kind in get_args(ProfileKind)}
"""Of the last template of each kind, by section."""


class Known(NamedTuple):
    """What the views say of a customer now. row: of its profiles, None for one that archives does not know; managers:
    of the owners and of those above them; lag: how far the views are behind the log.
    """

    row: Document | None
    grants: Iterable[Document]
    managers: Mapping[str, str | None]
    lag: timedelta

    def profile(self, kind: ProfileKind, vendor_id: str | None) -> Document | None:
        """The row of one profile."""
        found: Sequence[Document] = self.row["profiles"] if self.row else ()
        return next((one for one in found if (one["profile"], one["vendor_id"]) == (kind, vendor_id)), None)


def judged(reader: Reader, known: Known, profile: Document | None, instant: datetime, day: date) -> Verdict:
    """Whether somebody may read the texts of a profile: `may_read` by what the views say. What is not there has the
    highest grade; a customer that stands still since a record could not be folded is behind for as long.
    """
    grade: Grade = profile["grade"] if profile else GRADES[-1]
    row = known.row or {}
    grants = [
        Grant(
            0,
            one["grantee"],
            GRADES.index(one["max_grade"]),
            one["approved_by"],
            date.fromisoformat(one["from_on"]).toordinal(),
            date.fromisoformat(one["expires_on"]).toordinal(),
            one["status"] == "revoked",
        )
        for one in known.grants
    ]
    lag = timedelta.max if row.get("incomplete_since") else known.lag
    customer = Customer(frozenset(row.get("owned_by") or ()), known.managers, grants)
    return may_read(reader, customer, grade, instant, day.toordinal(), lag)


class ArchiveQuestions(Questions):
    """What the views say of archives."""

    async def profile(self, customer: str) -> Document | None:
        """A customer's profiles: how complete and fresh, what is missing; no text."""
        return await self.one("profiles", customer)

    async def grants(self, customer: str) -> list[Document]:
        """The grants of a customer that hold or have ended lately."""
        return await self.rows("grants", [{"$match": {"customer": customer}}, {"$sort": {"_id": 1}}])
