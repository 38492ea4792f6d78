"""Free text of facts: every field that may hold one has the type by which it is taken off the log."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from shared.events.registry import FACTS
from shared.events.texts import NO_TEXT, as_sent, chars, cut, kept_of, text_fields, with_texts
from shared.events.types import MAX_TEXT_CHARS, TextRef

WITH_TEXT = [entry for entry in FACTS.values() if as_sent(entry.fact) is not entry.fact]


def _texts_without_reference(schema: Any, at: str) -> Iterator[str]:
    if isinstance(schema, dict):
        options = schema.get("anyOf", [schema])
        refers = any(str(one.get("$ref", "")).endswith("/TextRef") for one in options)
        if any(one.get("maxLength") == MAX_TEXT_CHARS for one in options) and not refers:
            yield at
        for name, part in schema.items():
            if name != "anyOf":
                yield from _texts_without_reference(part, f"{at}.{name}")


@pytest.mark.parametrize("name", FACTS)
def test_a_field_of_free_text_is_written(name: str) -> None:
    assert [*_texts_without_reference(FACTS[name].fact.model_json_schema(), name)] == []


@pytest.mark.parametrize("entry", WITH_TEXT, ids=lambda entry: entry.name)
def test_the_doors_take_texts_and_no_references(entry: Any) -> None:
    assert "TextRef" not in entry.door.model_json_schema().get("$defs", {})
    assert text_fields(entry.door) == NO_TEXT


def test_a_reference_that_is_sent_is_refused() -> None:
    data = {"concern_id": "1", "kind": "complaint", "severity": "major", "about": {"text_id": "text:0", "chars": 1}}
    FACTS["guanxi.concern.raised.v1"].fact.model_validate(data)
    with pytest.raises(ValidationError):
        FACTS["guanxi.concern.raised.v1"].door.model_validate(data)


def test_texts_are_taken_wherever_they_are_nested() -> None:
    data = {"consensus": "a", "purpose": None, "needs": "", "follow_ups": [{"what": "b"}, {"what": "c", "owner": "d"}]}
    taken: dict[str, str] = {}
    fields = text_fields(FACTS["guanxi.visit.logged.v1"].fact)
    assert with_texts(data, fields, taken.setdefault) == data
    assert taken == {"consensus": "a", "follow_ups/0/what": "b", "follow_ups/1/what": "c"}


def test_what_folds_ask_of_a_text_needs_no_text() -> None:
    reference = TextRef(text_id="text:0", chars=3)
    assert [chars(one) for one in (reference, " ①②③\n", "", None)] == [3, 3, 0, 0]
    assert [kept_of(one, 3) for one in (reference, "abc", "abcd", None)] == ["text:0", "abc", "ab…", None]
    assert cut("abcd", 4) == "abcd"
