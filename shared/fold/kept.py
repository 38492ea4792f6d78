"""What a processor keeps in memory from batch to batch, and how it knows what differs from what is stored.

An entity is kept as the last commit left it. It is valid while the stored position of its partition is where that
commit put it, which every transaction checks before anything else (architecture.md, invariant 5); whatever fails, and
whatever says that somebody else may have written, drops everything kept.

Of the stored document only a fingerprint by field is kept, not the values: enough to write no more than what differs.
"""

from array import array
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic

from pydantic_core import to_json

from shared.fold.domain import S, T
from shared.fold.entity import Entity

KEPT_ENTITIES = 60_000
"""Keys kept by a process, the latest used ones."""
KEPT_BYTES = 128 * 1024 * 1024
"""What the kept states may take together, as their domains estimate it."""
OVERHEAD_BYTES = 700
"""Of an entity around its state, its fingerprint included."""


class Fingerprint:
    """The top-level fields of a document, each by a hash of its value. Field names are shared between documents."""

    __slots__ = ("hashes", "names")

    def __init__(self, document: dict[str, Any]) -> None:
        names = tuple(document)
        self.names = _NAMES.setdefault(names, names) if len(_NAMES) < _MAX_NAMES else names
        values = document.values()
        self.hashes = array(
            "q",
            [h if type(v) in _HASHED and (h := hash(v)) != _OF_MINUS_ONE else _hash_of_json(v) for v in values],
        )


_NAMES: dict[tuple[str, ...], tuple[str, ...]] = {}
_MAX_NAMES = 10_000


_HASHED = frozenset({str, int, float, bool, type(None), datetime})
"""Values that Python's own hash tells apart, save one: of -1 and of -2 it is the same."""
_OF_MINUS_ONE = hash(-1)


def _hash_of_json(value: Any) -> int:
    """Of other values, and of those that Python's own hash does not tell apart."""
    return hash(to_json(value, bytes_mode="base64")) ^ 1


@dataclass(frozen=True, slots=True)
class Difference:
    """The fields of a stored document to be set, and those to be removed."""

    set: dict[str, Any]
    unset: tuple[str, ...] = ()


def difference(before: Fingerprint | Mapping[str, Any], after: Fingerprint, document: dict[str, Any]) -> Difference:
    """What makes `document`, whose fingerprint is `after`, of the one before: its fingerprint, or the document itself
    where it has just been read.
    """
    if not isinstance(before, Fingerprint):
        changed = {name: value for name, value in document.items() if before.get(name, _ABSENT) != value}
        return Difference(changed, tuple(name for name in before if name not in document))
    if before.names is after.names:
        pairs = zip(document.items(), before.hashes, after.hashes, strict=True)
        return Difference({name: value for (name, value), old, new in pairs if old != new})
    stood = dict(zip(before.names, before.hashes, strict=True))
    changed = {
        name: value
        for (name, value), new in zip(document.items(), after.hashes, strict=True)
        if stood.pop(name, None) != new
    }
    return Difference(changed, tuple(stood))


_ABSENT = object()


@dataclass(slots=True)
class One(Generic[S, T]):
    """A kept entity, and what its document is."""

    entity: Entity[S, T]
    stored: Fingerprint
    bytes: int


class Kept(Generic[S, T]):
    """Entities by key, the latest used last; bounded by count and by bytes."""

    def __init__(self, max_entities: int = KEPT_ENTITIES, max_bytes: int = KEPT_BYTES) -> None:
        self._max_entities, self._max_bytes = max_entities, max_bytes
        self._all: OrderedDict[str, One[S, T]] = OrderedDict()  # to take the first of a dict searches all its gaps
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, key: str) -> bool:
        return key in self._all

    def take(self, key: str) -> One[S, T] | None:
        """The entity of a key, no longer kept: who folds it puts it back once that is committed."""
        one = self._all.pop(key, None)
        if one is not None:
            self.bytes -= one.bytes
        return one

    def put(self, entities: Iterable[tuple[Entity[S, T], Fingerprint]]) -> None:
        """Keep entities whose documents are as committed; drops the longest unused where there are too many."""
        for entity, stored in entities:
            entity.history, entity.accepted = [], []
            entity.domain.keep(entity.state)
            size = OVERHEAD_BYTES + entity.domain.size(entity.state) + sum(one.pack() for one in entity.pending)
            self.take(entity.key)
            self._all[entity.key] = One(entity, stored, size)
            self.bytes += size
        while self._all and (len(self._all) > self._max_entities or self.bytes > self._max_bytes):
            self.bytes -= self._all.popitem(last=False)[1].bytes

    def clear(self) -> None:
        """What is stored is the truth."""
        self._all.clear()
        self.bytes = 0
