"""Sentences that other parts of guanxi say, values and all, in the reader's language: what is guessed of a file, why
something is refused. A catalogue has each with its values as %(a)s; what no entry fits stands in English. Pure.
"""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

MOST_CHARS = 600
"""Of a sentence: a longer one stands as it is, so that no text makes the patterns search for long."""
MOST_DEPTH = 4
"""Sentences within sentences."""
_VALUE = re.compile(r"%\((\w)\)s")
Entry = tuple[re.Pattern[str], str]


def translated(text: str, language: str, depth: int = MOST_DEPTH) -> str:
    """A sentence in a language."""
    entries = _entries(language)
    if depth == 0 or len(text) > MOST_CHARS:
        return text
    for pattern, said in entries:
        found = pattern.fullmatch(text)
        if found is not None:
            values = {name: translated(value, language, depth - 1) for name, value in found.groupdict().items()}
            return said % values
    return text


@cache
def _entries(language: str) -> Sequence[Entry]:
    """Those with the most words of their own first."""
    path = Path(__file__).with_name(f"{language}_said.po")
    if not path.exists():
        return ()
    with path.open("rb") as file:
        found = {str(one.id): str(one.string) for one in read_po(file) if one.id}
    return [(_pattern(text), found[text]) for text in sorted(found, key=lambda one: -len(_VALUE.sub("", one)))]


def _pattern(text: str) -> re.Pattern[str]:
    parts = _VALUE.split(text)
    literal = (re.escape(part.replace("%%", "%")) for part in parts[::2])
    named = (f"(?P<{name}>.+?)" for name in parts[1::2])
    return re.compile("".join(part for pair in zip(literal, [*named, ""], strict=True) for part in pair), re.DOTALL)
