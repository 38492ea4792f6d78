"""What does not stand on the log: free text, names of persons, and the ids made of names (domain.md, Texts; People).

A claim hashes the content without it, so that no hash outlives what is erased; and by itself, keyed, what was left
aside, for as long as it is not erased.
"""

from hashlib import blake2b
from typing import Any

from services.ingest.admit.candidate import Candidate, WrittenText
from services.ingest.admit.people import DERIVED
from shared.events.codec import canonical_json
from shared.events.facts import KeyPersonAssessed, ProfileRevised, RepresentativeRegistered, VisitLogged
from shared.events.registry import FACT_OF_KIND, FACTS, VOIDED, FactType
from shared.events.texts import NO_TEXT, PREFIX, Fields, text_fields, with_texts

NOTHING = b""
"""The hash where nothing is left aside."""

Data = dict[str, Any]
_NAMES = {KeyPersonAssessed: ("name", "title"), RepresentativeRegistered: ("name",)}
_TEXTS = {entry.fact: text_fields(entry.fact) for entry in FACTS.values()}


def split(entry: FactType, data: Data) -> tuple[Data, list[Any]]:
    """An event's data, as sent or as on the log, without what is left aside; and that, by its place. The first is the
    same for both forms. Does not change `data`.
    """
    aside: list[Any] = []
    fields = _TEXTS[entry.fact]
    bare = data if fields is NO_TEXT else _without(data, fields, aside, "")
    if entry.fact is VisitLogged:
        attendees = [_nameless(one, n, aside) for n, one in enumerate(data["attendees"])]
        return {**bare, "attendees": attendees}, aside
    if names := _NAMES.get(entry.fact):
        aside += ([name, bare[name]] for name in names if name in bare)
        bare = {name: value for name, value in bare.items() if name not in names}
    return bare, aside


def _without(data: Data, fields: Fields, aside: list[Any], path: str) -> Data:
    texts = [name for name in fields.own if data.get(name)]
    aside += ([path + name, data[name]] for name in texts)
    bare = {name: value for name, value in data.items() if name not in texts} if texts else data
    for name, inner in fields.lists:
        if entries := data.get(name):
            entries = [_without(one, inner, aside, f"{path}{name}/{n}/") for n, one in enumerate(entries)]
            bare = {**bare, name: entries}
    return bare


def _nameless(attendee: Data, number: int, aside: list[Any]) -> Data:
    """Without the name, and without an id that may have been made of one: the log can't tell whether it was."""
    taken = {
        name: value
        for name, value in attendee.items()
        if name == "name" or (name == "person_id" and value.startswith(DERIVED))
    }
    if not taken:
        return attendee
    aside.append([f"attendees/{number}", taken])
    return {name: value for name, value in attendee.items() if name not in taken}


def said_of(aside: list[Any], person_key: bytes) -> bytes:
    """A keyed hash of what was left aside, `NOTHING` where nothing was."""
    return blake2b(canonical_json(aside), key=person_key, digest_size=16).digest() if aside else NOTHING


def take_texts(
    entry: FactType, key: str, identity: bytes, revision: int, data: Data, person_key: bytes
) -> tuple[Data, tuple[WrittenText, ...]]:
    """The data with references in place of texts, and the texts. The same event gives the same references again.
    Leaves alone what is a reference already; does not change `data`.
    """
    fields = _TEXTS[entry.fact]
    if fields is NO_TEXT:
        return data, ()
    taken: list[WrittenText] = []
    of_items = entry.fact is ProfileRevised

    def take(path: str, text: str) -> Data:
        mentions = tuple(data["items"][int(path.split("/")[1])].get("mentions", ())) if of_items else ()
        name = text_id(identity, revision, path, person_key)
        taken.append(WrittenText(name, key, identity, revision, text, mentions))
        return taken[-1].reference()

    return with_texts(data, fields, take), tuple(taken)


def replaced_without_texts(
    candidate: Candidate, replaces: Data | None, person_key: bytes
) -> tuple[Data | None, tuple[WrittenText, ...]]:
    """What an event replaces, and the texts in it: claims from before texts left the log hold them still."""
    if replaces is None or replaces["data"] is None:
        return replaces, ()
    entry = FACT_OF_KIND[candidate.data["kind"]] if candidate.type == VOIDED else FACTS[candidate.type]
    revision = replaces["revision"]
    data, texts = take_texts(entry, candidate.key, candidate.identity, revision, replaces["data"], person_key)
    return ({**replaces, "data": data} if texts else replaces), texts


def text_id(identity: bytes, revision: int, path: str, person_key: bytes) -> str:
    """Of the text at a place in a revision of a record, or in a fact."""
    of = b"%b\0%d\0%b" % (identity, revision, path.encode())
    return PREFIX + blake2b(of, key=person_key, digest_size=16, person=b"guanxi text").hexdigest()
