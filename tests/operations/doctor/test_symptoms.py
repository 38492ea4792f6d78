"""When the doctor warns, when something is wrong, and what its exit code says."""

from datetime import timedelta

import pytest

from operations.doctor.clocks import _say
from operations.doctor.deep import MAX_TOLD, take_over
from operations.doctor.symptoms import Findings
from operations.doctor.topics import drift, say_room
from operations.verify.findings import Report
from shared.kafka.inspect import FoundTopic
from shared.settings import Settings
from shared.topics import LOG


@pytest.mark.parametrize(
    ("free", "severities"), [(50, []), (15, []), (14, ["warning"]), (5, ["warning"]), (4, ["wrong"]), (0, ["wrong"])]
)
def test_a_disk_that_fills_up_is_a_warning_and_then_wrong(free: int, severities: list[str]) -> None:
    findings = Findings()
    say_room("Kafka", "/data", free * 10**9, 100 * 10**9, findings)
    assert [symptom.severity for symptom in findings.symptoms] == severities
    assert findings.checked["disk"] == f"Kafka: {free}.0 GB ({free} %) free on /data"


@pytest.mark.parametrize(
    ("seconds", "severities"), [(0, []), (2, []), (-2, []), (3, ["warning"]), (-60, ["warning"]), (301, ["wrong"])]
)
def test_a_clock_that_is_off_is_a_warning_and_beyond_five_minutes_wrong(seconds: int, severities: list[str]) -> None:
    findings = Findings()
    _say("MongoDB's clock", timedelta(seconds=seconds), findings)
    assert [symptom.severity for symptom in findings.symptoms] == severities


def test_the_exit_code_tells_wrong_from_unchecked_and_lets_warnings_pass() -> None:
    findings = Findings()
    findings.warn("disk", "fills", "because", "free disk space")
    assert findings.exit_code == 0
    findings.unchecked["clocks"] = "no answer"
    assert findings.exit_code == 2
    findings.wrong("schema", "no index", "because", "set up")
    assert findings.exit_code == 1


def test_many_differences_of_one_check_are_told_by_their_number() -> None:
    report, findings = Report(), Findings()
    for number in range(MAX_TOLD + 3):
        report.found("views", "state_differs", f"customer:{number}", None, "differs")
    take_over(report, findings)
    assert len(findings.symptoms) == MAX_TOLD + 1
    assert findings.symptoms[-1].what == "3 more differences"
    assert findings.symptoms[-1].do == f"guanxi verify views --show {MAX_TOLD + 3}"


@pytest.mark.parametrize(("replicas", "in_sync", "wrong"), [(3, 1, True), (3, 2, False), (3, 3, False), (1, 1, False)])
def test_an_acknowledgement_must_mean_two_of_three_copies(replicas: int, in_sync: int, *, wrong: bool) -> None:
    config = {**LOG.config(), "min.insync.replicas": str(in_sync)}
    found = FoundTopic(LOG, "guanxi.log", 12, replicas, config, {})
    said = ["min.insync.replicas is 1, not 2"] if wrong else []
    assert drift(found, Settings(replication=1)) == said


def test_a_topic_as_the_code_says_has_no_drift() -> None:
    settings = Settings(replication=3)
    config = {**LOG.config(), "retention.bytes": "-1"}
    found = FoundTopic(LOG, "guanxi.log", 12, 3, config, {"min.insync.replicas": "2"})
    assert drift(found, settings) == []
    assert drift(FoundTopic(LOG, "guanxi.log"), settings) == ["does not exist"]
    found.replication, found.given["segment.jitter.ms"] = 1, "5"
    found.config["retention.ms"] = "1000"
    assert drift(found, settings) == [
        "retention.ms is 1000, not -1",
        "segment.jitter.ms is set to 5, which the code does not set",
        "has 1 replicas, GUANXI_REPLICATION says 3",
    ]
