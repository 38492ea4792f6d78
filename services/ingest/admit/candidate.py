"""The result of the doors' rules for an event: everything that admission needs to claim it and write it to the log."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from shared.events.texts import chars_of


class PersonName(NamedTuple):
    """A person's name; kept in `people`, never on the log (domain.md, People).

    key: the log key that the person belongs to; person_id: as on the log, the subject's own id for a representative;
    fields: `name`, and `title` if the event has it; by_name: whether upstream gives no id, so that person_id is a keyed
    hash of the name until admission has found the one drawn for it.
    """

    key: str
    person_id: str
    fields: dict[str, str | None]
    by_name: bool = False


class WrittenText(NamedTuple):
    """A free text of an event; kept in `texts`, never on the log (domain.md, Texts).

    key: the log key that the event belongs to; identity, revision: of the claim that holds a hash of it; mentions:
    ids of the persons whom it is said to name; erased: it is not kept, and leaves a mark under its id.
    """

    text_id: str
    key: str
    identity: bytes
    revision: int
    text: str
    mentions: tuple[str, ...] = ()
    erased: bool = False

    def reference(self) -> dict[str, Any]:
        """What stands on the log for it (`shared.events.types.TextRef`)."""
        return {"text_id": self.text_id, "chars": chars_of(self.text)}


@dataclass(slots=True)
class Candidate:
    """An event that passes every rule that needs no earlier events.

    time: UTC; data: the log's form, canonical JSON values;
    key: "customer:<id>", "representative:<id>" or "group:<id>";
    identity: 16 bytes, the same for all revisions of a record (domain.md, Identity);
    content: 16 bytes, the same for the same content, texts and names left aside;
    said: 16 bytes, keyed, the same for the same texts and names; empty where there are none; None where a person's
        name was taken out, so that a repeat is one whatever it says;
    undo: what the log shows as `replaces` when a later revision arrives, None if no revision is possible;
    void: whether it is a RecordVoided;
    names: persons named in it, in order;
    texts: its free texts, in order;
    ignored: dotted paths of unknown attributes and fields, a bounded number;
    expires_at: when its claim may be forgotten, None for never;
    actor: who entered it upstream, according to that system;
    claimed: False for events that change nothing however often they arrive (reviews);
    whole: type, subject, instant and data as sent, where earlier versions hashed another content than this one does,
        so that their claims still detect a repeat (`former`).
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
    said: bytes | None
    undo: dict[str, Any] | None
    void: bool
    names: tuple[PersonName, ...]
    texts: tuple[WrittenText, ...]
    ignored: tuple[str, ...]
    expires_at: datetime | None
    claimed: bool
    actor: str | None = None
    key_id: str | None = None
    """The API key that sent it, if the HTTP door vouches for it."""
    whole: tuple[str, str, str, dict[str, Any]] | None = None
