"""Moves the texts off a log from before texts left it, while it is copied."""

from collections.abc import Sequence

from services.ingest.admit.candidate import WrittenText
from services.ingest.admit.from_log import without_texts
from services.ingest.settings import key_bytes
from services.ingest.store import write_texts
from shared.errors import Malformed
from shared.events.codec import type_and_position
from shared.kafka.connection import Record
from shared.mongo import MAJORITY, Database
from shared.mongo.texts import TEXTS
from shared.settings import Settings


class TextsMoved:
    """Puts references in place of texts, which it stores before the copy has them. count: texts found so far."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._texts = database.get_collection(TEXTS, write_concern=MAJORITY)
        self._person_key = key_bytes(settings.person_key)
        self.count = 0

    async def __call__(self, records: Sequence[Record]) -> list[bytes | None]:
        """The values of records, to be copied."""
        values: list[bytes | None] = []
        texts: list[WrittenText] = []
        for record in records:
            value, found = self._moved(record)
            values.append(value)
            texts += found
        self.count += len(texts)
        await write_texts(self._texts, texts)
        return values

    def _moved(self, record: Record) -> tuple[bytes | None, tuple[WrittenText, ...]]:
        if record.key is None or record.value is None:
            return record.value, ()
        try:
            name, _ = type_and_position(record.headers)
            return without_texts(record.key, record.value, name, self._person_key)
        except (Malformed, ValueError, KeyError, TypeError):
            return record.value, ()  # not ours, or it can't be read: copied as it is, for `guanxi verify log` to say so
