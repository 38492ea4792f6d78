"""What is private of a stored document is declared once and left out by every view."""

import pytest

from services import SERVICES
from shared.fold.private import PRIVATE, Bookkeeping
from shared.mongo.schema import Schema, View

VIEWS = [(service.schema, view) for service in SERVICES.values() for view in service.schema.views]


def test_all_that_the_processor_keeps_is_private() -> None:
    assert {*Bookkeeping.__annotations__} < {*PRIVATE}


@pytest.mark.parametrize(("schema", "view"), VIEWS, ids=lambda one: getattr(one, "name", ""))
def test_every_view_of_documents_ends_by_leaving_out_what_is_private(schema: Schema, view: View) -> None:
    *_, last = schema.definition(view, str.upper)["pipeline"]
    if view.generational:
        assert {*last["$unset"]} == {*PRIVATE, *schema.private}
    else:
        assert view.on in schema.plain_collections, "it begins with what nobody folds"


def test_a_new_private_field_is_left_out_by_every_view(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.mongo.schema.PRIVATE", (*PRIVATE, "planted"))
    for schema, view in VIEWS:
        if view.generational:
            assert "planted" in schema.definition(view, str.upper)["pipeline"][-1]["$unset"]
