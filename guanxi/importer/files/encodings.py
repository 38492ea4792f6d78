"""The encoding of a text: what a mapping may name, and what is found by looking. Pure.

charset-normalizer, asked about headers and a few names, took Korean and Big5 for Chinese and German for Polish; short
samples are what files begin with, so the few encodings that are told apart here are told by what makes each of them
likely.
"""

import codecs
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""What byte order marks say; the longer one first where one begins another."""
MAX_SAMPLE_LINES = 400
_GOOD_TO_BAD = 9
_RUN = 0.8
"""Share of the characters beyond ASCII that stand beside another one: nearly all in Chinese, Japanese and Korean, few
in the West, where an accent is followed by a plain letter."""
_COMMON = 0.75
_EASTERN: tuple[tuple[str, frozenset[int]], ...] = (
    ("gb18030", frozenset(range(0xA1, 0xA4)) | frozenset(range(0xB0, 0xD8))),
    ("big5", frozenset(range(0xA1, 0xC7))),
    ("shift_jis", frozenset(range(0x81, 0x98))),
    ("euc_kr", frozenset(range(0xA1, 0xA4)) | frozenset(range(0xB0, 0xC9))),
)
"""Encodings of two bytes a character, with the first bytes of their punctuation and common characters; the likeliest
first."""
_KOREAN_CHARS = 12
"""So many characters, all of them Korean syllables, are hardly Chinese by chance: half of that has other first
bytes."""
_WESTERN = ("cp1252", "cp1251", "cp1250")


@dataclass(frozen=True, slots=True)
class Found:
    """An encoding; `sure` unless another one would read the same text as well."""

    name: str
    sure: bool = True


def known_encoding(name: str) -> str | None:
    """Python's own name of an encoding of text, None for what is none."""
    try:
        return codecs.lookup(name).name if "a".encode(name).decode(name) == "a" else None
    except (LookupError, UnicodeError, TypeError):
        return None


def by_lines(encoding: str) -> bool:
    """Whether lines can be parted before they are decoded: their ends, quotes and commas are ASCII's bytes."""
    plain = '\r\n,";\t'
    return plain.encode(encoding) == plain.encode()


def from_mark(head: bytes) -> str | None:
    """What the byte order mark says, or the zeros of UTF-16 without one."""
    for mark, name in MARKS:
        if head.startswith(mark):
            return name
    even, odd = head[0:512:2], head[1:512:2]
    if odd.count(0) > len(odd) // 2 and not even.count(0):
        return "utf-16-le"
    if even.count(0) > len(even) // 2 and not odd.count(0):
        return "utf-16-be"
    return None


def foreign_lines(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The first lines that are not ASCII, which is all that tells an encoding."""
    return itertools.islice((line for line in lines if not line.isascii()), MAX_SAMPLE_LINES)


def look(sample: Sequence[bytes]) -> Found:
    """The encoding of lines that are not ASCII; UTF-8 when nearly all of them are, as the odd one may be broken."""
    good = sum(_decoded(line, "utf-8") is not None for line in sample)
    if good >= _GOOD_TO_BAD * (len(sample) - good):
        return Found("utf-8")
    text = b"\n".join(sample)
    eastern = _eastern(text)
    if eastern is not None:
        return eastern
    scores = {name: _letters(text, name) for name in _WESTERN}
    return Found(max(_WESTERN, key=lambda name: scores[name]), sure=False)


def _eastern(text: bytes) -> Found | None:
    scores = {name: score for name, common in _EASTERN if (score := _score(text, name, common)) is not None}
    if not scores:
        return None
    best = max(scores, key=lambda name: scores[name])
    if "euc_kr" in scores and scores["euc_kr"] == 1.0 and sum(byte > 0x7F for byte in text) >= 2 * _KOREAN_CHARS:
        best = "euc_kr"
    return Found(best, sure=best == "gb18030")


def _score(text: bytes, encoding: str, common: frozenset[int]) -> float | None:
    """How many of the characters beyond ASCII are common; None when this is not the encoding."""
    read = _decoded(text, encoding)
    if read is None:
        return None
    foreign = [char for char in read if not char.isascii()]
    beside = sum(
        not char.isascii() and (not before.isascii() or not after.isascii())
        for before, char, after in zip("\n" + read, read, read[1:] + "\n", strict=False)
    )
    score = sum(char.encode(encoding)[0] in common for char in foreign) / len(foreign)
    return score if beside >= _RUN * len(foreign) and score >= _COMMON else None


def _letters(text: bytes, encoding: str) -> float:
    """How word-like the text is: letters beside letters of their own kind."""
    read = text.decode(encoding, "replace")
    score = 0
    for before, char, after in zip("\n" + read, read, read[1:] + "\n", strict=False):
        if char.isascii():
            continue
        cyrillic = "\u0400" <= char <= "\u04ff"
        latin_near = any(near.isascii() and near.isalpha() for near in (before, after))
        inside = before.islower() and char.isupper()
        score += 1 if char.isalpha() and not (cyrillic and latin_near) and not inside else -1
        score -= not cyrillic and char.isalpha() and not latin_near and before.isalpha() and after.isalpha()
    return score


def _decoded(text: bytes, encoding: str) -> str | None:
    try:
        return text.decode(encoding)
    except UnicodeDecodeError:
        return None
