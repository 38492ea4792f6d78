"""What the comparisons make of their figures."""

from pathlib import Path

import pytest

from services import SERVICES
from tests.bench import in_process, scale, whole_stack
from tests.bench.compare import Row, render
from tests.bench.engagement_year import fact
from tests.bench.measures import Measure, parse, show
from tests.bench.peers.__main__ import costs
from tests.bench.peers.__main__ import render as render_peers
from tests.bench.peers.service import PEERS
from tests.bench.peers.summed import added
from tests.bench.pipeline import ENGAGEMENT, TIERING, TODAY, Queues
from tests.bench.table import WIDTH
from tests.bench.throughput import Rate
from tests.bench.trees import driver

KNOWN = {"load": Measure("load", 100, 5, "customers"), "year": Measure("year", 7, 2, "customers")}


def test_measures_are_asked_for_by_name_with_or_without_a_size() -> None:
    assert parse(["year", "load=12"], KNOWN) == {"year": 7, "load": 12}
    assert parse(["load"], KNOWN, quick=True) == {"load": 5}


@pytest.mark.parametrize("word", ["sum", "load=", "load=0", "load=-1", "load=ten", "load=²"])
def test_what_cannot_be_measured_is_said_in_words(word: str) -> None:
    assert isinstance(parse([word], KNOWN), str)


def test_every_measure_can_be_run_and_is_in_the_help() -> None:
    for module in (in_process, whole_stack):
        assert set(module.RUNS) == set(module.MEASURES)
        assert all(f"  {name}=" in show(module.MEASURES.values()) for name in module.MEASURES)


def test_a_comparison_gives_medians_their_ratio_and_that_of_the_turns() -> None:
    rows = {
        ("load=5", "mixed load"): Row("µs/event", [100, 900, 200], [50, 90, 100]),
        ("load=5", "of the new tree alone"): Row("", [], [1.0]),
        ("load=5", "nothing before"): Row("", [0.0], [1.0]),
        ("year=2", "decisions"): Row("", [4], [4]),
    }
    lines = render("2b2bfed", "this tree", rows).splitlines()
    assert [line for line in lines if line and line[0] not in " -"] == ["load=5", "year=2"]
    (mixed,) = (line for line in lines if "mixed load" in line)
    assert mixed.split()[2:] == ["200", "90.0", "µs/event", "0.45", "0.10", "to", "0.50"]
    assert "1.00  1.00 to 1.00" in next(line for line in lines if "decisions" in line)
    assert " to " not in "".join(line for line in lines if "alone" in line or "nothing" in line)


def test_a_stage_goes_through_what_is_appended_while_it_works_and_to_no_record_twice() -> None:
    log = Queues(3)
    for number in range(5):
        log.put(number % 2, b"key", str(number).encode(), ())
    seen = []
    for batch in log.batches(TIERING, 2):
        assert sum(map(len, batch.values())) <= 2
        seen += [record.value or b"" for records in batch.values() for record in records]
        if len(log.records[2]) < 2:
            log.put(2, b"key", b"late", ())
    assert sorted(seen) == [b"0", b"1", b"2", b"3", b"4", b"late", b"late"]
    assert not list(log.batches(TIERING, 2))
    assert len(list(log.batches(ENGAGEMENT, 100))) == 1


def test_a_tree_is_driven_by_the_benchmark_of_this_one(tmp_path: Path) -> None:
    found = driver(tmp_path / "driver") / "tests" / "bench" / "in_process.py"
    assert found.resolve() == Path(in_process.__file__).resolve()


def test_the_cost_of_a_peer_leaves_out_the_load() -> None:
    rate = Rate(1_000, 2.0, {"MongoDB (mongod)": 0.1, "Kafka (java)": 0.05, "tiering": 0.2, "the load itself": 9.0})
    assert costs(rate) == pytest.approx({"MongoDB (mongod)": 100, "Kafka (java)": 50, "tiering": 200})


def test_the_table_of_the_peers_says_what_each_has_not_and_keeps_to_its_width() -> None:
    rate = Rate(1_000, 2.0, {"MongoDB (mongod)": 0.1, "Kafka (java)": 0.05, "it": 0.2})
    text = render_peers(dict.fromkeys(("guanxi", *PEERS), rate))
    assert max(map(len, text.splitlines())) <= WIDTH
    assert text.count("Does not: ") == len(PEERS)
    (ours,) = (line for line in text.splitlines() if line.startswith("guanxi"))
    assert ours.split()[1:] == ["500", "200", "100", "50.0", "350", "1.00"]


def test_the_peers_sum_is_what_the_load_says() -> None:
    purchase = {"type": "guanxi.purchase.recorded.v1", "time": "2026-01-02", "data": {"amount": "12.34"}}
    refund = {"type": "guanxi.purchase.refunded.v1", "time": "2026-01-03", "data": {"amount": "2.00"}}
    visit = {"type": "guanxi.visit.logged.v1", "time": "2026-01-01", "data": {}}
    summed = added(added(added(None, purchase), visit), refund)
    assert summed == {"net_minor": 1034, "visits": 1, "events": 3, "last_contact": "2026-01-01"}


def test_processes_of_a_service_are_added_up() -> None:
    assert scale.names(2) == [f"{name}{end}" for name in SERVICES for end in ("", "-2")]
    cpu = {"MongoDB (mongod)": 1.0, "tiering": 0.2, "tiering-2": 0.3, "ingest": 0.1}
    assert scale.by_service(cpu, 1_000) == pytest.approx({"MongoDB (mongod)": 1000, "tiering": 500, "ingest": 100})


def test_a_million_events_a_minute_of_60_microseconds_each_keep_one_core_busy() -> None:
    assert scale.cores_needed(60.0) == pytest.approx(1.0)


def test_mongods_time_is_shared_out_by_collection() -> None:
    before = {"note": "all times in microseconds", "guanxi.claims": {"total": {"time": 100}}}
    after = {
        "note": "all times in microseconds",
        "guanxi.claims": {"total": {"time": 400}},
        "guanxi.people": {"total": {"time": 600}},
        "local.oplog.rs": {"total": {"time": 50}},
        "config.transactions": {"total": {"time": 50}},
    }
    found = scale.shares(before, after, "guanxi")
    assert list(found) == ["people", "claims", "the rest (oplog, sessions)"]
    assert list(found.values()) == pytest.approx([0.6, 0.3, 0.1])


@pytest.mark.parametrize(
    ("cpu", "said"),
    [
        ({"tiering": 0.95, "MongoDB (mongod)": 0.95}, "the 2 cores"),
        ({"tiering": 0.95, "MongoDB (mongod)": 0.1}, "tiering, which has one core"),
        ({"tiering": 0.5, "MongoDB (mongod)": 0.95}, "no core; tiering"),
    ],
)
def test_what_saturates_first_is_the_cores_together_or_one_process_or_neither(cpu: dict[str, float], said: str) -> None:
    assert scale.saturated(Rate(1_000, 1.0, cpu), 2).startswith(said)


def test_facts_of_a_history_go_onto_the_log_under_their_customer() -> None:
    data = {"purchase_id": "n", "amount": "1.00", "currency": "CNY"}
    at, key, value, _ = fact("purchase.recorded", "n", "C1", TODAY, data)
    assert (at, key) == (TODAY, b"customer:C1")
    assert b"guanxi.purchase.recorded.v1" in value
