"""The variants of facts that name persons, as the doors take them.

Admission moves the names to the erasable `people` collection and puts the plain fact of `shared.events.facts` on the
log (domain.md, People; architecture.md, invariant 11).
"""

from typing import Annotated

from pydantic import Field

from shared.events.facts import (
    MAX_ATTENDEES,
    Attendee,
    KeyPersonAssessed,
    RepresentativeRegistered,
    VisitLogged,
)
from shared.events.types import Name


class NamedAttendee(Attendee):
    """An attendee with a name; without a person_id it gets one from the customer and the folded name."""

    name: Name | None = None


class NamedVisitLogged(VisitLogged):
    """VisitLogged as upstream sends it."""

    attendees: Annotated[tuple[NamedAttendee, ...], Field(max_length=MAX_ATTENDEES)] = ()


class NamedKeyPersonAssessed(KeyPersonAssessed):
    """KeyPersonAssessed as upstream sends it."""

    name: Name
    title: Name | None = None


class NamedRepresentativeRegistered(RepresentativeRegistered):
    """RepresentativeRegistered as upstream sends it."""

    name: Name
