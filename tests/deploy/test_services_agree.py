"""What deploys the services agrees with the list of them: containers, secrets, Prometheus, alerts, dashboards.

Read from files as they are; a service that is added or left out makes these fail, and says where.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from local.stack.paths import REPOSITORY
from services import SERVICES
from shared.service import Service

ALL, FOLDING = {*SERVICES}, {*SERVICES.folding}
DECIDING = {name for name, service in SERVICES.folding.items() if service.decides}
"""These send reviews too."""
WATCHING = {"doctor", "prometheus", "alertmanager", "grafana"}
IN_COMPOSE = {*ALL, *WATCHING, "secrets", "kafka", "mongo", "setup", "front", "cli"}
PROMETHEUS = ("prometheus.yml", "prometheus.tls.yml")
NAMED = re.compile(r'job=~"([^"]+)"')
ONE = re.compile(r'job="([^"]+)"')


def read(path: str) -> Any:
    return yaml.safe_load((REPOSITORY / path).read_text(encoding="utf-8"))


def text(path: str) -> str:
    return (REPOSITORY / path).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def compose() -> Any:
    return read("docker-compose.yml")


def test_compose_runs_the_services_and_nothing_else_of_ours(compose: Any) -> None:
    assert {*compose["services"]} == IN_COMPOSE
    assert {*read("docker-compose.tls.yml")["services"]} >= ALL


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_a_container_runs_its_service_as_its_own_user_with_its_own_secrets(compose: Any, service: Service) -> None:
    made = compose["services"][service.name]
    assert made["command"] == [f"services.{service.name}"]
    assert made["environment"]["GUANXI_KAFKA_USERNAME"] == service.name
    assert made["environment"]["GUANXI_MONGO_USERNAME"] == service.name
    assert f"secrets-{service.name}:/run/secrets/guanxi:ro" in made["volumes"]
    assert made["depends_on"] == {"setup": {"condition": "service_completed_successfully"}}
    assert f"secrets-{service.name}:/handout/{service.name}" in compose["services"]["secrets"]["volumes"]
    assert f"secrets-{service.name}" in compose["volumes"]


@pytest.mark.parametrize("file", ["node.yml", "hosts.yml"])
def test_each_service_of_a_cluster_finds_all_brokers_and_nodes(file: str) -> None:
    """A service that is left out would look for one machine's Kafka, under a name that is in no certificate."""
    services = read(f"deploy/cluster/{file}")["services"]
    assert {*services} >= {*ALL, "kafka", "mongo", "setup", "cli", "doctor"}
    for name in {*ALL, "setup", "cli", "doctor"}:
        if file == "node.yml":
            environment = services[name]["environment"]
            assert environment["GUANXI_KAFKA_BOOTSTRAP"].count(",") == environment["GUANXI_MONGO_URI"].count(",") == 2
            assert environment["GUANXI_REPLICATION"] == 3
        else:
            hosts = {entry.partition(":")[0] for entry in services[name]["extra_hosts"]}
            assert hosts == {f"{server}-{node}" for server in ("kafka", "mongo") for node in (1, 2, 3)}


def test_secrets_are_made_for_the_services_and_the_operator() -> None:
    (names,) = re.findall(r'^SERVICES="([^"]+)"$', text("deploy/secrets"), re.MULTILINE)
    assert {*names.split()} == {*ALL, "operator"}


@pytest.mark.parametrize("file", PROMETHEUS)
def test_prometheus_asks_every_service(file: str) -> None:
    jobs = {job["job_name"]: job for job in read(f"deploy/prometheus/{file}")["scrape_configs"]}
    assert {*jobs} == {*ALL, "doctor", "prometheus"}
    for name in ALL:
        (found,) = jobs[name]["dns_sd_configs"]
        assert (found["names"], found["port"]) == ([name], 9464)


def expressions() -> Iterator[tuple[str, str]]:
    for group in read("deploy/prometheus/rules.yml")["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for file in sorted((REPOSITORY / "deploy/grafana/dashboards").glob("*.json")):
        for panel in json.loads(file.read_text(encoding="utf-8"))["panels"]:
            for target in panel.get("targets", ()):
                yield f"{file.name}: {panel.get('title')}", target["expr"]


@pytest.mark.parametrize(("where", "expression"), [*expressions()], ids=lambda one: one[:40])
def test_what_names_several_services_names_all_of_them_or_all_that_fold_or_decide(where: str, expression: str) -> None:
    for names in NAMED.findall(expression):
        assert {*names.split("|")} in (ALL, FOLDING, DECIDING), where
    assert {*ONE.findall(expression)} <= ALL, where


def test_an_alert_tells_of_each_service_that_is_missing() -> None:
    missing = dict(expressions())["GuanxiServiceMissing"]
    assert {*re.findall(r'absent\(up\{job="([^"]+)"\}\)', missing)} == ALL
