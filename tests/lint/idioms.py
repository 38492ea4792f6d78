"""Idioms that people stumble over, and better words. CI rejects them in texts of the product, its help and its docs."""

import re
from typing import NamedTuple


class Idiom(NamedTuple):
    """A pattern, and what to write instead."""

    pattern: re.Pattern[str]
    instead: str


def _idiom(pattern: str, instead: str) -> Idiom:
    return Idiom(re.compile(pattern, re.IGNORECASE), instead)


IDIOMS = (
    _idiom(r"\bwhom nobody\b", "customers without an owner"),
    _idiom(r"\bthere shall be\b", "new partition count"),
    _idiom(r"\bin work\b(?! for)", "being processed"),
    _idiom(r"\bwould come of it\b", "what would change"),
    _idiom(r"\bstands? twice\b", "is repeated"),
    _idiom(r"\bwere told is\b", "acknowledged events are safe"),
    _idiom(r"\bthe rest is live's\b", "the rest is left to live traffic"),
    _idiom(r"\bis valid no more\b|\bstands no more\b|\bthat no more\b", "no longer"),
    _idiom(
        r"(?<!there )\bis no (?:number|time|position|sample|multiple|field|encoding|format|time "
        r"zone)\b",
        "is not a ...",
    ),
    _idiom(r"\bis \S+ meant\?|\bmeant to be it\b", "did you mean ...?"),
    _idiom(r"\b(?:is|are) (?:not )?expected(?:, not)?\s*$", "expected ..."),
    _idiom(r"\b(?:cannot|can) be had\b", "can't start, is not available"),
    _idiom(r"\bfor ever\b", "forever"),
    _idiom(r"\bsomebody else's business\b", "is not managed"),
    _idiom(r"\bbegins? anew\b|\bmade anew\b|\bread anew\b", "again, start over"),
    _idiom(r"\ba slip of the pen\b", "a typo"),
    _idiom(r"\bspoilt\b", "damaged"),
    _idiom(r"\bwhatever its name says\b", "despite its name"),
    _idiom(r"\bdata base\b", "database"),
)


def found_in(text: str) -> list[Idiom]:
    """The idioms of a text."""
    flat = " ".join(text.split())
    return [idiom for idiom in IDIOMS if idiom.pattern.search(flat)]
