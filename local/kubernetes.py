"""The manifests of the services for Kubernetes: `python -m local.kubernetes` writes deploy/kubernetes/services.yaml.

From the one list of services, since nine of each kind by hand would differ before long. Everything that an operator may
want to change is in the other files of the folder, or a patch of Kustomize's.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from local.stack.paths import REPOSITORY
from services import API, SERVICES

FILE = REPOSITORY / "deploy" / "kubernetes" / "services.yaml"
HEAD = "# Written by `python -m local.kubernetes` from the list of services (docs/kubernetes.md).\n"
Json = dict[str, Any]
WORKER = "worker"
WITH_KEYS = frozenset({SERVICES.door.name, API, WORKER, "delivery"})
"""Services that know callers by their API keys."""
REPLICAS = 2
HTTP_PORT, METRICS_PORT = 8080, 9464
STARTS_WITHIN_SECONDS, EVERY_SECONDS, ANSWERS_WITHIN_SECONDS = 300, 5, 8
GRACE_SECONDS = 40
"""Longer than a batch may take to drain."""


def manifests() -> Iterator[Json]:
    """A Deployment, a Service and a PodDisruptionBudget of each service; the addresses of the door and the API."""
    for name in SERVICES:
        yield _deployment(name)
        # Without an address of its own: its name leads to every process, and `guanxi status` asks each.
        yield _service(name, name, {"clusterIP": "None"}, {"http": HTTP_PORT, "metrics": METRICS_PORT})
        budget = {"maxUnavailable": 1, "selector": {"matchLabels": _labels(name)}}
        yield {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": _metadata(name), "spec": budget}
    for address, name in (("door", SERVICES.door.name), ("api", API)):
        yield _service(address, name, {}, {"http": HTTP_PORT})


def text() -> str:
    """The file."""
    return HEAD + yaml.safe_dump_all(manifests(), sort_keys=False, width=120)


def _labels(name: str) -> Json:
    return {"app.kubernetes.io/name": "guanxi", "app.kubernetes.io/component": name}


def _metadata(name: str, of: str | None = None) -> Json:
    return {"name": name, "namespace": "guanxi", "labels": _labels(of or name)}


def _service(address: str, name: str, more: Json, ports: dict[str, int]) -> Json:
    listed = [{"name": port, "port": number, "targetPort": port} for port, number in ports.items()]
    spec = {**more, "selector": _labels(name), "ports": listed}
    return {"apiVersion": "v1", "kind": "Service", "metadata": _metadata(address, name), "spec": spec}


def _deployment(name: str) -> Json:
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": _labels(name)},
    }
    pod = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [spread],
        "containers": [_container(name)],
        "volumes": [_volume(volume, source) for volume, (_, source) in _volumes(name).items()],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(name),
        "spec": {
            "replicas": REPLICAS,
            "selector": {"matchLabels": _labels(name)},
            # One at a time: a new one is ready before an old one ends.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": _labels(name)}, "spec": pod},
        },
    }


def _container(name: str) -> Json:
    # The door works without MongoDB.
    ready = "/readyz/kafka" if name == SERVICES.door.name else "/readyz"
    own = {"GUANXI_KAFKA_USERNAME": name, "GUANXI_MONGO_USERNAME": name}
    return {
        "name": name,
        "image": "guanxi-worker"
        if name == WORKER
        else "guanxi",  # kustomization.yaml says from where, and which version
        "args": [SERVICES.package(name)],
        "envFrom": [{"configMapRef": {"name": "guanxi"}}],
        "env": [{"name": variable, "value": value} for variable, value in own.items()],
        "ports": [
            {"name": "http", "containerPort": HTTP_PORT},
            {"name": "metrics", "containerPort": METRICS_PORT},
        ],
        "startupProbe": _probe("/livez", failures=STARTS_WITHIN_SECONDS // EVERY_SECONDS),
        "livenessProbe": _probe("/livez", failures=12),
        "readinessProbe": _probe(ready, failures=2),
        "resources": {
            "requests": {"cpu": "100m", "memory": "192Mi"},
            "limits": {"cpu": "1", "memory": "512Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": volume, "mountPath": path, **({"readOnly": True} if "secret" in source else {})}
            for volume, (path, source) in _volumes(name).items()
        ],
    }


def _probe(path: str, *, failures: int) -> Json:
    return {
        "httpGet": {"path": path, "port": "http"},
        "periodSeconds": EVERY_SECONDS,
        "timeoutSeconds": ANSWERS_WITHIN_SECONDS,
        "failureThreshold": failures,
    }


def _volumes(name: str) -> dict[str, tuple[str, Json]]:
    """Where each is mounted, and what it is."""
    found: dict[str, tuple[str, Json]] = {
        "tmp": ("/tmp", {"emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}}),  # noqa: S108 - the container's own
        "secrets": ("/run/secrets/guanxi", _secret(f"guanxi-{name}")),
    }
    if name in WITH_KEYS:
        found["api-keys"] = ("/var/lib/guanxi", _secret("guanxi-api-keys"))
    if name == WORKER:
        found["spool"] = ("/var/spool/guanxi", {"emptyDir": {"sizeLimit": "16Gi"}})
    return found


def _secret(name: str) -> Json:
    return {"secret": {"secretName": name, "defaultMode": 0o440}}


def _volume(name: str, source: Json) -> Json:
    return {"name": name, **source}


def main(file: Path = FILE) -> None:
    """Write the file."""
    file.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
