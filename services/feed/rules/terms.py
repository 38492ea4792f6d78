"""By what a customer is found: the id, the words of its name, and pairs of characters where words are not divided.

Texts are compared in NFKC and case-folded. A term is found by its beginning; of Chinese, Japanese and Korean every two
characters that follow one another are a term, and the last one alone, so that any part of a name is found.
"""

import re
import unicodedata
from collections.abc import Iterator

MAX_TERM_CHARS = 64
"""More of a word or an id is not looked at."""
MAX_ASKED = 8
"""Terms of a question that are looked at; more do not make it narrower."""
_UNDIVIDED = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_PARTS = re.compile(rf"[{_UNDIVIDED}]+|[^\W_{_UNDIVIDED}]+")
_IS_UNDIVIDED = re.compile(rf"[{_UNDIVIDED}]")


def folded(text: str) -> str:
    """The form in which texts are compared."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def terms(customer: str, name: str | None) -> list[str]:
    """The terms of a customer, each once. At most two and the characters of the name (MAX_NAME_CHARS) are many."""
    found = [folded(customer)[:MAX_TERM_CHARS], *_terms_of(name or "")]
    return list(dict.fromkeys(found))


def _terms_of(text: str) -> Iterator[str]:
    for part in _PARTS.findall(folded(text)):
        if _IS_UNDIVIDED.match(part):
            yield from (part[place : place + 2] for place in range(len(part)))
        else:
            yield part[:MAX_TERM_CHARS]


def asked(text: str) -> tuple[str, list[str]]:
    """What a question looks for: the whole as the beginning of an id, or each of these as the beginning of a term."""
    whole = folded(text).strip()[:MAX_TERM_CHARS]
    found: list[str] = []
    for part in _PARTS.findall(whole):
        pairs = [part[place : place + 2] for place in range(max(1, len(part) - 1))]
        found += pairs if _IS_UNDIVIDED.match(part) else [part]
    return whole, list(dict.fromkeys(found))[:MAX_ASKED]
