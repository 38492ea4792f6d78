"""Finding a customer by a part of its name, in any writing, or by the beginning of its id."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.feed.rules.terms import MAX_ASKED, MAX_TERM_CHARS, asked, terms
from services.feed.views.search import finds, search_filter
from shared.events.types import MAX_ID_CHARS, MAX_NAME_CHARS


@pytest.mark.parametrize(
    ("customer", "name", "question"),
    [
        ("C000123", "华为技术有限公司", "华为"),
        ("C000123", "华为技术有限公司", "技术有限"),
        ("C000123", "华为技术有限公司", "司"),
        ("C000123", "华为技术有限公司", "有限 华为"),
        ("C000123", "华为技术有限公司", "c0001"),
        ("ACME-001", None, "acme-0"),
        ("c", "Müller Straße GmbH", "STRASSE"),
        ("c", "ＡＢＣ　株式会社", "abc"),
        ("c", "ＡＢＣ　株式会社", "会社"),
        ("c", "Café de Paris", "cafe\u0301 par"),
        ("c", "삼성전자", "성전"),
        ("客户$.1", "x", "客户$"),
        ("c", "O'Neill & Sons (UK)", "sons uk"),
    ],
)
def test_it_is_found(customer: str, name: str | None, question: str) -> None:
    assert finds(terms(customer, name), question)


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("华为技术", "为华"),
        ("华为技术", "术技"),
        ("Acme", "cme"),
        ("Acme Ltd", "acme inc"),
        ("Acme", ""),
        ("A", " -.*"),
    ],
)
def test_it_is_not_found(name: str, question: str) -> None:
    assert not finds(terms("c1", name), question)


@given(st.text(max_size=MAX_NAME_CHARS), st.text(min_size=1, max_size=MAX_ID_CHARS))
def test_terms_are_bounded(name: str, customer: str) -> None:
    found = terms(customer, name)
    expands = 18  # NFKC makes of one character as many at most
    assert len(found) <= expands * MAX_NAME_CHARS + 1
    assert all(len(term) <= MAX_TERM_CHARS for term in found)


@given(st.text(max_size=400))
def test_a_question_is_bounded(question: str) -> None:
    whole, words = asked(question)
    assert len(whole) <= MAX_TERM_CHARS
    assert len(words) <= MAX_ASKED


@given(st.text("华为技术有限公司深圳市ab c-1", min_size=1, max_size=12), st.data())
def test_every_part_of_an_undivided_name_finds_it(name: str, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(name) - 1))
    end = data.draw(st.integers(begin + 1, len(name)))
    part = name[begin:end]
    if all(ord(char) > 0x3000 for char in part):
        assert finds(terms("zz", name), part)


def test_signs_of_a_pattern_mean_themselves() -> None:
    whole, words = {"terms": {"$regex": "^a\\.\\*b"}}, [{"terms": {"$regex": "^a"}}, {"terms": {"$regex": "^b"}}]
    assert search_filter("a.*b") == {"$or": [whole, {"$and": words}]}
    assert search_filter("...") is None
