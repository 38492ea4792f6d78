"""Alerts, dashboards and runbooks speak of metrics that exist, and of each other."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.stack.paths import REPOSITORY
from shared import metrics

RULES = REPOSITORY / "deploy" / "prometheus" / "rules.yml"
DASHBOARDS = REPOSITORY / "deploy" / "grafana" / "dashboards"
RUNBOOKS = REPOSITORY / "docs" / "runbooks"
METRICS_PAGE = REPOSITORY / "docs" / "metrics.md"
TARGET_LABELS = {"job", "instance"}
PROMTOOL = os.environ.get("PROMTOOL") or shutil.which("promtool")
NAME = re.compile(r"\b((?:guanxi|process)_[a-z0-9_]+)(?:\{([^}]*)\})?")
LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")
GROUPED = re.compile(r"\b(?:by|on)\s*\(([^)]*)\)")
SECTIONS = ("## What it means", "## How to look", "## What to do")


def series() -> dict[str, set[str]]:
    """Every name that Prometheus can know, with its labels."""
    found: dict[str, set[str]] = {}
    for family in metrics.REGISTRY.collect():
        names = {family.name} | {sample.name for sample in family.samples}
        if family.type == "counter":
            names = {f"{family.name}_total"}
        elif family.type == "histogram":
            names = {f"{family.name}_{end}" for end in ("bucket", "sum", "count")}
        for name in names:
            found[name] = set()
    for one in vars(metrics).values():
        labels = set(getattr(one, "_labelnames", ()))
        for name in found:
            base = getattr(one, "_name", None)
            if base is not None and name.removesuffix("_total") in {base, f"{base}_sum", f"{base}_count"}:
                found[name] = labels
            elif base is not None and name == f"{base}_bucket":
                found[name] = labels | {"le"}
    return found


def wrong(expression: str, known: dict[str, set[str]]) -> list[str]:
    """What an expression asks for that does not exist."""
    said = []
    labels: set[str] = set()
    for name, selector in NAME.findall(expression):
        if name not in known:
            said.append(f"no metric {name}")
            continue
        labels |= known[name]
        said += [
            f"{name} has no label {label}"
            for label in LABEL.findall(selector)
            if label not in known[name] | TARGET_LABELS
        ]
    grouped = {label.strip() for group in GROUPED.findall(expression) for label in group.split(",")}
    return said + [f"no label {label} to group by" for label in sorted(grouped - labels - TARGET_LABELS)]


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> Iterator[tuple[str, str]]:
    for rule in alerts():
        yield rule["alert"], rule["expr"]
    for path in DASHBOARDS.glob("*.json"):
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            for target in panel["targets"]:
                yield f"{path.name}: {panel['title']}", target["expr"]
    for path in RUNBOOKS.glob("*.md"):
        for block in re.findall(r"```promql\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
            for line in block.splitlines():
                yield path.name, line


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_what_is_asked_for_exists(where: str, expression: str) -> None:
    assert wrong(expression, series()) == [], where


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("sum(guanxi_lag_record)", "no metric guanxi_lag_record"),
        ('guanxi_lag_records{customer="c"}', "guanxi_lag_records has no label customer"),
        ("sum by (job, stage) (rate(guanxi_step_seconds_sum[5m]))", "no label stage to group by"),
        ("rate(guanxi_refused[5m])", "no metric guanxi_refused"),
    ],
)
def test_a_renamed_metric_or_label_is_found(expression: str, said: str) -> None:
    assert wrong(expression, series()) == [said]


def test_values_in_selectors_are_values_that_the_code_sets() -> None:
    sources = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("shared", "services", "operations")
        for path in (REPOSITORY / folder).rglob("*.py")
    )
    for where, expression in expressions():
        for label, value in re.findall(r"(\w+)=\"([^\"]+)\"", expression):
            if label not in TARGET_LABELS | {"alertstate"}:
                assert f'"{value}"' in sources or f"def {value}(" in sources, f"{where}: {label}={value}"


def test_each_alert_has_its_page_and_each_page_its_alert() -> None:
    names = {rule["alert"] for rule in alerts()}
    assert names == {path.stem for path in RUNBOOKS.glob("Guanxi*.md")}
    index = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    for rule in alerts():
        page = REPOSITORY / rule["annotations"]["runbook"]
        text = page.read_text(encoding="utf-8")
        assert page.stem == rule["alert"]
        assert f"Severity: {rule['labels']['severity']}." in text
        assert [line for line in text.splitlines() if line.startswith("## ")] == list(SECTIONS)
        assert f"({page.name})" in index


def test_links_between_pages_lead_somewhere() -> None:
    for path in RUNBOOKS.glob("*.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_every_metric_is_explained_to_operators() -> None:
    page = METRICS_PAGE.read_text(encoding="utf-8")
    for one in vars(metrics).values():
        name, says = getattr(one, "_name", None), str(getattr(one, "_documentation", ""))
        if name is not None:
            assert f"`{name}" in page, name
            assert says in page, name


def test_dashboards_have_panels_of_their_own_and_one_data_source() -> None:
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(DASHBOARDS.glob("*.json"))]
    assert len({board["uid"] for board in found}) == len(found) > 0
    provided = yaml.safe_load(
        (DASHBOARDS.parent / "provisioning/datasources/prometheus.yml").read_text(encoding="utf-8")
    )
    (source,) = provided["datasources"]
    for board in found:
        ids = [panel["id"] for panel in board["panels"]]
        assert len(set(ids)) == len(ids)
        assert {panel["datasource"]["uid"] for panel in board["panels"]} == {source["uid"]}


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: apt-get install prometheus)")
@pytest.mark.parametrize("words", [["check", "rules", "rules.yml"], ["test", "rules", "tests.yml"]])
def test_promtool_agrees(words: list[str]) -> None:
    done = subprocess.run([str(PROMTOOL), *words], cwd=RULES.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: apt-get install prometheus)")
def test_every_panel_and_page_asks_in_promql(tmp_path: Path) -> None:
    rules = [{"record": f"test:{n}", "expr": expression} for n, (_, expression) in enumerate(expressions())]
    file = tmp_path / "all.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run([str(PROMTOOL), "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_pages_do_not_name_files_that_do_not_exist() -> None:
    for path in RUNBOOKS.glob("*.md"):
        for name in re.findall(r"\b((?:docs|deploy)/[\w./-]+\.(?:md|yml))", path.read_text(encoding="utf-8")):
            assert (Path(REPOSITORY) / name).exists(), f"{path.name}: {name}"
