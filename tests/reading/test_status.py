"""`guanxi status` on one screen."""

from guanxi.reading.progress import Progress
from guanxi.reading.status import Answer, Fresh, is_well, screen
from tests.reading.documents import AT

READY = Answer("ingest", "http://127.0.0.1:8080", True, ())
BROKEN = Answer("tiering", "http://127.0.0.1:8081", False, ("guanxi.log: failing for 12 s, trying again",))
READERS = [Progress("ingest", "guanxi.inbox", 1200, 0, 0), Progress("tiering", "guanxi.log", 2400, 77, 3)]
FRESH = Fresh("customers", 4372, 0, 5, AT, AT)


def test_it_shows_services_readers_and_views_within_a_screen() -> None:
    text = screen([READY, BROKEN], READERS, [FRESH], "Kafka 127.0.0.1:9092")
    assert "NOT READY" in text
    assert "failing for 12 s" in text
    assert "77  on 3 partitions" in text
    assert "4,372" in text
    assert len(text.splitlines()) <= 24
    assert max(map(len, text.splitlines())) <= 100


def test_without_addresses_it_says_how_to_give_them() -> None:
    assert "--url" in screen([], READERS, [FRESH], "")


def test_it_is_well_when_all_are_ready_and_no_customer_is_frozen() -> None:
    assert is_well([READY], [FRESH])
    assert not is_well([READY, BROKEN], [FRESH])
    assert not is_well([READY], [Fresh("customers", 4372, 1, 5, AT, AT)])


def test_an_empty_database_has_no_last_event() -> None:
    assert "- / -" in screen([READY], READERS, [Fresh("customers", 0, 0, 0, None, None)], "")
