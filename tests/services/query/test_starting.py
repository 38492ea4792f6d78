"""Query is ready in under two seconds: what takes long to import, and it does not need, it does not load."""

import subprocess
import sys

import pytest

SLOW = {"cryptography.x509", "fastapi", "faststream", "holidays", "opentelemetry.sdk", "pyarrow"}
OF_QUERY = {"httpcore", "httpx", "joserfc", "pygments", "rich", "services.query.api.openapi", "typer"}
"""Imported where something is sent to the door, a provider signs people in, Kafka asks for tokens, or the reference is
asked for.
"""


@pytest.mark.parametrize(("module", "slow"), [("services.query.app", SLOW | OF_QUERY), ("operations.jobs.app", SLOW)])
def test_what_is_slow_is_not_imported(module: str, slow: set[str]) -> None:
    script = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=600)
    assert slow & {*done.stdout.split()} == set()
