"""Schemathesis asks the running process whatever its own reference allows, and what it does not: never a 5xx, never an
answer outside the schema.
"""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from services.query.api.openapi import openapi
from tests.services.query.stand import Stand

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]
SCHEMA: Any = schemathesis.openapi.from_dict(openapi())
OPERATIONS: list[Any] = [result.ok() for result in SCHEMA.get_all_operations()]
load_all_checks()
NAMES = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)
EXAMPLES = 25


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.path)
def test_every_answer_is_one_of_the_reference(operation: Any, mode: GenerationMode, stand: Stand) -> None:
    checks = CHECKS.get_by_names(NAMES)
    headers = {"Authorization": f"Bearer {stand.tokens['all']}"}

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        response = case.call(base_url=stand.url(), headers=headers, timeout=30)
        case.validate_response(response, checks=checks)

    try:
        ask()
    except Exception as error:
        if "Unsatisfiable" in type(error).__name__:
            return  # nothing that it takes can be wrong
        raise
