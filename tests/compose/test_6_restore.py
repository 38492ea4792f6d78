"""From a running deployment to an empty host and back, by the two commands of docs/backup.md."""

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from local.stack.paths import REPOSITORY
from tests.compose.project import Project, until
from tests.compose.purchases import by_kafka, purchases, shown, sums
from tests.events.wire import event

pytestmark = [pytest.mark.compose, pytest.mark.slow, pytest.mark.timeout(600)]

EVENTS = 200
FOLDED_SECONDS = 120
RESTORE_SECONDS = 300


def script(project: Project, name: str, folder: Path, *words: str) -> None:
    """A script of deploy/, for this project."""
    ran = subprocess.run(
        [REPOSITORY / "deploy" / name, folder, *words],
        env={
            **os.environ,
            **project.environment,
            "COMPOSE_PROJECT_NAME": project.name,
            "COMPOSE_FILE": ":".join(str(REPOSITORY / file) for file in project.files),
            "COMPOSE_ENV_FILES": os.devnull,
        },
        cwd=folder.parent,
        capture_output=True,
        text=True,
        timeout=RESTORE_SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_an_empty_host_goes_on_where_the_backup_was_taken(project: Project, tmp_path: Path) -> None:
    token = project.compose("run", "--rm", "-T", "cli", "guanxi", "keys", "create", "--source", "*").strip()
    events, one = purchases("kept", EVENTS), event(id="kept-by-http", subject="by-http")
    assert _answer(project, token, one) == "accepted"
    by_kafka(project, events)
    until(lambda: shown(project, "kept") == sums(events), "every purchase is in a view", seconds=FOLDED_SECONDS)

    script(project, "backup", tmp_path / "backup")
    project.down()
    script(project, "restore", tmp_path / "backup")

    project.start_probe()
    assert shown(project, "kept") == sums(events)
    assert _answer(project, token, one) == "duplicate"
    by_kafka(project, events)
    after = purchases("after", 10)
    by_kafka(project, after)
    until(lambda: shown(project, "after") == sums(after), "what came after is in a view", seconds=FOLDED_SECONDS)
    assert shown(project, "kept") == sums(events)


@pytest.mark.release("two minutes more of containers; tests/operations/backup know nights and moments")
def test_a_night_is_restored_as_of_a_moment(project: Project, tmp_path: Path) -> None:
    """deploy/nightly, beside an earlier backup; then deploy/restore --until."""
    before, later = purchases("until", EVENTS), purchases("later", EVENTS)
    by_kafka(project, before)
    until(lambda: shown(project, "until") == sums(before), "every purchase is in a view", seconds=FOLDED_SECONDS)
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    script(project, "backup", shelf / "2020-01-01T0000Z")
    moment = datetime.now(UTC)
    until(lambda: datetime.now(UTC) > moment + timedelta(seconds=2), "the moment has passed", seconds=10)
    by_kafka(project, later)
    until(lambda: shown(project, "later") == sums(later), "every purchase is in a view", seconds=FOLDED_SECONDS)
    script(project, "nightly", shelf)
    (night,) = shelf.iterdir()  # one of years ago goes, with which it shared a part of the log

    project.down()
    script(project, "restore", night, "--until", moment.isoformat(timespec="seconds"))

    project.start_probe()
    assert (shown(project, "until"), shown(project, "later")) == (sums(before), {})
    by_kafka(project, before)
    by_kafka(project, later)
    until(lambda: shown(project, "later") == sums(later), "sent again, it is in a view", seconds=FOLDED_SECONDS)
    assert shown(project, "until") == sums(before)


def _answer(project: Project, token: str, one: dict[str, object]) -> str:
    """What the door says of an event; its certificate is of the deployment's own authority, where it has one."""
    scheme = "https" if "docker-compose.tls.yml" in project.files else "http"
    door = project.door().replace("http:", f"{scheme}:")
    with httpx.Client(verify=False, trust_env=False, timeout=30) as client:  # noqa: S501 - test_7_tls checks it
        answer = client.post(f"{door}/v1/events", json=[one], headers={"Authorization": f"Bearer {token}"})
    status: str = answer.json()["events"][0]["status"]
    return status
