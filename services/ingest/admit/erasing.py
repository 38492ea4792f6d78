"""Erased persons: what of them is known, how their names are found in texts, and how they are kept from coming back
(domain.md, Erasing a person).

No name is kept to look for it: a keyed hash of the folded name and the number of its characters are enough, as each
stretch of a text that is so long can be hashed and compared.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple
from unicodedata import category, combining, east_asian_width, normalize

from services.ingest.admit.candidate import Candidate, PersonName, WrittenText
from services.ingest.admit.people import derived_id
from shared.events.codec import format_instant
from shared.events.types import MAX_NAME_CHARS

REPLACED = "[已删除]"
"""Stands in a text for the name of an erased person."""
SURE_CHARS = 3
"""Names that are shorter may be another word: a steward decides."""

Person = tuple[str, str]
"""The log key that a person belongs to, and the person's id."""


class HashedName(NamedTuple):
    """A name that is looked for: a keyed hash of its folded form, and how many characters that has."""

    hash: bytes
    chars: int


@dataclass(frozen=True, slots=True)
class Suppressed:
    """What must not come back to one key. ids: of erased persons; ties: the keyed hashes under which persons known by
    name only are found; names: those to be taken out of texts.
    """

    ids: frozenset[str] = frozenset()
    ties: frozenset[str] = frozenset()
    names: frozenset[HashedName] = frozenset()

    def __or__(self, other: "Suppressed") -> "Suppressed":
        return Suppressed(self.ids | other.ids, self.ties | other.ties, self.names | other.names)


class Found(NamedTuple):
    """A name in a text: from, and up to but without. sure: whether it can be nothing else."""

    start: int
    end: int
    sure: bool


class Erasing(NamedTuple):
    """An accepted PersonErased: whose, and what is to be done. All days as YYYY-MM-DD; event: source and id; time: of
    the event; at: when the inbox got it, from which on its retention and that of refusals count.
    """

    key: str
    person_id: str
    mode: str
    until: str | None
    requested_on: str
    basis: str
    decided_by: str
    event: tuple[str, str]
    time: str
    at: datetime

    @property
    def person(self) -> Person:
        """Whose it is."""
        return self.key, self.person_id


def erasings_of(candidate: Candidate, at: datetime) -> list[Erasing]:
    """What an accepted PersonErased asks for: of its own subject, and of those that it names besides."""
    data = candidate.data
    return [
        Erasing(
            key,
            data["person_id"],
            data["mode"],
            data.get("until"),
            data["requested_on"],
            data["basis"],
            data["decided_by"],
            (candidate.source, candidate.id),
            format_instant(candidate.time),
            at,
        )
        for key in (candidate.key, *data.get("also", ()))
    ]


# ------------------------------------------------------------------------------------------------------ names in texts


def folded(text: str) -> list[tuple[str, int, int]]:
    """Each folded character of a text, and from where to where it comes from there. Folded are compatible forms (NFKC)
    and case; spaces and what is not seen are left out.
    """
    found: list[tuple[str, int, int]] = []
    start, length = 0, len(text)
    while start < length:
        end = start + 1
        while end < length and combining(text[end]):
            end += 1
        plain = normalize("NFKC", normalize("NFKC", text[start:end]).casefold())
        found += [(c, start, end) for c in plain if not c.isspace() and category(c) not in {"Cf", "Cc"}]
        start = end
    return found


def hashed_name(key: str, name: str, person_key: bytes) -> HashedName | None:
    """The form in which an erased name is looked for; None for one without a visible character."""
    plain = "".join(char for char, _, _ in folded(name))
    return HashedName(_hash(key, plain, person_key), len(plain)) if plain else None


def find_names(text: str, key: str, names: Collection[HashedName], person_key: bytes) -> list[Found]:
    """Where a text has one of the names; the longest one counts where several begin."""
    if not names:
        return []
    chars = folded(text)
    by_length: dict[int, set[bytes]] = {}
    for name in names:
        by_length.setdefault(name.chars, set()).add(name.hash)
    lengths = sorted(by_length, reverse=True)
    plain = "".join(char for char, _, _ in chars)
    found: list[Found] = []
    at = 0
    while at < len(plain):
        for length in lengths:
            if at + length <= len(plain) and _hash(key, plain[at : at + length], person_key) in by_length[length]:
                start, end = chars[at][1], chars[at + length - 1][2]
                sure = length >= SURE_CHARS and not _within_word(text, start, end)
                found.append(Found(start, end, sure))
                at += length
                break
        else:
            at += 1
    return found


def without_names(text: str, found: Iterable[Found]) -> str:
    """The text with each of these names replaced."""
    parts, last = [], 0
    for one in found:
        parts += [text[last : one.start], REPLACED]
        last = one.end
    return "".join([*parts, text[last:]])


class Kept(NamedTuple):
    """A stored text: what is shown of it, None once it is gone; what is kept from sight, and for which restricted
    persons.
    """

    text: str | None
    kept: str | None = None
    kept_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Forgetting:
    """Forgets one person in the texts of a key. restricts: what was there is kept from sight, not erased."""

    key: str
    person_id: str
    names: frozenset[HashedName]
    person_key: bytes
    restricts: bool = False

    def forget(self, stored: Kept, mentions: Collection[str]) -> tuple[Kept, bool]:
        """The text without the person, whole if it mentions the person; and whether a steward must look at it."""
        mentioned = self.person_id in mentions
        shown, unsure = (None, False) if mentioned else self._without(stored.text)
        if self.restricts:
            if shown == stored.text:
                return stored, unsure
            kept = stored.text if stored.kept is None else stored.kept
            return Kept(shown, kept, tuple(sorted({*stored.kept_for, self.person_id}))), unsure
        others = tuple(one for one in stored.kept_for if one != self.person_id)
        kept = None if mentioned or not others else self._without(stored.kept)[0]
        return Kept(shown, kept, () if kept is None else others), unsure

    def confirmed(self, stored: Kept) -> Kept:
        """The text without any of the names, whatever else they may be."""
        if stored.text is None:
            return stored
        found = find_names(stored.text, self.key, self.names, self.person_key)
        shown = without_names(stored.text, found)
        if not self.restricts:
            return stored._replace(text=shown)
        kept = stored.text if stored.kept is None else stored.kept
        return Kept(shown, kept, tuple(sorted({*stored.kept_for, self.person_id})))

    def _without(self, text: str | None) -> tuple[str | None, bool]:
        if text is None:
            return None, False
        found = find_names(text, self.key, self.names, self.person_key)
        sure = [one for one in found if one.sure]
        return without_names(text, sure), len(sure) < len(found)


def _within_word(text: str, start: int, end: int) -> bool:
    """Whether a letter goes on before or behind. Scripts that set no space between words have none to go on."""
    return (start > 0 and _joined(text[start - 1], text[start])) or (
        end < len(text) and _joined(text[end - 1], text[end])
    )


def _joined(one: str, other: str) -> bool:
    return one.isalnum() and other.isalnum() and not {east_asian_width(one), east_asian_width(other)} & {"W", "F"}


def _hash(key: str, plain: str, person_key: bytes) -> bytes:
    of = f"{key}\0{plain}".encode(errors="surrogatepass")
    return blake2b(of, key=person_key, digest_size=12, person=b"guanxi erased").digest()


# ------------------------------------------------------------------------------------------------- names that come back


def tie_of(key: str, name: str, person_key: bytes) -> str:
    """The keyed hash under which a person known by name only is found in `people`."""
    return derived_id(key, name[:MAX_NAME_CHARS], person_key)


def said_of_erased(candidate: Candidate, suppressed: Suppressed, person_key: bytes) -> dict[Person, str]:
    """The names that an event says of erased ids, by person: those by which they are not suppressed yet."""
    return {
        (one.key, one.person_id): name
        for one in candidate.names
        if not one.by_name and one.person_id in suppressed.ids
        for name in [one.fields.get("name") or ""]
        if (hashed := hashed_name(one.key, name, person_key)) and hashed not in suppressed.names
    }


def suppressed_as(key: str, name: str, person_key: bytes) -> Suppressed:
    """What must not come back to a key of somebody erased who has this name."""
    hashed = hashed_name(key, name, person_key)
    return Suppressed(
        ties=frozenset({tie_of(key, name, person_key)}), names=frozenset(() if hashed is None else (hashed,))
    )


def without_erased(candidate: Candidate, suppressed: Suppressed, person_key: bytes) -> Candidate:
    """The event without the names of erased persons, in its persons and its texts: of an attendee known by name only
    the department is left. A text that mentions an erased person is not kept at all.
    """
    for (key, _), name in said_of_erased(candidate, suppressed, person_key).items():
        suppressed |= suppressed_as(key, name, person_key)
    gone = [name for name in candidate.names if _is_gone(name, suppressed)]
    names = tuple(name for name in candidate.names if name not in gone)
    texts = tuple(_text_without(one, suppressed, person_key) for one in candidate.texts)
    if not gone and texts == candidate.texts:
        return candidate
    candidate = replace(candidate, names=names, texts=texts, said=None)
    return with_ids(candidate, {name.person_id: None for name in gone if name.by_name})


def with_ids(candidate: Candidate, ids: Mapping[str, str | None]) -> Candidate:
    """The event with other ids of those who are known by name only, None for none: as sent, an attendee has the keyed
    hash of the name in the id's place.
    """
    if not ids:
        return candidate
    undo = candidate.undo
    if undo is not None and undo["data"] is not None:
        undo = {**undo, "data": _with_ids(undo["data"], ids)}
    names = tuple(
        name._replace(person_id=ids.get(name.person_id) or name.person_id) if name.by_name else name
        for name in candidate.names
    )
    return replace(candidate, data=_with_ids(candidate.data, ids), undo=undo, names=names)


def _with_ids(data: dict[str, Any], ids: Mapping[str, str | None]) -> dict[str, Any]:
    attendees = []
    for one in data["attendees"]:
        made = {**one, "person_id": ids[one["person_id"]]} if one.get("person_id") in ids else one
        attendees.append({field: value for field, value in made.items() if value is not None})
    return {**data, "attendees": attendees}


def _is_gone(name: PersonName, suppressed: Suppressed) -> bool:
    return name.person_id in (suppressed.ties if name.by_name else suppressed.ids)


def _text_without(one: WrittenText, suppressed: Suppressed, person_key: bytes) -> WrittenText:
    if not suppressed.ids.isdisjoint(one.mentions):
        return one._replace(text="", erased=True)
    found = [name for name in find_names(one.text, one.key, suppressed.names, person_key) if name.sure]
    return one._replace(text=without_names(one.text, found)) if found else one
