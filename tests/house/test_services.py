"""The list of services: what it knows, what it refuses, and that nothing else lists them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stack.paths import REPOSITORY
from operations.verify.findings import all_checks, chosen_checks
from services import SERVICES
from shared.errors import Stop

WALKS_THE_LIST = (
    *("operations/backup", "operations/doctor", "operations/rebuild", "operations/relog", "operations/setup"),
    *("operations/status", "operations/verify", "local/stack", "guanxi/commands", "shared"),
)
"""What must not name a service. (The demo, policies, a customer's screens are about what certain services know.)"""
FOLDING = "tiering, engagement, archives, planning, feed"
ABOUT_ITS_ROWS = {"guanxi/commands/explain.py", "guanxi/commands/customer.py"}

KINDS_OF_RECORDS = {"shared/events/facts.py", "shared/events/registry.py"}
"""Where "delivery" is a kind of record: a service that a customer was given."""


@pytest.mark.usefixtures("toy")
def test_an_unknown_service_or_check_is_refused_and_the_known_ones_are_named() -> None:
    others = "query, worker, delivery, toy"
    with pytest.raises(Stop, match=f"no service 'typo'; choose from ingest, {FOLDING}, {others}"):
        SERVICES["typo"]
    with pytest.raises(Stop, match=f"no service 'ingest' folds the log; there are {FOLDING}, toy"):
        SERVICES.folds("ingest")
    with pytest.raises(Stop, match=f"no such check: typo, ingest; choose from log, {FOLDING}, toy, views"):
        chosen_checks(["views", "typo", "ingest"])


def test_checks_are_made_in_one_order_and_all_where_none_is_named() -> None:
    assert chosen_checks([]) == all_checks() == ["log", *FOLDING.split(", "), "views"]
    assert chosen_checks(["views", "tiering"]) == ["tiering", "views"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_what_its_package_is_called(name: str) -> None:
    service = SERVICES[name]
    assert (service.name, service.schema.service) == (name, name)
    assert (REPOSITORY / "services" / name / "__main__.py").exists()


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_sharded_can_be(name: str) -> None:
    schema = SERVICES[name].schema
    assert {*schema.sharded} <= {*schema.collections, *schema.plain_collections}
    for index in schema.indexes:
        by = schema.sharded.get(index.collection)
        assert not index.unique or by in {None, index.fields[0]}, f"shards cannot keep {index} unique"


@pytest.mark.parametrize("name", SERVICES.folding)
def test_documents_are_sharded_by_id_and_rows_by_customer(name: str) -> None:
    service = SERVICES.folding[name]
    rows = {
        index.collection for index in service.schema.indexes if index.fields[0] == "customer" and index.generational
    }
    assert service.schema.sharded == {service.customers: "_id"} | dict.fromkeys(rows, "customer")


def test_every_type_of_decision_is_made_by_one_service() -> None:
    made = [name for service in SERVICES.folding.values() for name in service.decides]
    assert sorted(made) == sorted({*made})


def named_in(source: str) -> Iterator[str]:
    """Services whose names are values in a module: texts, not docstrings or names."""
    tree = ast.parse(source)
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in prose and node.value in {*SERVICES}:
            yield str(node.value)


def test_nothing_that_walks_the_list_names_a_service() -> None:
    files = [file for folder in WALKS_THE_LIST for file in (REPOSITORY / folder).rglob("*.py")]
    assert files
    found = {
        str(file.relative_to(REPOSITORY)): names
        for file in files
        if (names := {*named_in(file.read_text(encoding="utf-8"))})
    }
    assert {file: names for file, names in found.items() if file not in ABOUT_ITS_ROWS | KINDS_OF_RECORDS} == {}


def test_a_planted_name_is_found(tmp_path: Path) -> None:
    assert [*named_in('"""tiering"""\nNAMES = ("tiering", other)\nif name == "engagement": ...')] == [
        "tiering",
        "engagement",
    ]
