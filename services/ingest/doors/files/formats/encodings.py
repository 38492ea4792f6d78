"""The encoding of a text: what a mapping may name, and how it is detected. Pure.

With headers and a few names, charset-normalizer took Korean and Big5 for Chinese, and German for Polish. Files start
with such short samples, so this module distinguishes a few encodings by what makes each likely.
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
"""Encodings by byte order mark; the longer first where one is a prefix of another."""
MAX_SAMPLE_LINES = 400
_GOOD_TO_BAD = 9
_RUN = 0.8
"""Share of the non-ASCII characters that are next to another one: nearly all in Chinese, Japanese and Korean, few
in the West, where an accent is followed by a plain letter."""
_COMMON = 0.75
_EASTERN: tuple[tuple[str, frozenset[int]], ...] = (
    ("gb18030", frozenset(range(0xA1, 0xA4)) | frozenset(range(0xB0, 0xD8))),
    ("big5", frozenset(range(0xA1, 0xC7))),
    ("shift_jis", frozenset(range(0x81, 0x98))),
    ("euc_kr", frozenset(range(0xA1, 0xA4)) | frozenset(range(0xB0, 0xC9))),
)
"""Two-byte encodings, with the first bytes of their punctuation and common characters; most likely first."""
_KOREAN_CHARS = 12
"""This many characters that are all Korean syllables are hardly Chinese by chance: half of Chinese has other first
bytes."""
_WESTERN = ("cp1252", "cp1251", "cp1250")


@dataclass(frozen=True, slots=True)
class Found:
    """An encoding; `sure` unless another one fits the text equally well."""

    name: str
    sure: bool = True


def known_encoding(name: str) -> str | None:
    """Python's own name of a text encoding, None if there is none."""
    try:
        return codecs.lookup(name).name if "a".encode(name).decode(name) == "a" else None
    except (LookupError, UnicodeError, TypeError):
        return None


def by_lines(encoding: str) -> bool:
    """Whether lines can be split before decoding: line ends, quotes and commas are ASCII bytes."""
    plain = '\r\n,";\t'
    return plain.encode(encoding) == plain.encode()


def from_mark(head: bytes) -> str | None:
    """The encoding by byte order mark, or by the zeros of UTF-16 without one."""
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
    """The first non-ASCII lines, as only they tell the encoding."""
    return itertools.islice((line for line in lines if not line.isascii()), MAX_SAMPLE_LINES)


def look(sample: Sequence[bytes]) -> Found:
    """The encoding of non-ASCII lines; UTF-8 if nearly all of them are, as one may be damaged."""
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
    """How many of the non-ASCII characters are common; None if this is not the encoding."""
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
    """How word-like the text is: letters next to letters of the same kind."""
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
