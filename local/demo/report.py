"""What the demo shows at its end, from the views."""

from datetime import date

from rich.table import Table

from guanxi.reading import tables
from guanxi.reading.console import Narrator
from guanxi.reading.words import money
from local.demo.latency import SETTLE_SECONDS, Latencies
from services.engagement.questions import EngagementQuestions, last_full_week
from services.ingest.doors.files.tally import Tally
from services.tiering.questions import TierQuestions
from shared.events.types import TIERS
from shared.mongo import Database

LARGEST = 10
OVERDUE = 10
CURRENCY = "GBP"
_REASONS = {
    ("missing_field", "subject"): "no customer",
    ("invalid_amount", "data.amount"): "an amount of zero",
}


def show_import(narrator: Narrator, tally: Tally, rows: int, simulated: int) -> None:
    """Read, admitted, refused by reason."""
    narrator.heading("What came in")
    narrator.say(f"{tally.read:>8,} rows read: {rows:,} real invoices and {simulated:,} simulated events")
    narrator.say(
        f"{tally.admitted:>8,} admitted" + (f", {tally.duplicates:,} already known" if tally.duplicates else "")
    )
    for (reason, field), count in tally.refused.most_common():
        why = _REASONS.get((reason, field), "")
        narrator.say(f"{count:>8,} refused: {f'{why} ' if why else ''}({reason} in {field or 'the event'})")


async def show_views(narrator: Narrator, database: Database, today: date) -> str:
    """Everything that is read from the views; gives the id of the largest customer."""
    tiers, engagement = TierQuestions(database), EngagementQuestions(database)
    await _tiers(narrator, tiers)
    moves = await tiers.movements()
    narrator.heading("Movements by month: into a tier from below (+) and from above (-)")
    _print(narrator, tables.movements_by_month(moves))
    narrator.say("\nThe same, from (rows) to (columns):\n")
    _print(narrator, tables.movements_matrix(moves))
    narrator.heading(
        f"The {LARGEST} largest customers by net of 365 days ({CURRENCY}), their score and what adds to it"
    )
    narrator.say("Their names are invented; their figures are real.\n")
    largest = await tiers.largest(LARGEST)
    _print(narrator, tables.largest(largest))
    await _week(narrator, engagement, today)
    await _overdue(narrator, engagement, today)
    return str(largest[0]["_id"])


async def _tiers(narrator: Narrator, tiers: TierQuestions) -> None:
    narrator.heading("Customers by tier")
    _print(narrator, tables.tiers(await tiers.tiers(), CURRENCY))
    for row in await tiers.net_730d():
        narrator.say(
            f"\nNet of the last 730 days over all {row['customers']:,} customers: {money(str(row['net']), row['_id'])}"
        )


async def _week(narrator: Narrator, engagement: EngagementQuestions, today: date) -> None:
    week, monday, sunday = last_full_week(today)
    narrator.heading(f"Coverage in {week}, {monday} to {sunday}: different general customers visited (simulated)")
    rows = await engagement.weeks(week)
    _print(narrator, tables.week(rows, await engagement.names_of_representatives()))
    owing = [row for row in rows if row["met"] is not None]
    narrator.say(f"\n{sum(row['met'] for row in owing)} of {len(owing)} who owe visits met their target.")


async def _overdue(narrator: Narrator, engagement: EngagementQuestions, today: date) -> None:
    narrator.heading("The most overdue contacts, the highest tier first (visits are simulated)")
    _print(narrator, tables.plan(await engagement.plan(OVERDUE, status="lapsed"), today))
    by_tier = {row["_id"]: row for row in await engagement.lapsed()}
    counts = [f"{by_tier[tier]['customers']:,} {tier}" for tier in reversed(TIERS) if tier in by_tier]
    narrator.say(f"\nOverdue in all: {', '.join(counts) or 'none'}.")


def show_speed(narrator: Narrator, events: int, seconds: float, live: Latencies, where: str, rate: float) -> None:
    """Events per second, and door to view."""
    narrator.heading("How fast")
    narrator.say(
        f"{events / seconds:>8,.0f} events/s from the files to the views ({events:,} in {seconds:.1f} s; {where})"
    )
    count = len(live.milliseconds)
    narrator.say(
        f"{live.percentile(0.5):>8.0f} ms from door to view for half of {count:,} events at "
        f"{rate:.0f} a second through HTTP (p50)"
    )
    narrator.say(f"{live.percentile(0.99):>8.0f} ms for 99 % of them (p99)")
    if live.refused:
        narrator.say(f"{live.refused:>8,} were refused by the door")
    if live.missing:
        narrator.say(
            f"{live.missing:>8,} did not show within {SETTLE_SECONDS:.0f} s of the last request; they show later"
        )


def _print(narrator: Narrator, table: Table) -> None:
    narrator.console.print(table)
