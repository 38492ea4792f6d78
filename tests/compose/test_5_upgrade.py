"""A new version comes in by deploy/upgrade while the door is under load: it is never away, and only services change."""

import json
import os
import subprocess
import threading
from collections import Counter
from collections.abc import Callable

import httpx
import pytest

from local.stack.paths import REPOSITORY
from services import SERVICES
from tests.compose.conftest import IMAGE_TAG
from tests.compose.project import Project
from tests.events.wire import event

pytestmark = [pytest.mark.compose, pytest.mark.slow, pytest.mark.timeout(600)]

NEW = f"{IMAGE_TAG}-next"
KEPT = ("kafka", "mongo", "front")
UPGRADE_SECONDS = 500
CLOSED = ("RemoteProtocolError", "ReadError")


def ids(project: Project, *services: str) -> dict[str, str]:
    return {service: project.inspect(service)["Id"] for service in services}


def loaded(project: Project, token: str, work: Callable[[], None]) -> Counter[str]:
    """What the door answers, each time on a new connection, while `work` runs."""
    answers: Counter[str] = Counter()
    over = threading.Event()

    def send() -> None:
        for number in range(1_000_000):
            if over.is_set():
                return
            one = event(id=f"upgrade-{number}", subject="under-load")
            try:
                answer = httpx.post(
                    f"{project.door()}/v1/events",
                    content=json.dumps([one]),
                    headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
                    trust_env=False,
                    timeout=20,
                )
                answers[str(answer.status_code)] += 1
            except httpx.TransportError as error:
                answers[type(error).__name__] += 1

    sender = threading.Thread(target=send)
    sender.start()
    try:
        work()
    finally:
        over.set()
        sender.join()
    return answers


@pytest.mark.release("four minutes; what a second up changes is tested in test_1")
def test_the_door_is_never_away_while_every_service_is_replaced(project: Project) -> None:
    token = project.compose("run", "--rm", "-T", "cli", "guanxi", "keys", "create", "--source", "erp").strip()
    before, servers = ids(project, *SERVICES), ids(project, *KEPT)
    project.environment = {**project.environment, "GUANXI_VERSION": NEW}

    def upgrade() -> None:
        ran = subprocess.run(
            [REPOSITORY / "deploy" / "upgrade"],
            env={
                **os.environ,
                **project.environment,
                "COMPOSE_PROJECT_NAME": project.name,
                "COMPOSE_FILE": ":".join(str(REPOSITORY / file) for file in project.files),
                "COMPOSE_ENV_FILES": os.devnull,
            },
            capture_output=True,
            text=True,
            timeout=UPGRADE_SECONDS,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr

    answers = loaded(project, token, upgrade)

    # A connection that meets a process as it ends is closed; the sender sends again, and is taken.
    closed = sum(count for kind, count in answers.items() if kind in CLOSED)
    assert answers.keys() <= {"202", *CLOSED}, answers
    assert closed <= len(SERVICES), answers
    assert ids(project, *KEPT) == servers
    after = ids(project, *SERVICES)
    assert not [name for name in after if after[name] == before[name]]
    project.up()
    assert ids(project, *SERVICES, *KEPT) == after | servers
