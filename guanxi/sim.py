"""`guanxi-sim`: the seeded simulation of tests/sim, from a checkout of the repository."""

import importlib
import sys
from pathlib import Path

from guanxi.stack.paths import REPOSITORY

SIMULATION = "tests.sim.__main__"


def main() -> int:
    """Run it with this process's arguments; gives the exit code. It is part of the tests, so not of an installation."""
    if not (Path(REPOSITORY) / "tests" / "sim").is_dir():
        sys.stderr.write("guanxi-sim runs from a checkout of the repository: the simulation is part of its tests\n")
        return 2
    sys.path.insert(0, str(REPOSITORY))
    code: int = importlib.import_module(SIMULATION).main()
    return code


if __name__ == "__main__":
    sys.exit(main())
