"""What the doors' rules make of an event: everything that admission needs to claim it and put it on the log."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple


class PersonName(NamedTuple):
    """What is known of a person by name; kept in `people`, never on the log (domain.md, People).

    key: the log's key that the person belongs to; person_id: as on the log, the subject's own id for a representative;
    fields: `name`, and `title` where the event says something of it.
    """

    key: str
    person_id: str
    fields: dict[str, str | None]


@dataclass(slots=True)
class Candidate:
    """An event that every rule lets pass that needs no look at what came before.

    time: UTC; data: the log's form, canonical JSON values;
    key: "customer:<id>" or "representative:<id>";
    identity: 16 bytes, the same for all revisions of a record (domain.md, Identity);
    content: 16 bytes, the same for the same content;
    undo: what the log shows as `replaces` when a later revision comes, None where no revision can;
    void: whether it is a RecordVoided;
    names: persons named in it, in order;
    ignored: dotted paths of attributes and fields that guanxi does not know, a bounded number;
    expires_at: when its claim may be forgotten, None for never;
    actor: who entered it upstream, as that system says;
    claimed: False for what changes nothing however often it comes (reviews);
    former: the content as 2b2bfed hashed it, where that differs, so that its claims know a repeat.
    """

    type: str
    id: str
    source: str
    subject: str
    time: datetime
    revision: int
    data: dict[str, Any]
    traceparent: str | None
    backfill: bool
    key: str
    identity: bytes
    content: bytes
    undo: dict[str, Any] | None
    void: bool
    names: tuple[PersonName, ...]
    ignored: tuple[str, ...]
    expires_at: datetime | None
    claimed: bool
    actor: str | None = None
    key_id: str | None = None
    """The API key that sent it, where the HTTP door vouches for that."""
    former: bytes | None = None
