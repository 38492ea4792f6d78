"""The real invoices through their mapping."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from local.stack.paths import REPOSITORY
from services.ingest.doors.files.mapping import read_mapping
from services.ingest.doors.files.plan import Input, Plan
from services.ingest.doors.files.run import Import
from tests.services.ingest.doors.files.memory import LONDON

THE_DAY_AFTER = datetime(2011, 12, 10, tzinfo=UTC)


async def test_the_invoices_are_judged_as_their_notice_says(tmp_path: Path) -> None:
    plan = Plan(
        inputs=[
            Input(
                REPOSITORY / "data" / "online-retail" / "invoices.csv.gz",
                read_mapping(REPOSITORY / "deploy" / "mappings" / "online-retail.yaml"),
            )
        ],
        zone=LONDON,
        now=lambda: THE_DAY_AFTER,
    )
    tally = await Import(plan, None, tmp_path / "refused.csv").run(lambda: None)
    assert (tally.read, tally.fit) == (25_900, 22_186)
    assert tally.refused == Counter({("missing_field", "subject"): 3_710, ("invalid_amount", "data.amount"): 4})
    assert (tmp_path / "refused.csv").read_text(encoding="utf-8").count("\n") == 3_715
