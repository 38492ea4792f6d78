"""A year of a real wholesaler, from the file door to the views, against the oracle; and the views against the log."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal

from local.stack.errors import StackError
from tests.e2e.conftest import MakeWorld
from tests.e2e.expected import assert_log_holds_each_once, assert_views_equal_oracle, comparable
from tests.e2e.met import assert_contacts_equal_oracle, assert_weeks_equal_oracle
from tests.e2e.past import assert_the_past_is_what_the_oracles_say
from tests.e2e.slices import around, rows, write
from tests.e2e.world import World
from tests.oracle.retail import File, load

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600)]
SLOWER = pytest.mark.release("verify and the simulation compare engagement with its log, and tiering stays")


@dataclass(frozen=True)
class Imported:
    world: World
    path: Path
    around: Path
    last_on: date
    refused: Path

    @property
    def file(self) -> File:
        return load(self.path, self.last_on)


@pytest.fixture(scope="module")
def imported(
    make_world: MakeWorld, portal: BlockingPortal, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Imported]:
    folder = tmp_path_factory.mktemp("real-data")
    found = rows()
    path = write(folder / "invoices.csv.gz", found)
    last_on = datetime.now(UTC).date() - timedelta(days=1)
    simulated = around(found, folder, last_on)
    with make_world(folder) as world:
        refused = portal.call(world.import_, [path, simulated], last_on)
        portal.call(world.settled)
        yield Imported(world, path, simulated, last_on, refused)


def test_every_customer_is_what_the_oracle_says(imported: Imported) -> None:
    assert_views_equal_oracle(imported.world, imported.file)


def test_on_and_known_at_of_300_real_customers_are_what_the_oracles_say(
    imported: Imported, portal: BlockingPortal
) -> None:
    log = portal.call(imported.world.log)
    portal.call(assert_the_past_is_what_the_oracles_say, imported.world, imported.file, log)


def test_rows_without_a_customer_or_an_amount_are_refused_each_with_its_reason(imported: Imported) -> None:
    with imported.refused.open(encoding="utf-8", newline="") as text:
        refused = list(csv.DictReader(text))
    assert len(refused) == imported.file.without_customer + imported.file.zero
    assert {row["refused_reason"] for row in refused if not row["customer_id"]} == {"missing_field"}
    assert {row["refused_reason"] for row in refused if row["customer_id"]} <= {"invalid_amount"}


def test_the_log_holds_each_admitted_record_once(imported: Imported, portal: BlockingPortal) -> None:
    assert_log_holds_each_once(portal.call(imported.world.log), imported.file)


def test_every_contact_is_what_the_oracle_says(imported: Imported, portal: BlockingPortal) -> None:
    assert_contacts_equal_oracle(imported.world, portal.call(imported.world.log))


def test_every_week_of_every_representative_is_what_the_oracle_says(imported: Imported, portal: BlockingPortal) -> None:
    assert_weeks_equal_oracle(imported.world, portal.call(imported.world.log))


@pytest.mark.release("test_real_import sends a file twice, and faults send all twice")
def test_a_second_import_changes_nothing(imported: Imported, portal: BlockingPortal) -> None:
    world = imported.world
    before = comparable(world.documents("customers")), comparable(world.documents("tier_history"))
    portal.call(world.import_, [imported.path, imported.around], imported.last_on)
    portal.call(world.settled)
    assert (comparable(world.documents("customers")), comparable(world.documents("tier_history"))) == before
    assert_log_holds_each_once(portal.call(world.log), imported.file)


@pytest.mark.parametrize("service", ["tiering", pytest.param("engagement", marks=SLOWER)])
def test_a_rebuild_from_the_log_alone_equals_the_live_documents(
    imported: Imported, portal: BlockingPortal, service: str
) -> None:
    said = portal.call(imported.world.rebuild, service).read_text(encoding="utf-8")
    assert re.search(rf"the rebuilt {service} equals the live one: [\d,]{{2,}} documents and their rows", said)


def test_a_rebuild_finds_a_document_that_is_not_what_the_log_says(imported: Imported, portal: BlockingPortal) -> None:
    world = imported.world
    key = next(iter(imported.file.customers))
    (document,) = world.documents("tiering_g1", {"_id": key})
    world.update("tiering_g1", key, {"$set": {"net_730d": "0.01"}})
    with pytest.raises(StackError, match=rf"(?s)differs: tiering {key}: net_730d.*1 documents differ"):
        portal.call(world.rebuild, "tiering")
    world.update("tiering_g1", key, {"$set": {"net_730d": document["net_730d"]}})
