"""One Compose project for all tests of this folder: up once from nothing, and down with everything at the end."""

import os
import secrets
import subprocess
from collections.abc import Iterator

import pytest

from local.stack.paths import REPOSITORY
from tests.compose.project import Project, why_not_here

IMAGE_TAG = "compose-test"
PARTITIONS = 6


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Minutes of containers are for who asks for them: by the marker, or by naming this folder."""
    asked = "compose" in f"{config.option.markexpr} {' '.join(config.args)}"
    here = [item for item in items if "tests/compose" in item.nodeid]
    if here and not asked:
        config.hook.pytest_deselected(items=here)
        items[:] = [item for item in items if item not in here]


@pytest.fixture(scope="session")
def image() -> str:
    """The images of this working tree, the services' and the worker's; gives their tag."""
    why = why_not_here()
    if why is not None:
        if os.environ.get("GUANXI_REQUIRE_COMPOSE", "") not in {"", "0"}:
            pytest.fail(f"Docker Compose is required here: {why}", pytrace=False)
        pytest.skip(f"needs Docker Compose and the images of Kafka and MongoDB: {why}")
    for name, requirements in (("guanxi", "run.txt"), ("guanxi-worker", "worker.txt")):
        tag, chosen = f"{name}:{IMAGE_TAG}", f"REQUIREMENTS={requirements}"
        subprocess.run(
            ["docker", "build", "--quiet", "-t", tag, "--build-arg", chosen, "-f", "deploy/Dockerfile", "."],
            cwd=REPOSITORY,
            env={**os.environ, "DOCKER_BUILDKIT": "1"},
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return IMAGE_TAG


@pytest.fixture(scope="session")
def project(image: str) -> Iterator[Project]:
    """Up, with a probe beside it."""
    made = Project(f"guanxi-test-{secrets.token_hex(3)}", environment(image))
    try:
        made.up()
        made.start_probe()
        yield made
    finally:
        made.down()


def environment(image: str) -> dict[str, str]:
    """A small deployment, whose door is on a free port."""
    return {
        "GUANXI_VERSION": image,
        "GUANXI_DOOR": "127.0.0.1:0",
        "GUANXI_API": "127.0.0.1:0",
        "GUANXI_PARTITIONS": str(PARTITIONS),
        "GUANXI_SESSION_TIMEOUT_MS": "6000",
        "GUANXI_KAFKA_HEAP": "-Xms256m -Xmx512m",
        "GUANXI_MONGO_CACHE_GB": "0.25",
        "GUANXI_UPSTREAMS": "erp,shop",
    }
