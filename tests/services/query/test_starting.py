"""Query is ready in under two seconds: what takes long to import, and it does not need, it does not load."""

import subprocess
import sys

import pytest

SLOW = {"faststream", "holidays", "fastapi"}


@pytest.mark.parametrize("module", ["services.query.app", "operations.jobs.app"])
def test_what_is_slow_is_not_imported(module: str) -> None:
    script = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert not SLOW & {*done.stdout.split()}
