"""Every rule that CI checks bites: a violation of each, planted in a copy of the tree, is found."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_REPOSITORY = Path(__file__).parents[2]
_BIN = Path(sys.executable).parent
_COPIED = ("guanxi", "local", "operations", "services", "shared", "tests/lint", "pyproject.toml")


@dataclass(frozen=True)
class Planted:
    """rule: id of the contract that must break, or ruff's or mypy's code."""

    rule: str
    file: str
    line: str


_IMPORTS = [
    Planted("pure", "services/planted/domain.py", "import time"),
    Planted("pure", "services/planted/domain.py", "import os"),
    Planted("pure", "services/planted/domain.py", "from random import random"),
    Planted("pure", "services/planted/domain.py", "import uuid"),
    Planted("pure", "services/planted/domain.py", "import secrets"),
    Planted("pure", "services/planted/domain.py", "import asyncio"),
    Planted("pure", "services/planted/domain.py", "import bson"),
    Planted("pure", "services/planted/domain.py", "import fastapi"),
    Planted("pure", "services/planted/domain.py", "import shared.settings"),
    Planted("pure", "services/planted/domain/deep/rule.py", "def f():\n    import pymongo"),
    Planted("pure", "services/planted/rows.py", "import aiokafka"),
    Planted("pure", "services/planted/policy.py", "import time"),
    Planted("pure", "services/planted/rules.py", "from motor import motor_asyncio"),
    Planted("services", "services/planted/handlers.py", "import services.other.handlers"),
    Planted("local", "guanxi/commands/planted.py", "from local.stack.errors import failed"),
    Planted("layers", "operations/planted.py", "import guanxi.console"),
    Planted("layers", "services/planted/handlers.py", "import guanxi.cli"),
    Planted("layers", "shared/planted.py", "import services.planted"),
    Planted("events", "shared/events/planted.py", "import os"),
    Planted("events", "shared/events/planted.py", "import shared.planted_clock"),
    Planted("events", "shared/policies/planted.py", "import random"),
    Planted("mongo-driver", "services/planted/handlers.py", "from bson import ObjectId"),
    Planted("mongo-driver", "services/planted/app.py", "import pymongo"),
    Planted("mongo-driver", "guanxi/commands/planted.py", "import motor.motor_asyncio"),
    Planted("kafka-driver", "services/planted/store.py", "import aiokafka"),
    Planted("kafka-driver", "services/planted/http.py", "from faststream.kafka import KafkaBroker"),
    Planted("kafka-driver", "shared/planted.py", "import aiokafka.admin"),
    Planted("faststream", "shared/kafka/planted.py", "import faststream"),
    Planted("starts-quickly", "services/query/planted.py", "import shared.kafka.reader"),
]

_RUFF = [
    Planted("TID251", "services/planted/domain.py", "from datetime import UTC, datetime\n\nNOW = datetime.now(UTC)"),
    Planted("TID251", "services/planted/rows.py", "from datetime import date\n\nTODAY = date.today()"),
    Planted("DTZ005", "shared/planted.py", "from datetime import datetime\n\nNOW = datetime.now()"),
    Planted("BLE001", "shared/planted.py", "try:\n    X = 1\nexcept Exception:\n    X = 2"),
    Planted("T201", "services/planted/app.py", "print('x')"),
    Planted("S301", "services/planted/app.py", "import pickle\n\npickle.loads(b'')"),
    Planted("E501", "shared/planted.py", "X = '" + "x" * 120 + "'"),
    Planted("F401", "shared/planted.py", "import json"),
    Planted("ERA001", "shared/planted.py", "# x = compute(1)"),
]

_MYPY = [
    Planted(
        "typeddict-unknown-key",  # what the processor keeps of a key and nobody has declared to be private
        "shared/planted.py",
        "from shared.fold.private import Bookkeeping\n\n\nkept: Bookkeeping = {}\nkept['planted'] = 1",
    ),
    Planted("no-untyped-def", "shared/planted.py", "def f(x):\n    return x"),
    Planted("return-value", "shared/planted.py", "def f() -> int:\n    return 'x'"),
    Planted("type-arg", "shared/planted.py", "def f(x: list) -> None:\n    del x"),
    Planted(
        "call-arg",  # the pydantic plugin
        "shared/planted.py",
        "from pydantic import BaseModel\n\n\nclass M(BaseModel):\n    x: int\n\n\nM()",
    ),
]


@pytest.fixture(scope="module")
def clean_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("tree")
    for name in _COPIED:
        source, target = _REPOSITORY / name, tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
    (tree / "shared" / "planted_clock.py").write_text("import time\n\nNOW = time.time\n", encoding="utf-8")
    for service in ("planted", "other"):
        (tree / "services" / service).mkdir()
        (tree / "services" / service / "__init__.py").touch()
        (tree / "services" / service / "handlers.py").touch()
    return tree


@pytest.fixture
def plant(clean_tree: Path) -> Iterator["Planter"]:
    planter = Planter(clean_tree)
    yield planter
    planter.weed()


class Planter:
    """Puts a file into the tree, and takes it out again."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self._undo: list[tuple[Path, str | None]] = []

    def __call__(self, planted: Planted) -> Path:
        path = self.tree / planted.file
        for folder in (path.parent.parent, path.parent):
            folder.mkdir(exist_ok=True)
            if not (folder / "__init__.py").exists() and folder.is_relative_to(self.tree / "services"):
                (folder / "__init__.py").touch()
        self._undo.append((path, path.read_text(encoding="utf-8") if path.exists() else None))
        path.write_text(planted.line + "\n", encoding="utf-8")
        return path

    def weed(self) -> None:
        for path, before in self._undo:
            if before is None:
                path.unlink()
            else:
                path.write_text(before, encoding="utf-8")
        shutil.rmtree(self.tree / "services" / "planted" / "domain", ignore_errors=True)


def _run(tree: Path, *command: str) -> tuple[int, str]:
    done = subprocess.run(
        [str(_BIN / command[0]), *command[1:]], cwd=tree, capture_output=True, text=True, check=False, timeout=100
    )
    return done.returncode, done.stdout + done.stderr


def _lint_imports(tree: Path, *contracts: str) -> tuple[int, str]:
    return _run(tree, "lint-imports", "--no-cache", "--no-logo", *(f"--contract={id_}" for id_ in contracts))


def test_the_tree_as_it_is_keeps_every_import_contract(clean_tree: Path) -> None:
    code, said = _lint_imports(clean_tree)
    assert code == 0, said


@pytest.mark.parametrize("rule", sorted({planted.rule for planted in _IMPORTS}))
def test_imports_against_the_rules_are_found(plant: Planter, rule: str) -> None:
    """All of one contract in one run, which costs a second."""
    lines: dict[str, list[str]] = {}
    for planted in (one for one in _IMPORTS if one.rule == rule):
        lines.setdefault(planted.file, []).append(planted.line)
    for file, planted_lines in lines.items():
        plant(Planted(rule, file, "\n".join(planted_lines)))
    code, said = _lint_imports(plant.tree, rule)
    assert code == 1, said
    broken = [line.split() for line in said.splitlines()]
    for file, planted_lines in lines.items():
        importer = file.removesuffix(".py").replace("/", ".")
        for line in planted_lines:
            imported = re.search(r"(?:from|import) ([\w.]+)", line)
            assert imported is not None
            names = {imported[1], imported[1].partition(".")[0]}  # other packages are known by their root
            assert any(importer in words and names & set(words) for words in broken), f"{importer}: {line}\n{said}"


def test_what_is_allowed_is_not_found(plant: Planter) -> None:
    pure = "from decimal import Decimal\n\nimport shared.events\nimport zoneinfo"
    plant(Planted("", "services/planted/domain.py", pure))
    plant(Planted("", "services/planted/rows.py", "import services.planted.domain"))
    plant(Planted("", "services/planted/store.py", "import pymongo"))
    plant(Planted("", "services/planted/app.py", "import shared.kafka.broker"))
    _, said = _lint_imports(plant.tree)
    assert "services.planted" not in said


@pytest.mark.parametrize("planted", _RUFF, ids=lambda p: p.rule)
def test_ruff_finds(plant: Planter, planted: Planted) -> None:
    path = plant(planted)
    code, said = _run(plant.tree, "ruff", "check", "--no-cache", "--output-format=concise", str(path))
    assert code == 1, said
    assert planted.rule in said


def test_mypy_finds(plant: Planter) -> None:
    """All of them in one run, which costs seconds."""
    code_of = "\n\n".join(
        f"def case_{number}() -> None:\n" + "\n".join(f"    {line}" if line else "" for line in case.line.splitlines())
        for number, case in enumerate(_MYPY)
    )
    path = plant(Planted("", "shared/planted.py", code_of))
    code, said = _run(plant.tree, "mypy", "--no-error-summary", "--cache-dir=.mypy_cache", str(path))
    assert code == 1, said
    assert [case.rule for case in _MYPY if f"[{case.rule}]" not in said] == []
