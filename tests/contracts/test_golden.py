"""Every released message stays readable: the doors take it, and the log's form decodes and encodes to the same."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.ingest.admit import Candidate, admit
from services.ingest.doors.kafka.wire import parse_json
from shared.events.codec import decode, encode, type_and_position
from shared.events.event import LogPosition, Position
from shared.events.registry import DECISIONS, FACTS

HERE = Path(__file__).parent
DOOR = sorted((HERE / "door").glob("*.json"))
LOG = sorted((HERE / "log").glob("*.json"))
NOW = datetime(2026, 3, 11, 1, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
INTERNAL = {name for name, entry in FACTS.items() if entry.internal}


def _read(path: Path) -> Any:
    return json.loads(path.read_bytes())


def test_every_fact_has_a_golden_message_at_the_door() -> None:
    assert {path.stem.partition("@")[0] for path in DOOR} == FACTS.keys() - INTERNAL


def test_every_fact_and_decision_has_a_golden_message_on_the_log() -> None:
    assert {path.stem.partition("@")[0] for path in LOG} == FACTS.keys() | DECISIONS.keys()


@pytest.mark.parametrize("path", DOOR, ids=lambda path: path.stem)
def test_the_door_takes_it_and_ignores_nothing(path: Path) -> None:
    candidate = admit(parse_json(path.read_bytes()), now=NOW, zone=ZONE)
    assert isinstance(candidate, Candidate), candidate
    assert candidate.ignored == ()


@pytest.mark.parametrize("path", DOOR, ids=lambda path: path.stem)
def test_what_the_door_takes_stands_on_the_log_as_released(path: Path) -> None:
    candidate = admit(parse_json(path.read_bytes()), now=NOW, zone=ZONE)
    assert isinstance(candidate, Candidate)
    released = _read(HERE / "log" / path.name)
    assert candidate.data == {name: value for name, value in released["data"].items() if name != "replaces"}


@pytest.mark.parametrize("path", LOG, ids=lambda path: path.stem)
def test_the_log_form_decodes_and_encodes_to_the_same(path: Path) -> None:
    event = decode(path.read_bytes(), recorded_at=NOW, log=LogPosition(1, 0, 0))
    value, headers = encode(event, Position(1, 2, 3, 0))
    assert json.loads(value) == _read(path)
    assert type_and_position(headers) == (event.type, Position(1, 2, 3, 0))


@pytest.mark.parametrize("path", DOOR, ids=lambda path: path.stem)
def test_no_text_is_on_the_log(path: Path) -> None:
    candidate = admit(parse_json(path.read_bytes()), now=NOW, zone=ZONE)
    assert isinstance(candidate, Candidate)
    on_log = (HERE / "log" / path.name).read_text(encoding="utf-8")
    for one in candidate.texts:
        assert one.text not in on_log


@pytest.mark.parametrize("path", LOG, ids=lambda path: path.stem)
def test_no_name_of_a_person_is_on_the_log(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for name in ("王小明", "李雷", "Han Meimei", "采购总监"):
        assert name not in text
