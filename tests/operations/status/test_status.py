"""`guanxi status` on one screen: what it finds, what it says of what does not answer, what makes it not well."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from guanxi.cli import app
from guanxi.reading.status_screen import screen
from operations.status.progress import Progress
from operations.status.services import Answer, addresses, parse_addresses
from operations.status.status import MAX_COUNTED, Fresh, Rejected, Status, _words
from shared.errors import Malformed
from tests.guanxi.reading.documents import AT

READY = Answer("ingest", "http://127.0.0.1:8080", ready=True, problems=(), partitions=12, lag_seconds=0.0)
BROKEN = Answer("tiering", "http://127.0.0.1:8081", ready=False, problems=("guanxi.log: failing for 12 s",))
READERS = [Progress("ingest", "guanxi.inbox", 1200, 0, 0), Progress("tiering", "guanxi.log", 2400, 77, 3)]
FRESH = Fresh("customers", 4372, 0, 0, 5, AT, AT)
WELL = Status(AT, [READY], READERS, [FRESH], Rejected(1204, 3, 12))
RUNNER = CliRunner()


def test_it_shows_everything_within_a_screen() -> None:
    text = screen(replace(WELL, services=[READY, BROKEN]), "Kafka 127.0.0.1:9092")
    assert "NOT READY" in text
    assert "failing for 12 s" in text
    assert "77   on 3 partitions" in text
    assert "4,372" in text
    assert "1,204 kept, 12 in the last day, 3 in the last hour" in text
    assert len(text.splitlines()) <= 24
    assert max(map(len, text.splitlines())) <= 100


def test_without_addresses_it_says_how_to_give_them() -> None:
    assert "--url" in screen(replace(WELL, services=[]), "")


def test_what_does_not_answer_is_said_and_the_rest_is_shown() -> None:
    text = screen(replace(WELL, readers=[], rejected=None, problems=["Kafka at k:9092 is unreachable"]), "")
    assert "! Kafka at k:9092 is unreachable" in text
    assert "4,372" in text
    assert text.count("(unknown)") == 2


@pytest.mark.parametrize(
    "status",
    [
        replace(WELL, services=[READY, BROKEN]),
        replace(WELL, problems=["MongoDB is unreachable"]),
        replace(WELL, views=[replace(FRESH, frozen=1)]),
        replace(WELL, views=[replace(FRESH, quarantined=1)]),
    ],
)
def test_it_is_not_well_when_anything_is_not(status: Status) -> None:
    assert WELL.well
    assert not status.well
    assert "NOT WELL" in screen(status, "")


def test_an_empty_database_has_no_newest_event() -> None:
    empty = Fresh("customers", 0, 0, 0, 0, None, None)
    assert screen(replace(WELL, views=[empty]), "").splitlines()[-3].endswith("   -")


def test_a_count_that_was_cut_says_so() -> None:
    assert "100,000+" in screen(replace(WELL, views=[replace(FRESH, due=MAX_COUNTED)]), "")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("Kafka: guanxi.inbox: KafkaConnectionError: Unable to bootstrap from [('k', 9092)]", "not running"),
        ("MongoDB: m:27017: [Errno 111] Connection refused (configured timeouts: ...), Topology", "Errno 111"),
        ("MongoDB: No replica set members found yet, Timeout: 5.0s, Topology Description: <T", "is unreachable: No"),
        ("Kafka: guanxi.log: TopicAuthorizationFailedError", "says: guanxi.log: TopicAuthorizationFailedError"),
    ],
)
def test_errors_of_drivers_become_words(error: str, words: str) -> None:
    said = _words("It", error)
    assert words in said
    assert "Topology" not in said


async def test_services_are_found_by_their_names_in_compose_each_process_of_a_scaled_one() -> None:
    hosts = {"ingest": ["10.0.0.2"], "tiering": ["10.0.0.4", "10.0.0.3"]}

    async def resolve(name: str) -> Sequence[str]:
        return hosts.get(name, [])

    inside = {"GUANXI_KAFKA_BOOTSTRAP": "kafka:9092"}
    assert await addresses(inside, 8080, resolve) == {
        "ingest": "http://ingest:8080",
        "tiering 1": "http://10.0.0.3:8080",
        "tiering 2": "http://10.0.0.4:8080",
        "engagement": "http://engagement:8080",
        "archives": "http://archives:8080",
        "planning": "http://planning:8080",
        "feed": "http://feed:8080",
        "query": "http://query:8080",
        "worker": "http://worker:8080",
        "delivery": "http://delivery:8080",
    }
    assert await addresses({}, 8080, resolve) == {}
    hosts.clear()
    assert await addresses(inside, 8080, resolve) == {}
    assert await addresses({"GUANXI_SERVICES": "a=http://x:1/, b=https://y"}, 8080, resolve) == {
        "a": "http://x:1",
        "b": "https://y",
    }


@pytest.mark.parametrize("text", ["ingest", "=http://x", "ingest=x:8080"])
def test_an_address_that_is_none_is_said(text: str) -> None:
    with pytest.raises(Malformed, match="NAME=http"):
        parse_addresses([text])


def test_where_nothing_runs_it_says_so_in_words_and_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUANXI_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.setenv("GUANXI_MONGO_URI", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=300")
    monkeypatch.setenv("GUANXI_SERVICES", "ingest=http://127.0.0.1:1")
    monkeypatch.setattr("shared.mongo.SERVER_SELECTION_MS", 300)
    result = RUNNER.invoke(app, ["status"])
    assert result.exit_code == 1
    assert "Kafka at 127.0.0.1:1 is unreachable" in result.stdout
    assert "MongoDB is unreachable: 127.0.0.1:1" in result.stdout
    assert "does not answer: not running" in result.stdout
    assert "Traceback" not in result.output


def test_a_setting_that_is_none_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUANXI_PARTITIONS", "many")
    result = RUNNER.invoke(app, ["status"])
    assert result.exit_code == 2
    assert "GUANXI_PARTITIONS" in result.output
