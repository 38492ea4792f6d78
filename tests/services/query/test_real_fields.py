"""The table of rights, complete: every key with every route and every field of its answer. And every route that the
reference has is in it, or has a table of its own.
"""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from services.query.api.openapi import openapi
from services.query.api.resources import INCLUDES
from shared.keys import Scope
from tests.services.query.stand import KEYS, Stand
from tests.services.query.test_real_api import EVERYTHING, NEEDED, SINGLE, is_problem, needs_all

Json = dict[str, Any]
pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
HAVE_THEIR_OWN = {
    "/v1/changes": "test_real_changes",
    "/v1/customers/{id}/texts": "test_real_texts",
    "/v1/jobs": "tests/operations/jobs/test_real_jobs",
    "/v1/subscriptions": "test_real_subscriptions",
}
"""Routes, with all below them, and where it is tested who may use them."""
FOR_ALL = {"/v1/openapi.json"}


def cases() -> Iterator[tuple[str, str, str, str, bool]]:
    """Of each list and table with each of its fields: name, path, field, scope, whether it needs all rows."""
    for one in EVERYTHING:
        for field in one.fields:
            yield one.name, one.path, field, one.scope, needs_all(one)


@pytest.mark.parametrize("key", KEYS)
def test_who_may_read_which_field_of_which_route(key: str, stand: Stand) -> None:
    scopes, rows = KEYS[key]
    headers = {"Authorization": f"Bearer {stand.tokens[key]}"}
    with httpx.Client(base_url=stand.url(), headers=headers, trust_env=False, timeout=60) as client:
        for name, path, field, scope, all_rows in cases():
            answer = client.get(path, params={**NEEDED.get(name, {}), "fields": field})
            if scope not in scopes:
                assert is_problem(answer, "scope_missing"), (name, field)
            elif all_rows and rows != "all":
                assert is_problem(answer, "rows_not_all"), (name, field)
            elif answer.status_code == httpx.codes.NOT_FOUND:
                assert rows != "all", (name, field)
            else:
                assert answer.status_code == httpx.codes.OK, (name, field, answer.text)
                data = answer.json()["data"]
                for row in data if isinstance(data, list) else [data]:
                    assert {*row} == {field}, (name, field)
        for part in INCLUDES:
            answer = client.get("/v1/customers/C-001", params={"include": part})
            if "customers:read" not in scopes:
                assert is_problem(answer, "scope_missing"), part
            else:
                whole = client.get("/v1/customers/C-001")
                assert answer.status_code == whole.status_code, part
                if answer.is_success:
                    assert {*answer.json()["data"]} - {*whole.json()["data"]} == {part}


@pytest.mark.parametrize("key", KEYS)
def test_who_may_read_which_list_whole(key: str, stand: Stand) -> None:
    scopes, rows = KEYS[key]
    for one in EVERYTHING:
        answer = stand.get(f"{one.path}.csv", key, **NEEDED.get(one.name, {}))
        if not {one.scope, Scope.EXPORTS_READ} <= {*scopes}:
            assert is_problem(answer, "scope_missing"), one.name
        elif needs_all(one) and rows != "all":
            assert is_problem(answer, "rows_not_all"), one.name
        else:
            assert answer.status_code == httpx.codes.OK, (one.name, answer.text)


def test_every_route_of_the_reference_is_in_a_table() -> None:
    listed = {path for one in EVERYTHING for path in (one.path, f"{one.path}.csv")}
    known = [path for path, _ in SINGLE.values()]
    left = {
        path
        for path in {*openapi()["paths"]} - listed - FOR_ALL
        if not any(path == one or path.startswith(f"{one}/") for one in HAVE_THEIR_OWN)
        and not any(re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), one) for one in known)
    }
    assert left == set()
