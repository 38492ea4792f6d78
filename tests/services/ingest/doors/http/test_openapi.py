"""The door's reference: served, complete, and its examples true."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.stack.paths import REPOSITORY
from services.ingest.doors.http.door import create_door
from services.ingest.doors.http.examples import ONE_ACCEPTED
from services.ingest.doors.http.openapi import openapi
from shared.events.refusal import Reason
from shared.events.registry import FACTS
from shared.keys import ApiKeys
from shared.keys.edit import create_key
from tests.services.ingest.doors.http.door import Door
from tests.services.ingest.judging import NOW, ZONE

POST = openapi()["paths"]["/v1/events"]["post"]
EXAMPLE_NOW = NOW.replace(year=2026, month=11, day=21)
EXAMPLES = [
    (media_type, name, example["value"])
    for media_type, content in POST["requestBody"]["content"].items()
    for name, example in content["examples"].items()
]


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if "$ref" in value else set()
        mapped = set(value["mapping"].values()) if "mapping" in value else set()
        return own | mapped | {found for inner in value.values() for found in references(inner)}
    return {found for inner in value for found in references(inner)} if isinstance(value, list) else set()


async def test_the_door_serves_it_without_a_key(door: Door) -> None:
    async with door.client() as client:
        assert (await client.get("/openapi.json")).json() == json.loads(json.dumps(openapi()))


def test_the_copy_in_the_documentation_is_current() -> None:
    copy = REPOSITORY / "docs" / "reference" / "openapi.json"
    assert json.loads(copy.read_text(encoding="utf-8")) == json.loads(json.dumps(openapi())), "run 'guanxi reference'"


def test_every_reference_leads_somewhere() -> None:
    schemas = {f"#/components/schemas/{name}" for name in openapi()["components"]["schemas"]}
    assert references(openapi()) <= schemas


def test_every_type_that_can_be_sent_and_every_code_is_in_it() -> None:
    schemas = openapi()["components"]["schemas"]
    assert set(schemas["Event"]["discriminator"]["mapping"]) == {
        name for name, entry in FACTS.items() if not entry.internal
    }
    assert set(schemas["Reason"]["enum"]) == {reason.value for reason in Reason}


def test_every_status_that_the_door_answers_is_in_it() -> None:
    assert set(POST["responses"]) == {
        "202", "400", "401", "403", "404", "405", "408", "413", "415", "422", "429", "431", "500", "503",
    }  # fmt: skip


@pytest.mark.parametrize(("media_type", "name", "body"), EXAMPLES, ids=[f"{m} {n}" for m, n, _ in EXAMPLES])
async def test_the_examples_are_taken_as_they_say(tmp_path: Path, media_type: str, name: str, body: Any) -> None:
    door = Door(tmp_path)
    _, door.token = create_key(door.keys_file, ["erp/orders", "crm"], now=NOW)
    door.app = create_door(door.inbox, ApiKeys(door.keys_file), zone=ZONE, now=lambda: EXAMPLE_NOW)
    answer = await door.post(body.encode() if isinstance(body, str) else body, media_type)
    assert answer.status_code == 202, answer.text
    if name == "oneRefused":
        assert [one["code"] for one in answer.json()["events"]] == [None, "missing_field"]
    else:
        assert answer.json()["refused"] == 0
    if name == "purchase":
        assert answer.json() | {"position": ONE_ACCEPTED["position"]} == ONE_ACCEPTED
