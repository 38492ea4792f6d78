"""The manifests of deploy/kubernetes: valid for Kubernetes, made from the list of services, and no more than they need.
Nothing is asked over a network: the schemas come with kubernetes-validate.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import kubernetes_validate
import pytest
import yaml

from local.kubernetes import FILE, text
from local.stack.paths import REPOSITORY
from operations.setup.run import SetupSettings
from services import API, SERVICES
from shared.settings import Settings
from tests.deploy.test_services_agree import read

FOLDER = FILE.parent
VERSIONS = ("1.31", "1.37")
KUSTOMIZATION = "kustomization.yaml"
FILES = sorted(file.name for file in FOLDER.glob("*.yaml") if file.name != KUSTOMIZATION)


def documents(*kinds: str) -> Iterator[dict[str, Any]]:
    """All of the folder, or those of some kinds."""
    for name in FILES:
        for one in loaded(name):
            if not kinds or one["kind"] in kinds:
                yield one


@cache
def loaded(name: str) -> list[dict[str, Any]]:
    return [*yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8"))]


def named(kind: str) -> dict[str, Any]:
    return {one["metadata"]["name"]: one for one in documents(kind)}


PODS = [
    pytest.param(one["spec"]["template"]["spec"], id=one["metadata"]["name"]) for one in documents("Deployment", "Job")
]
DEPLOYMENTS = named("Deployment")


@pytest.mark.parametrize("version", VERSIONS)
def test_each_document_is_valid_for_kubernetes(version: str) -> None:
    for one in documents():
        kubernetes_validate.validate(one, version, strict=True)


def test_what_is_wrong_is_found() -> None:
    broken = {**DEPLOYMENTS[API], "spec": {**DEPLOYMENTS[API]["spec"], "replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[0], strict=True)


def test_the_services_are_those_of_the_list_and_the_file_is_as_it_is_made() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "run `python -m local.kubernetes`"
    assert {*DEPLOYMENTS} == {*SERVICES} == {*named("PodDisruptionBudget")}
    assert {*named("Service")} == {*SERVICES, "door", "api"}


def test_all_files_are_applied_and_every_image_has_a_place() -> None:
    made = read(f"deploy/kubernetes/{KUSTOMIZATION}")
    assert sorted(made["resources"]) == FILES
    pods = [one["spec"]["template"]["spec"] for one in documents("Deployment", "Job")]
    images = {one["containers"][0]["image"] for one in pods}
    assert {one["name"] for one in made["images"]} == images


@pytest.mark.parametrize("pod", PODS)
def test_a_pod_has_no_more_than_it_needs(pod: dict[str, Any]) -> None:
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {*container["resources"]["limits"]} == {*container["resources"]["requests"]} == {"cpu", "memory"}
    assert "@" not in str(container["env"])
    assert {one["name"] for one in container["volumeMounts"]} == {one["name"] for one in pod["volumes"]}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_runs_as_its_own_user_with_its_own_secrets_and_is_replaced_one_at_a_time(name: str) -> None:
    made = DEPLOYMENTS[name]["spec"]
    assert made["replicas"] >= 2
    assert made["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    pod = made["template"]["spec"]
    (container,) = pod["containers"]
    assert container["args"] == [SERVICES.package(name)]
    assert {one["value"] for one in container["env"]} == {name}
    assert {*(probe for probe in container if probe.endswith("Probe"))} == {
        *("startupProbe", "livenessProbe", "readinessProbe"),
    }
    secrets = {one["secret"]["secretName"] for one in pod["volumes"] if "secret" in one}
    keyed = "GUANXI_API_KEYS_FILE" in read("docker-compose.yml")["services"][name]["environment"]
    assert secrets == {f"guanxi-{name}"} | ({"guanxi-api-keys"} if keyed else set())
    budget = named("PodDisruptionBudget")[name]["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"]["matchLabels"] == made["template"]["metadata"]["labels"]


def test_the_settings_are_settings_and_none_is_a_secret() -> None:
    (settings,) = documents("ConfigMap")
    models: list[type[Settings]] = [SetupSettings, *(one.settings for one in SERVICES.values())]
    known = {f"GUANXI_{field.upper()}" for model in models for field in model.model_fields}
    assert {*settings["data"]} <= known | {"GUANXI_SECRETS_DIR"}
    assert not [name for name in settings["data"] if re.search(r"PASSWORD|TOKEN_SECRET|_KEYS?$", name)]
    assert Settings.model_fields["partitions"].default == int(settings["data"]["GUANXI_PARTITIONS"])


def test_the_page_names_what_is_there() -> None:
    page = (REPOSITORY / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    assert {name for name in SERVICES if f"`{name}`" not in page and name not in page} == set()
    assert "kubectl apply -k deploy/kubernetes" in page
