"""Every text of the console is in Chinese too; money is in 万 and 亿."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

from services import ingest
from services.planning.catalogue_file import make_catalogues
from services.planning.rows import DIMENSIONS
from services.planning.rules.objectives import METRICS, Outcome
from services.planning.rules.progress import StepStatus, Track
from services.query.api.rows import Fate
from services.query.console.forms import FORMS
from services.query.console.pages import TEMPLATES
from services.query.console.roles import ROLES
from services.query.console.said import MOST_CHARS
from services.query.console.screens import SCREENS
from services.query.console.screens.refused import CHANGES
from services.query.console.screens.why import BEHIND
from services.query.console.words import words
from shared.events.decisions import Cause
from shared.events.refusal import Reason
from shared.events.registry import MODELS
from shared.events.types import TIERS
from shared.subscriptions import TYPES, Status

ZONE = ZoneInfo("Asia/Shanghai")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def of_templates() -> Iterator[str]:
    """What stands in _(...)."""
    for path in sorted(TEMPLATES.glob("*.html")):
        options = {"trim_blocks": "true", "lstrip_blocks": "true"}
        with path.open("rb") as file:
            for _, _, said, _ in babel_extract(file, ("_",), (), options):
                yield from (one for one in (said if isinstance(said, tuple) else (said,)) if one)


def of_code() -> Iterator[str]:
    """Titles, labels, hints and choices; and codes that rows have."""
    for screen in SCREENS:
        yield screen.title
        yield screen.now_only
        yield from (tile.title for tile in screen.tiles)
        yield from screen.says.values()
    for form in FORMS.values():
        yield from (form.title, form.send, form.done)
        for field in form.fields:
            yield field.label
            yield field.hint
            yield from (str(label) for _, label in field.choices)
    yield from (label for _, label in CHANGES)
    source = Path(TEMPLATES.parent / "drawn.py").read_text(encoding="utf-8")
    yield from re.findall(r'self\._\("([^"]+)"\)', source)
    yield from (*TIERS, *ROLES, *BEHIND, *map(str, Reason), *get_args(Cause))
    yield from (name.removeprefix("guanxi.").removesuffix(".v1") for name in (*MODELS, *TYPES))
    yield from (*get_args(Status), "pinging", "dead")
    yield from (*DIMENSIONS, *METRICS, *get_args(Outcome), *get_args(Track), "not_owed", *get_args(StepStatus))
    yield from (one for of in make_catalogues() for one in of.quotas)
    yield from get_args(Fate.model_fields["status"].annotation)


def test_every_text_has_chinese() -> None:
    with (Path(TEMPLATES).parent / "zh.po").open("rb") as file:
        known = {str(one.id) for one in read_po(file) if one.string}
    texts = {
        one.replace("_", " ").replace(".", " ") if one.islower() and " " not in one else one for one in of_code() if one
    }
    assert sorted({*of_templates(), *texts} - known) == []


WITHIN = Path(ingest.__file__).parent
SAYING = {"Refused", "Malformed", "ValueError", "PydanticCustomError", "_invalid", "_bad", "Guess", "Kind"}
"""Whose arguments people read, where a file is tried or an event refused."""
BY_COMMAND = (
    "plan.py",
    "refused_file.py",
    "riding.py",
    "run.py",
    "terminal.py",
    "summary.py",
    "outcomes.py",
    "adapters.py",
)
"""What the command says alone: its options, and how far it is."""
NOT_IN_FILES = ("erasing.py", "people.py", "from_log.py", "hints.py", "quick.py")
"""Of other doors, or of events that no file makes."""


def sentences() -> Iterator[str]:
    """What the file door and admission say, with 7 for each value."""
    for path in sorted([*(WITHIN / "doors" / "files").rglob("*.py"), *(WITHIN / "admit").glob("*.py")]):
        if path.name not in (*BY_COMMAND, *NOT_IN_FILES):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                yield from (text for said in _said_by(node) for text in _texts(said))


def _said_by(node: ast.AST) -> Iterator[ast.expr]:
    called = node.func if isinstance(node, ast.Call) else None
    if getattr(called, "id", getattr(called, "attr", "")) in SAYING and isinstance(node, ast.Call):
        yield from node.args
    if isinstance(node, ast.Call):
        yield from (one.value for one in node.keywords if one.arg == "unsure")
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "hint":
        yield node.value


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from (*_texts(node.body), *_texts(node.orelse))
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(one.value) if isinstance(one, ast.Constant) else "7" for one in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def test_what_doors_say_of_a_file_is_chinese_too() -> None:
    said = {one for one in sentences() if re.search("[a-z]{2,}[^7]* ", one)}
    assert len(said) > 100, "or they are looked for in the wrong place"
    assert sorted(one for one in said if not CHINESE.search(words("zh", ZONE).said(one))) == []


@pytest.mark.parametrize(
    ("said", "chinese"),
    [
        ("data.currency: no column has the currency", "data.currency：没有列含有币种"),
        ("amount is required; see also data.id", "需要 amount；另见 data.id"),
        ("cells separated by semicolons, header on line 3", "以分号分隔，表头在第 3 行"),
        ("'x' is neither a format such as %d.%m.%Y nor y", "'x' 既不是 %d.%m.%Y 之类的格式，也不是 y"),
        ("the file is empty", "文件为空"),
        ("what nobody has translated", "what nobody has translated"),
    ],
)
def test_values_of_a_sentence_stay(said: str, chinese: str) -> None:
    assert words("zh", ZONE).said(said) == chinese
    assert words("en", ZONE).said(said) == said


def test_a_long_text_is_not_searched() -> None:
    long = f"{'x: ' * MOST_CHARS}y"
    assert words("zh", ZONE).said(long) == long


def test_placeholders_are_kept() -> None:
    for name in ("zh.po", "zh_said.po"):
        for one in read_po((TEMPLATES.parent / name).read_text(encoding="utf-8").splitlines(keepends=True)):
            if one.id and one.python_format:
                names = {part.partition(")")[0] for part in str(one.id).split("%(")[1:]}
                assert names == {part.partition(")")[0] for part in str(one.string).split("%(")[1:]}, one.id


def test_money_and_days() -> None:
    chinese, english = words("zh", ZONE), words("en", ZONE)
    assert chinese.money("128400000.00") == "1.3亿"
    assert chinese.money("12800") == "1.3万"
    assert english.money("128400000.00") == "128.4m"
    assert chinese.day("2026-03-02") == "2026年3月2日"
    assert chinese.word("strategic") == "战略"


@pytest.mark.parametrize(
    ("share", "said"),
    [(0, "0%"), (0.003, "<1%"), (0.01, "1%"), (0.5, "50%"), (0.99, "99%"), (0.997, ">99%"), (1, "100%"), (1.2, "120%")],
)
def test_a_small_share_is_not_none_and_a_large_one_not_all(share: float, said: str) -> None:
    for language in ("en", "zh"):
        assert words(language, ZONE).percent(share) == said
