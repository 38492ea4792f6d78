"""Jobs by the running API and worker: the checks that fold the log, and an export of what the services have made."""

import csv
import io
import json
import time
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import httpx
import pytest
from anyio.from_thread import BlockingPortal

from tests.services.query.stand import POLICY, Stand

Json = dict[str, Any]
pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
PATIENCE_SECONDS = 120.0
STEP_SECONDS = 0.1


def send(stand: Stand, method: str, path: str, body: Json | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {stand.tokens['all']}"}
    with httpx.Client(trust_env=False, timeout=60) as client:
        return client.request(method, stand.url() + path, json=body, headers=headers)


def done(stand: Stand, asked: Json) -> tuple[Json, bytes]:
    """A job from asking to fetching."""
    answer = send(stand, "POST", "/v1/jobs", asked)
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    where = answer.headers["Location"]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        job: Json = stand.get(where).json()["data"]
        if job["status"] not in {"queued", "running"}:
            break
        assert time.monotonic() < deadline, job
        time.sleep(STEP_SECONDS)
    assert job["status"] == "done", job
    result = stand.get(f"{where}/result")
    assert sha256(result.content).hexdigest() == job["result"]["sha256"] == result.headers["Guanxi-Sha256"]
    return job["result"], result.content


def test_verify_says_what_the_command_says(stand: Stand, portal: BlockingPortal) -> None:
    told, content = done(stand, {"kind": "verify"})
    report = json.loads(content)
    log = portal.call(lambda: stand.services.command("verify", "--json", "--quiet", timeout_s=120))
    said = json.loads(
        log.read_text(encoding="utf-8").partition("{")[1] + log.read_text(encoding="utf-8").partition("{")[2]
    )
    for one in (report, said):
        one.pop("seconds")
    assert report == said
    assert (told["differences"], told["unchecked"], report["differences"]) == (0, 0, 0)
    assert report["looked_at"]["customers of tiering"] > 0


def test_some_checks_of_some_customers(stand: Stand) -> None:
    _, content = done(stand, {"kind": "verify", "checks": ["tiering"], "sample": "50%"})
    looked_at = json.loads(content)["looked_at"]
    assert 0 < looked_at["customers of tiering"] < 67
    assert "records admitted" not in looked_at


def test_simulate_says_who_would_move(stand: Stand) -> None:
    policy = POLICY.read_text(encoding="utf-8")
    told, content = done(stand, {"kind": "simulate", "policy": policy})
    found = json.loads(content)
    assert (found["moved"], found["moves"], told["moved"]) == (0, [], 0)
    assert found["customers"] == told["customers"] > 0


def test_what_is_no_policy_fails_with_its_line(stand: Stand) -> None:
    answer = send(stand, "POST", "/v1/jobs", {"kind": "simulate", "policy": "name: x\nversion: one\n"})
    where = answer.headers["Location"]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (job := stand.get(where).json()["data"])["status"] in {"queued", "running"}:
        assert time.monotonic() < deadline
        time.sleep(STEP_SECONDS)
    assert (job["status"], job["error"]["code"]) == ("failed", "refused")
    assert "policy" in job["error"]["detail"]


def test_weeks_are_exported_as_they_are_listed(stand: Stand) -> None:
    week = datetime.now(UTC).date().strftime("%G-W%V")
    listed = stand.get("/v1/rep-weeks", week=week).json()["data"]
    asked = {"kind": "export", "resource": "rep-weeks", "format": "ndjson", "query": f"week={week}"}
    _, content = done(stand, asked)
    assert listed
    assert [json.loads(line) for line in content.splitlines()] == listed


def test_an_export_is_what_the_list_shows(stand: Stand) -> None:
    listed = stand.get("/v1/customers", size="500").json()
    told, content = done(stand, {"kind": "export", "resource": "customers", "format": "ndjson"})
    assert [json.loads(line) for line in content.splitlines()] == listed["data"]
    assert (told["exact"], told["position"]) == (True, listed["freshness"]["position"])
    _, content = done(stand, {"kind": "export", "resource": "customers", "format": "csv", "query": "fields=customer"})
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert [row[0].removeprefix("'") for row in rows[1:]] == [row["customer"] for row in listed["data"]]
