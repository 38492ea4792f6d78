"""Who may hold a connection: places belong to who works, and who waits gives its own up (shared/connections.py)."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.connections import (
    ANSWER_SECONDS,
    HEAD_SECONDS,
    REST_SECONDS,
    Held,
    Places,
    Waits,
    Why,
    address_of,
    that_fit,
)


class Port:
    """Places, and what became of each connection."""

    def __init__(self, most: int, per_address: int) -> None:
        self.places = Places(most, per_address)
        self.closed: dict[str, Why] = {}
        self.held: dict[str, Held] = {}

    def open(self, name: str, address: str = "a", at: float = 0.0) -> bool:
        place = self.places.take(address, lambda why: self.closed.update({name: why}), at)
        if place is not None:
            self.held[name] = place
        return place is not None


def test_who_waits_longest_gives_its_place_to_a_new_one() -> None:
    port = Port(2, 2)
    assert [port.open(name, at=at) for at, name in enumerate("abc")] == [True, True, True]
    assert port.closed == {"a": Why.PLACE_NEEDED}
    assert len(port.places.held) == 2


def test_who_works_keeps_its_place() -> None:
    port = Port(2, 2)
    assert port.open("working")
    assert port.open("waiting")
    port.places.waits(port.held["working"], None, 1)
    assert port.open("new")
    assert port.closed == {"waiting": Why.PLACE_NEEDED}
    port.places.waits(port.held["new"], None, 1)
    assert not port.open("one too many")


def test_a_crowded_address_makes_place_among_its_own() -> None:
    port = Port(10, 2)
    assert port.open("other", "b", at=0)
    assert [port.open(name, "a", at=1) for name in ("one", "two", "three")] == [True, True, True]
    assert port.closed == {"one": Why.PLACE_NEEDED}
    for name in ("two", "three"):
        port.places.waits(port.held[name], None, 2)
    assert not port.open("four", "a", at=3)
    assert port.open("fine", "b", at=3)


def test_after_an_answer_a_connection_waits_anew() -> None:
    port = Port(2, 2)
    assert port.open("old", at=0)
    assert port.open("idle", at=1)
    port.places.waits(port.held["old"], None, 2)
    port.places.waits(port.held["old"], Waits.NEXT, 3)
    assert port.open("new", at=4)
    assert port.closed == {"idle": Why.PLACE_NEEDED}


@pytest.mark.parametrize(
    ("waits", "seconds", "why"),
    [
        (Waits.HEAD, HEAD_SECONDS, Why.HEAD_TOO_SLOW),
        (Waits.REST, REST_SECONDS, Why.REST_OF_BODY),
    ],
)
def test_waiting_has_an_end(waits: Waits, seconds: float, why: Why) -> None:
    port = Port(2, 2)
    assert port.open("a")
    port.places.waits(port.held["a"], waits, 100)
    assert port.places.overdue(100 + seconds) == []
    assert port.places.overdue(101 + seconds) == [(port.held["a"], why)]


@pytest.mark.parametrize("waits", [None, Waits.NEXT])
def test_work_has_no_end_here_but_an_answer_must_be_taken(waits: Waits | None) -> None:
    port = Port(2, 2)
    assert port.open("a")
    port.places.waits(port.held["a"], waits, 0)
    assert port.places.overdue(1e9) == []
    port.held["a"].stuck_since = 100
    assert port.places.overdue(100 + ANSWER_SECONDS) == []
    assert port.places.overdue(101 + ANSWER_SECONDS) == [(port.held["a"], Why.ANSWER_NOT_TAKEN)]


@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(1, 6))
def test_counts_hold_whatever_happens(seed: int, most: int, per_address: int) -> None:
    chance, port = Random(seed), Port(most, per_address)
    for step in range(60):
        name = str(step)
        if chance.random() < 0.5:
            port.open(name, chance.choice("abc"), step)
        elif port.held:
            place = port.held[chance.choice(list(port.held))]
            if chance.random() < 0.4:
                port.places.give_up(place)
            else:
                port.places.waits(place, chance.choice([None, *Waits]), step)
        held = port.places.held
        counts = {a: sum(one.address == a for one in held) for a in "abc"}
        assert len(held) <= most
        assert max(counts.values()) <= per_address
        assert {a: found.held for a, found in port.places._addresses.items()} == {a: n for a, n in counts.items() if n}
        waiting = {one for one in held if one.waits}
        assert set(port.places._waiting) == waiting
        assert {one for found in port.places._addresses.values() for one in found.waiting} == waiting


def test_addresses_of_ipv6_count_by_network() -> None:
    assert address_of("2001:db8:1:2:3:4:5:6") == address_of("2001:db8:1:2::1") == "2001:db8:1:2::/64"
    assert address_of("::ffff:192.0.2.1") == address_of("192.0.2.1") == "192.0.2.1"
    assert address_of("fe80::1%eth0") == "fe80::/64"
    assert address_of("") == ""


def test_connections_fit_under_the_limit_of_open_files() -> None:
    assert that_fit(1000, 8192, 400) == 1000
    assert that_fit(1000, 1024, 400) == 624
    assert that_fit(1000, 256, 400) == 1
