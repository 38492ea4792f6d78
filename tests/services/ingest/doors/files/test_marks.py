"""A run of history is marked until it has come to its end: one that was cut off has none until it is run again."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.ingest.doors.files.adapters import _marked, run_name
from shared.mongo import Database
from shared.mongo.due import BackfillMarks
from tests.shared.fakes import AT, memory_database, virtually


class Marks(BackfillMarks):
    """In memory."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.alive_at: dict[str, datetime] = {}

    async def last_alive(self) -> datetime | None:
        return max(self.alive_at.values(), default=None)

    async def alive(self, run_id: str, at: datetime) -> None:
        self.alive_at[run_id] = at

    async def ended(self, run_id: str, at: datetime) -> None:
        del self.alive_at[run_id]


def test_a_run_that_is_cut_off_has_no_end_until_it_is_run_again() -> None:
    async def main(_: Any) -> None:
        marks = Marks(memory_database())
        with pytest.raises(KeyboardInterrupt):
            async with _marked(marks, "run", lambda: AT):
                raise KeyboardInterrupt
        assert await marks.last_alive() == AT
        async with _marked(marks, "another", lambda: AT - timedelta(1)):
            pass
        assert await marks.last_alive() == AT, "another run says nothing of the rest of this one"
        async with _marked(marks, "run", lambda: AT + timedelta(1)):
            assert await marks.last_alive() == AT + timedelta(1)
        assert await marks.last_alive() is None

    virtually(main)


def test_the_same_files_are_the_same_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = tmp_path / "a.csv", tmp_path / "b.csv"
    monkeypatch.chdir(tmp_path)
    assert run_name([one, other]) == run_name([Path("b.csv"), Path("a.csv")])
    assert run_name([one]) != run_name([one, other])
