"""`make mutants`, or `python -m tests.mutants`: change the core's code in small ways and see whether a test notices.

Each mutant runs its module's tests in a forked process, the quickest tests first, until one fails. A mutant that no
test notices is printed: either a test is missing, or the change means nothing.
"""

import argparse
import ast
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from tests.mutants.mutate import Mutant, mutants

ROOT = Path(__file__).parents[2]
PRELOADED = (
    "pytest",
    "hypothesis",
    "pydantic",
    "pymongo",
    "motor.motor_asyncio",
    "aiokafka",
    "faststream.kafka",
    "yaml",
)
LIMIT_SECONDS = 180
SAMPLED = 25
SIMULATION = (
    "tests/sim/test_simulation.py::test_every_promise_holds_whatever_goes_wrong",
    "tests/sim/test_simulation.py::test_every_promise_holds_for_tiering_and_engagement",
)
FOLD = (
    "tests/shared/test_entity.py",
    "tests/shared/test_processor.py",
    "tests/shared/test_repair.py",
    "tests/services/engagement/test_contact.py",
    *SIMULATION,
)
ADMISSION = (
    "tests/services/ingest/test_claims.py",
    "tests/services/ingest/test_admit.py",
    "tests/services/ingest/test_people.py",
    "tests/services/ingest/test_admission.py",
    *SIMULATION,
)
TIERING = ("tests/services/tiering", "tests/laws/test_tiering_equals_oracle.py")
ENGAGEMENT = ("tests/services/engagement", "tests/laws/test_engagement_equals_oracle.py")
MODULES: dict[str, Sequence[str]] = {
    "shared.fold.entity": FOLD,
    "shared.fold.processor": FOLD,
    "services.ingest.domain.claims": ADMISSION,
    "services.ingest.domain.admit": ADMISSION,
    "services.ingest.admission": ADMISSION,
    "services.tiering.domain": TIERING,
    "services.tiering.rules.decide": TIERING,
    "services.tiering.rules.evolve": TIERING,
    "services.tiering.rules.tiers": TIERING,
    "services.engagement.domain": ENGAGEMENT,
    "services.engagement.rules.deciding": ENGAGEMENT,
    "services.engagement.rules.contact": ENGAGEMENT,
}


@dataclass
class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module from a changed tree."""

    name: str
    tree: ast.Module
    path: Path

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=str(self.path))

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.tree, str(self.path), "exec"), module.__dict__)  # noqa: S102 - that is the point


def noticed(name: str, path: Path, mutant: Mutant, tests: Sequence[str]) -> bool:
    """Whether a test fails, or does not come to an end."""
    child = os.fork()
    if child == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        sys.meta_path.insert(0, _Changed(name, mutant.tree, path))
        pytest = importlib.import_module("pytest")
        options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not real and not slow"]
        os._exit(int(pytest.main([*options, *tests])))
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) != 0
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", help=f"some of: {', '.join(MODULES)}")
    parser.add_argument("--sample", type=int, default=SAMPLED, help="mutants of each module, 0 for all")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    options = parser.parse_args()
    os.chdir(ROOT)
    for name in PRELOADED:
        importlib.import_module(name)
    print(f"{'module':38} mutants noticed")
    made = survived = 0
    for name in options.modules or MODULES:
        path = ROOT / f"{name.replace('.', '/')}.py"
        found = list(mutants(path.read_text(encoding="utf-8")))
        taken = found
        if options.sample and len(found) > options.sample:
            taken = random.Random(options.seed).sample(found, options.sample)
        alive = [one for one in taken if not noticed(name, path, one, MODULES[name])]
        made, survived = made + len(taken), survived + len(alive)
        print(f"{name:38} {len(taken):3} of {len(found):3} {len(taken) - len(alive):4}", flush=True)
        for one in sorted(alive, key=lambda one: one.line):
            print(f"    line {one.line}: {_short(one.before)}  ->  {_short(one.after)}", flush=True)
    print(f"{made} mutants, {made - survived} noticed: {100 * (made - survived) / max(1, made):.0f} %")
    return 0


def _short(code: str) -> str:
    return " ".join(code.split())[:80]


if __name__ == "__main__":
    sys.exit(main())
