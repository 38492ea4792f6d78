"""docs/import.md on a real stack, from the export to `guanxi explain`; and one file that is three kinds of events."""

import re
import shlex
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from anyio.from_thread import BlockingPortal

from local.stack.paths import REPOSITORY
from services.ingest.doors.files.guess import guess_file
from tests.e2e.conftest import MakeWorld

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]

PAGE = (REPOSITORY / "docs" / "import.md").read_text(encoding="utf-8")
EXPORT = REPOSITORY / "tests/services/ingest/doors/files/exports" / "erpnext-sales-invoices.csv"
EXPORTS = EXPORT.parent
SHANGHAI = ZoneInfo("Asia/Shanghai")
OTHERS = {
    "odoo-invoices-with-lines.xlsx": (
        ("guanxi.invoice.issued.v1", "guanxi.purchase.recorded.v1"),
        ("data.invoice_id", "data.purchase_id"),
        ("invoice-{Number}", "purchase-{Number}"),
        ("    data.due_on", "    # data.due_on"),
    ),
    "alipay-statement.csv": (
        ("rules:\n", 'rules:\n  - when: {column: "收/支", equals: 支出}\n    skip: paid by us\n'),
    ),
    "hubspot-meetings.csv": (
        (
            "data.kind: routine",
            "data.kind: {column: Meeting name, values: {技术交流: technical_exchange, Quarterly review: routine}}",
        ),
    ),
}
"""Exports of other systems, each with the corrections that its guessed mapping needs."""
COMMON = 'event: {source: erp, subject: "{c}"}\nrules:\n  - event:\n'
MAPPINGS = {
    "purchase": '{id: "p-{nr}", type: guanxi.purchase.recorded.v1, time: "{d}", data.purchase_id: "{nr}", '
    'data.amount: "{amt}", data.currency: GBP, data.margin_rate: "{m}"}',
    "invoice": '{id: "i-{nr}", type: guanxi.invoice.issued.v1, time: "{d}", data.invoice_id: "{nr}", '
    'data.amount: "{amt}", data.currency: GBP, data.due_on: "{due}"}',
    "payment": '{id: "y-{nr}", type: guanxi.invoice.paid.v1, time: "{paid}", data.invoice_id: "{nr}", '
    'data.paid_on: "{paid}"}',
}  # fmt: skip


def test_from_the_export_to_explain(make_world: MakeWorld, portal: BlockingPortal, tmp_path: Path) -> None:
    lines = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
    guess, dry, send, explain, *_ = [shlex.split(line)[1:] for line in lines]
    with make_world(tmp_path) as world:
        file, mapping = tmp_path / EXPORT.name, tmp_path / "invoices.yaml"
        shutil.copy(EXPORT, file)

        def run(words: list[str]) -> str:
            there = {EXPORT.name: str(file), "invoices.yaml": str(mapping)}
            words = [there.get(word, word) for word in words]
            if words[0] == "import" and "--guess" not in words:
                words += ["--refused", str(tmp_path / "refused.csv"), "--strict"]
            command = world.services.command
            return portal.call(lambda: command(*words, timeout_s=120.0)).read_text(encoding="utf-8")

        mapping.write_text(run(guess[: guess.index(">")]), encoding="utf-8")
        assert "3  ready to send" in run(dry)
        assert "3  admitted" in run(send)
        portal.call(world.settled)
        assert "CUST-0007" in run(explain)


def test_exports_of_three_other_systems_to_explain(
    make_world: MakeWorld, portal: BlockingPortal, tmp_path: Path
) -> None:
    with make_world(tmp_path) as world:

        def run(*words: str) -> str:
            command = world.services.command
            return portal.call(lambda: command(*words, timeout_s=120.0)).read_text(encoding="utf-8")

        words: list[str] = []
        for name, corrections in OTHERS.items():
            mapping = tmp_path / f"{name}.yaml"
            text = guess_file(EXPORTS / name, SHANGHAI)
            for guessed, right in corrections:
                assert guessed in text, text
                text = text.replace(guessed, right)
            mapping.write_text(text, encoding="utf-8")
            words += ["--map", str(mapping), str(EXPORTS / name)]
        run("import", *words, "--backfill", "--refused", str(tmp_path / "refused.csv"), "--strict")
        portal.call(world.settled)
        odoo = run("explain", "Azure Interior")
        both = run("explain", "上海华芯科技有限公司").partition("上海华芯科技有限公司")[
            2
        ]  # its log holds the former too
    assert "general since 2026-01-15" in odoo, odoo
    assert "678.22 GBP" in odoo, odoo  # 880.80 EUR
    assert "first purchase 2026-01-15, last 2026-01-15" in both, both  # as Alipay says
    assert "2026-01-20" in both, both  # as HubSpot says


def test_one_csv_as_purchase_invoice_and_payment_is_decided_as_of_its_own_days(
    make_world: MakeWorld, portal: BlockingPortal, tmp_path: Path
) -> None:
    bought = (datetime.now(UTC) - timedelta(days=200)).date()
    due, paid = bought + timedelta(days=30), bought + timedelta(days=27)
    file = tmp_path / "ba.csv"
    file.write_text(f"nr,c,d,amt,m,due,paid\n1,BA,{bought},50000.00,0.30,{due},{paid}\n", encoding="utf-8")
    words: list[str] = []
    for name, fields in MAPPINGS.items():
        (tmp_path / f"{name}.yaml").write_text(f"{COMMON}      {fields}\n", encoding="utf-8")
        words += ["--map", str(tmp_path / f"{name}.yaml"), str(file)]
    with make_world(tmp_path) as world:

        def backfill(*words: str) -> str:
            options = ("--backfill", "--refused", str(tmp_path / "refused.csv"))
            command = world.services.command
            return portal.call(lambda: command("import", *words, *options, timeout_s=120.0)).read_text(encoding="utf-8")

        assert "3  admitted" in backfill(*words)
        portal.call(world.settled)
        days = sorted(str(row["effective_on"])[:10] for row in world.documents("tier_history"))
        assert days[0] == str(bought)
        later = tmp_path / "more.csv"
        later.write_text(file.read_text(encoding="utf-8").replace("\n1,BA", "\n2,BA"), encoding="utf-8")
        said = backfill("--map", str(tmp_path / "purchase.yaml"), str(later))
        assert "customer_has_history" in said
        assert "0  admitted" in said
