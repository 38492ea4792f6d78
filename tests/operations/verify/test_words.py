"""Samples, progress and the report, in words."""

import io

import pytest

from operations.verify.findings import Report
from operations.verify.meter import Meter
from operations.verify.sample import Sample, parse_sample, wanted
from operations.verify.telling import in_lines
from shared.errors import Malformed

KEYS = [f"customer:C-{number}" for number in range(2000)]


@pytest.mark.parametrize(
    ("text", "sample"),
    [
        (None, Sample()),
        ("all", Sample()),
        ("200", Sample(customers=200)),
        ("5%", Sample(percent=5.0)),
        ("0.5%", Sample(percent=0.5)),
    ],
)
def test_a_sample_is_a_number_or_a_share(text: str | None, sample: Sample) -> None:
    assert parse_sample(text) == sample


@pytest.mark.parametrize("text", ["0", "-1", "0%", "101%", "some", "5 %%", ""])
def test_other_samples_are_refused_in_words(text: str) -> None:
    with pytest.raises(Malformed, match="is not a sample"):
        parse_sample(text)


def test_a_sample_has_about_the_size_asked_for_and_is_the_same_each_time() -> None:
    some = [key for key in KEYS if wanted(Sample(customers=200).below(2000))(key)]
    assert 150 < len(some) < 250
    assert some == [key for key in KEYS if wanted(Sample(percent=10).below(0))(key)]
    assert all(map(wanted(Sample(customers=5000).below(2000)), KEYS))


def test_the_parts_of_a_sample_make_it_up() -> None:
    below = Sample(percent=30).below(0)
    parts = [[key for key in KEYS if wanted(below, part, 3)(key)] for part in range(3)]
    assert all(100 < len(part) < 300 for part in parts)
    assert sorted(key for part in parts for key in part) == sorted(filter(wanted(below), KEYS))


def test_progress_tells_rate_and_time_left() -> None:
    out, now = io.StringIO(), [0.0]
    meter = Meter(out, lambda: now[0])
    meter.begin("log", 100_000)
    meter.add(1_000)
    now[0] = 10.0
    meter.add(39_000)
    meter.end()
    assert out.getvalue() == "log: 40,000 of 100,000 records, 4,000/s, 15 s left\n"
    assert (meter.records, meter.seconds) == (40_000, 10.0)


def test_a_report_names_its_differences_and_its_verdict() -> None:
    report = Report()
    assert (in_lines(report, Meter(), 5)[-1], report.exit_code) == ("no differences", 0)
    report.unchecked.append("tiering: its log has lost its beginning")
    assert report.exit_code == 2
    for number in range(8):
        report.found("tiering", "not_decided", f"customer:{number}", "log 1/0/7", "decided: nothing; would be: ...")
    lines = in_lines(report, Meter(), 5)
    assert "  customer:0, log 1/0/7: decided: nothing; would be: ..." in lines
    assert "  and 3 more (--show, --json)" in lines
    assert lines[-1] == "8 DIFFERENCES: 8 not decided"
    assert report.exit_code == 1
