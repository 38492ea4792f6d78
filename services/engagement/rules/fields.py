"""Fields that a later fact overrides: the greatest (time, id, source) wins, field by field; null clears (domain.md)."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from services.engagement.rules.days import to_micros
from shared.events.event import Event

Stamp = tuple[int, str, str]


def stamp_of(event: Event) -> Stamp:
    """What decides between facts about the same field."""
    return (to_micros(event.time), event.id, event.source)


class Fields:
    """The winning value of each field, with its stamp."""

    __slots__ = ("_entries",)

    def __init__(self, entries: dict[str, tuple[Stamp, Any]] | None = None) -> None:
        self._entries = entries or {}

    def __bool__(self) -> bool:
        return bool(self._entries)

    def put(self, event: Event, names: Iterable[str]) -> None:
        """Take the given fields of a fact, explicit nulls included, where they are the latest."""
        stamp = stamp_of(event)
        for name in names:
            if name in event.data.model_fields_set:
                value = getattr(event.data, name)
                self.put_value(stamp, name, value.toordinal() if isinstance(value, date) else value)

    def put_value(self, stamp: Stamp, name: str, value: Any) -> None:
        """Take one value where it is the latest."""
        known = self._entries.get(name)
        if known is None or stamp > known[0]:
            self._entries[name] = (stamp, value)

    def get(self, name: str) -> Any:
        """The value of a field, None where unknown or cleared."""
        known = self._entries.get(name)
        return None if known is None else known[1]

    def stamp(self, name: str) -> Stamp | None:
        """The stamp of a field's value."""
        known = self._entries.get(name)
        return None if known is None else known[0]

    def dump(self) -> list[list[Any]]:
        """For storage; sorted, so that equal contents are stored equally."""
        return [[name, *self._entries[name][0], self._entries[name][1]] for name in sorted(self._entries)]

    @classmethod
    def load(cls, stored: list[list[Any]]) -> "Fields":
        """The inverse of `dump`."""
        return cls({name: ((at, id_, source), value) for name, at, id_, source, value in stored})
