"""The real invoices through their mapping."""

from collections import Counter
from datetime import date
from pathlib import Path

from guanxi.importer.mapping import read_mapping
from guanxi.importer.reading import Plan
from guanxi.importer.run import Import
from tests.importer.memory import LONDON
from tests.services.ingest.events import NOW

ROOT = Path(__file__).parents[2]


async def test_the_invoices_are_judged_as_their_notice_says(tmp_path: Path) -> None:
    plan = Plan(
        files=[ROOT / "data" / "online-retail" / "invoices.csv.gz"],
        mapping=read_mapping(ROOT / "deploy" / "mappings" / "online-retail.yaml"),
        zone=LONDON,
        shift_to=date(2026, 2, 28),
        now=lambda: NOW,
    )
    tally = await Import(plan, None, tmp_path / "refused.csv").run(lambda: None)
    assert (tally.read, tally.fit) == (25_900, 22_186)
    assert tally.refused == Counter({("missing_field", "subject"): 3_710, ("invalid_amount", "data.amount"): 4})
    assert (tmp_path / "refused.csv").read_text(encoding="utf-8").count("\n") == 3_715
