"""docs/console.md shows each screen, and each picture that is named is there, small enough for a page."""

import re

from local.stack.paths import REPOSITORY
from services.query.console.screens import SCREENS
from tests.services.query.console.documented import FOLDER, MOST_BYTES, PICTURES

CONSOLE = (REPOSITORY / "docs" / "console.md").read_text(encoding="utf-8")
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
NAMED = re.compile(r"images/console-([a-z-]+)\.png")


def test_each_picture_that_is_named_is_there_and_is_named() -> None:
    named = {*NAMED.findall(CONSOLE), *NAMED.findall(README)}
    assert named == {name for name, *_ in PICTURES}
    assert named == {file.stem.removeprefix("console-") for file in FOLDER.glob("console-*.png")}


def test_pictures_are_light() -> None:
    heavy = {file.name: size for file in FOLDER.glob("*.png") if (size := file.stat().st_size) > MOST_BYTES}
    assert heavy == {}


def test_each_screen_of_the_menu_and_the_customer_has_a_picture_in_the_docs() -> None:
    named = {*NAMED.findall(CONSOLE)}
    shown = {path.partition("?")[0].partition("/")[0] for name, path, *_ in PICTURES if name in named}
    screens = {one.path.partition("/")[0] for one in SCREENS if one.menu or one.name == "customer"}
    assert screens <= shown
