"""How far behind a reader is, in records and in seconds, in time that the test makes."""

from shared.kafka.lag import Lag

SOON = 3.0


def test_nothing_is_said_of_partitions_that_were_not_looked_at() -> None:
    lag = Lag()
    lag.processed(0, 5, 100.0)
    assert lag.records() == {}
    assert lag.seconds(101.0, SOON) == {}


def test_who_has_read_all_is_0_seconds_behind_however_long_nothing_came() -> None:
    lag = Lag()
    lag.processed(0, 5, 100.0)
    lag.looked({0: 5}, {0: 5}, 9_000.0)
    assert (lag.records(), lag.seconds(9_001.0, SOON)) == ({0: 0}, {0: 0.0})


def test_a_first_record_after_a_quiet_hour_is_not_an_hour_late() -> None:
    lag = Lag()
    lag.processed(0, 5, 100.0)
    lag.looked({0: 5}, {0: 5}, 3_700.0)
    lag.looked({0: 6}, {0: 5}, 3_715.0)
    assert (lag.records(), lag.seconds(3_716.0, SOON)) == ({0: 1}, {0: 16.0})


def test_a_record_of_before_the_last_moment_without_any_left_makes_nothing_older() -> None:
    lag = Lag()
    lag.looked({0: 5}, {0: 5}, 3_700.0)
    lag.processed(0, 6, 3_650.0)  # its answer to the look was under way
    lag.looked({0: 7}, {0: 6}, 3_705.0)
    assert lag.seconds(3_706.0, SOON) == {0: 6.0}


def test_a_backlog_is_as_old_as_the_last_record_done() -> None:
    lag = Lag()
    lag.looked({0: 1_000}, {0: 0}, 7_200.0)
    assert lag.seconds(7_210.0, SOON) == {0: 10.0}  # nobody knows how old the first one is
    lag.processed(0, 500, 100.0)
    assert (lag.records(), lag.seconds(7_211.0, SOON)) == ({0: 500}, {0: 7_111.0})
    lag.processed(0, 1_000, 7_190.0)
    lag.looked({0: 1_000}, {0: 1_000}, 7_220.0)
    assert (lag.records(), lag.seconds(7_220.0, SOON)) == ({0: 0}, {0: 0.0})


def test_while_kafka_does_not_answer_the_age_grows() -> None:
    lag = Lag()
    lag.looked({0: 5}, {0: 5}, 100.0)
    assert lag.seconds(102.0, SOON) == {0: 0.0}
    assert lag.seconds(160.0, SOON) == {0: 60.0}


def test_each_partition_by_itself_and_those_of_others_not_at_all() -> None:
    lag = Lag()
    lag.looked({0: 10, 1: 10}, {0: 10, 1: 4}, 50.0)
    assert lag.records() == {0: 0, 1: 6}
    lag.forget(kept=[1])
    assert (lag.records(), lag.seconds(60.0, SOON)) == ({1: 6}, {1: 10.0})


def test_a_clock_behind_the_brokers_gives_no_negative_age() -> None:
    lag = Lag()
    lag.looked({0: 9}, {0: 1}, 100.0)
    lag.processed(0, 2, 130.0)
    assert lag.seconds(101.0, SOON) == {0: 0.0}
