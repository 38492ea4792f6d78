"""The reference is what is served, and nothing in it breaks who relies on the released one."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.query.api.openapi import openapi
from services.query.api.problems import CODES
from services.query.api.resources import INCLUDES, RESOURCES, TABLES, fields_of
from services.query.api.rows import Customer
from tests.services.query.breaking import breaks

RELEASED = Path(__file__).parents[2] / "contracts" / "api" / "released.json"
"""As it was released last: replaced when a version is, never to make this test pass."""
DOCS = Path(__file__).parents[3] / "docs" / "readers.md"
Json = dict[str, Any]


def test_nothing_breaks_who_relies_on_the_released_api() -> None:
    assert breaks(json.loads(RELEASED.read_text(encoding="utf-8")), openapi()) == []


def _drop_path(new: Json) -> None:
    del new["paths"]["/v1/concerns"]


def _drop_parameter(new: Json) -> None:
    operation = new["paths"]["/v1/customers"]["get"]
    operation["parameters"] = [one for one in operation["parameters"] if one["name"] != "tier"]


def _ask_for_more(new: Json) -> None:
    new["paths"]["/v1/customers"]["get"]["parameters"][0]["required"] = True


def _drop_field(new: Json) -> None:
    del new["components"]["schemas"]["CustomerFields"]["properties"]["net_365d"]


def _drop_code(new: Json) -> None:
    new["components"]["schemas"]["Problem"]["properties"]["code"]["enum"].remove("cursor_expired")


def _narrow(new: Json) -> None:
    parameters = new["paths"]["/v1/customers"]["get"]["parameters"]
    next(one for one in parameters if one["name"] == "size")["schema"]["maximum"] = 100


def _other_type(new: Json) -> None:
    new["components"]["schemas"]["TierTotalFields"]["properties"]["net_365d"]["type"] = "number"


def _another_item(new: Json) -> None:
    one = next(one for one in new["paths"]["/v1/concerns"]["get"]["parameters"] if one["schema"]["type"] == "string")
    one["schema"] = {"type": "array", "items": {"type": "integer"}}


def _may_be_null(new: Json) -> None:
    new["components"]["schemas"]["DecisionFields"]["properties"]["version"] = {
        "anyOf": [{"type": "integer"}, {"type": "null"}]
    }


@pytest.mark.parametrize(
    "plant",
    [
        _drop_path,
        _drop_parameter,
        _ask_for_more,
        _drop_field,
        _drop_code,
        _narrow,
        _other_type,
        _another_item,
        _may_be_null,
    ],
    ids=lambda plant: plant.__name__,
)
def test_a_planted_break_is_found(plant: Callable[[Json], None]) -> None:
    new = copy.deepcopy(openapi())
    plant(new)
    assert breaks(openapi(), new)


def test_more_is_no_break() -> None:
    new = copy.deepcopy(openapi())
    new["paths"]["/v1/new"] = {"get": new["paths"]["/v1/concerns"]["get"]}
    new["components"]["schemas"]["CustomerFields"]["properties"]["more"] = {"type": "string"}
    new["components"]["schemas"]["Problem"]["properties"]["code"]["enum"].append("new_code")
    one = next(one for one in new["paths"]["/v1/concerns"]["get"]["parameters"] if one["schema"]["type"] == "string")
    one["schema"] = {"type": "array", "items": one["schema"], "maxItems": 9}
    assert breaks(openapi(), new) == []


def test_each_code_stands_in_the_docs_for_readers() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert [code for code in CODES if f"`{code}`" not in text] == []


def test_each_resource_stands_in_the_docs_for_readers() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert [one.name for one in (*RESOURCES, *TABLES) if f"`{one.name}`" not in text] == []


def test_an_included_part_hides_no_field_of_a_customer() -> None:
    assert not {*INCLUDES} & {*fields_of(Customer)}
