"""Every text of the console is in Chinese too; money is in 万 and 亿."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

from services.query.console.forms import FORMS
from services.query.console.pages import TEMPLATES
from services.query.console.roles import ROLES
from services.query.console.screens import SCREENS
from services.query.console.screens.why import BEHIND
from services.query.console.words import words
from shared.events.decisions import Cause
from shared.events.refusal import Reason
from shared.events.registry import MODELS
from shared.events.types import TIERS
from shared.subscriptions import TYPES, Status

ZONE = ZoneInfo("Asia/Shanghai")


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
    source = Path(TEMPLATES.parent / "drawn.py").read_text(encoding="utf-8")
    yield from re.findall(r'self\._\("([^"]+)"\)', source)
    yield from (*TIERS, *ROLES, *BEHIND, *map(str, Reason), *get_args(Cause))
    yield from (name.removeprefix("guanxi.").removesuffix(".v1") for name in (*MODELS, *TYPES))
    yield from (*get_args(Status), "pinging", "dead")


def test_every_text_has_chinese() -> None:
    with (Path(TEMPLATES).parent / "zh.po").open("rb") as file:
        known = {str(one.id) for one in read_po(file) if one.string}
    texts = {
        one.replace("_", " ").replace(".", " ") if one.islower() and " " not in one else one for one in of_code() if one
    }
    assert sorted({*of_templates(), *texts} - known) == []


def test_placeholders_are_kept() -> None:
    with (Path(TEMPLATES).parent / "zh.po").open("rb") as file:
        for one in read_po(file):
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
