"""The decision that the toy makes. A real service declares its own in shared/events, since others fold it."""

from shared.events.decisions import Decision

WELCOMED = "guanxi.toy.welcomed.v1"


class Welcomed(Decision):
    """A customer was visited three times more."""

    visits: int
