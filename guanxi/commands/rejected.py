"""Refused records: list them by reason, show one, replay them after a fix, or replay them corrected."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from guanxi.console import fail, say
from guanxi.current import settings_here
from guanxi.running import run
from services.ingest.refusals.fixes import Chosen, Make, fixed, read_fix
from services.ingest.refusals.read import Rejection, newest, one_line, parse_position, read_rejections, safe_text
from shared.errors import GuanxiError, Malformed
from shared.events.event import Position
from shared.events.refusal import Reason, Refused
from shared.kafka.batches import Appender, Outgoing
from shared.settings import Settings
from shared.topics import INBOX, MAX_INBOX_RECORD_BYTES

app = typer.Typer(no_args_is_help=True, add_completion=False)

REPLAY_CHUNK = 500
REPLAY_AT_MOST = 10_000
"""Records that one command replays by default: a typo must not flood the inbox."""
MAX_STILL_REFUSED_SHOWN = 10
OfReason = Annotated[Reason | None, typer.Option("--reason", help="Only records refused for this reason.")]
Positions = Annotated[
    list[str] | None, typer.Argument(help="Positions as shown by 'rejected list'.", show_default=False)
]
All = Annotated[bool, typer.Option("--all", help="All refused records.")]
AtMost = Annotated[int, typer.Option("--limit", min=1, help="Replay nothing if more records match.")]


@dataclass(slots=True)
class _Group:
    count: int
    first: str
    last: str
    example: Rejection


@app.command("list")
def list_(
    reason: OfReason = None,
    limit: Annotated[int, typer.Option(min=1, help="With --reason: number of records to list, newest first.")] = 50,
) -> None:
    """Count refused records by reason, or list those of one reason."""
    settings = settings_here()
    try:
        run(_list_one(settings, reason, limit) if reason else _list_all(settings))
    except GuanxiError as error:
        fail(str(error))


async def _list_all(settings: Settings) -> None:
    groups: dict[tuple[str, str], _Group] = {}
    window = await newest(settings)
    async for one in read_rejections(settings, window):
        group = groups.setdefault((one.reason, one.field), _Group(0, one.appended_at, one.appended_at, one))
        group.count += 1
        group.first, group.last = min(group.first, one.appended_at), max(group.last, one.appended_at)
    if window.expired:
        say(f"{window.expired:,} older records have expired: refusals are kept for 30 days")
    if not groups:
        say("nothing was refused")
        return
    for (reason, where), group in sorted(groups.items(), key=lambda item: -item[1].count):
        say(f"{group.count:>8,}  {reason}  {one_line(where)}")
        say(f"          from {_minute(group.first)} to {_minute(group.last)}, for example {group.example.place}:")
        say(f"          {one_line(group.example.hint)}")
    if window.left_out:
        say(f"{window.left_out:,} older records were left out")


async def _list_one(settings: Settings, reason: Reason, limit: int) -> None:
    found = [one async for one in read_rejections(settings, await newest(settings)) if one.reason == reason]
    for one in sorted(found, key=lambda one: one.appended_at, reverse=True)[:limit]:
        say(f"{one.place:>12}  {_minute(one.appended_at)}  {one_line(one.field)}  {one_line(one.hint)}")
    say(f"{len(found)} refused as {reason}; look at one with 'guanxi rejected show POSITION'")


def _minute(instant: str) -> str:
    return f"{instant[:16]}Z".replace("T", " ")


@app.command()
def show(
    position: Annotated[str, typer.Argument(help="Position as shown by 'rejected list', such as 1/3/42.")],
) -> None:
    """Show one refused record: the reason, and its original bytes with control characters escaped."""
    try:
        one = run(_find(settings_here(), parse_position(position)))
    except GuanxiError as error:
        fail(str(error))
    say(f"position  {one.place}, on the inbox at {one.appended_at}")
    say(f"reason    {one.reason}")
    say(f"field     {one_line(one.field) or '(the event as a whole)'}")
    say(f"hint      {one_line(one.hint)}")
    say(f"key       {safe_text(one.key)}")
    for name, value in one.headers:
        say(f"header    {one_line(name)}: {safe_text(value)}")
    if not one.complete:
        say("The original was too large to keep in full; it can't be replayed.")
    say(f"value     {'(none)' if one.value is None else f'{len(one.value)} bytes'}")
    if one.value is not None:
        say(safe_text(one.value))


async def _find(settings: Settings, position: Position) -> Rejection:
    window = await newest(settings, partitions=[position.partition])
    async for one in read_rejections(settings, window):
        if one.position == position:
            return one
    raise Malformed(
        "no refused record has this position (refusals are kept for 30 days); "
        f"{window.expired:,} of its partition have expired"
    )


@app.command()
def replay(
    positions: Positions = None, *, reason: OfReason = None, all_: All = False, limit: AtMost = REPLAY_AT_MOST
) -> None:
    """Replay originals unchanged. A record admitted in the meantime is a duplicate and counts once."""
    _again(positions, reason, limit, Rejection.original, all_=all_)


@app.command()
def fix(
    file: Annotated[Path, typer.Argument(help="File of corrections; the format is in docs/integrators.md.")],
    positions: Positions = None,
    *,
    reason: OfReason = None,
    all_: All = False,
    limit: AtMost = REPLAY_AT_MOST,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; change nothing.")] = False,
) -> None:
    """Replay corrected events: those that match the file's `when`, a --reason, or positions. Records that would be
    refused again are not replayed, only counted. Running it again changes nothing: events keep their ids.
    """
    settings = settings_here()
    try:
        correction = read_fix(file)
    except GuanxiError as error:
        fail(str(error), 2)
    now, zone, partitions = datetime.now(UTC), settings.zone, settings.partitions

    def make(one: Rejection) -> Outgoing | Refused | None:
        return fixed(correction, one, now=now, zone=zone, partitions=partitions)

    chosen_by_file = correction.when.reason is not None
    _again(positions, reason, limit, make, all_=all_ or (chosen_by_file and not positions and not reason), dry=dry_run)


def _again(
    positions: list[str] | None, reason: Reason | None, limit: int, make: Make, *, all_: bool, dry: bool = False
) -> None:
    if sum((bool(positions), reason is not None, all_)) != 1:
        fail("give positions, --reason or --all", 2)
    try:
        wanted = {parse_position(text) for text in positions or ()}
        chosen = run(_choose_and_send(settings_here(), wanted, reason, make, limit, dry=dry))
    except GuanxiError as error:
        fail(str(error))
    if chosen.incomplete:
        say(f"{chosen.incomplete} not replayed: too large to keep in full")
    for why, count in Counter(refused.reason for _, refused in chosen.refusals).most_common():
        say(f"{count} not replayed: would be refused as {why}")
    for place, refused in chosen.refusals[:MAX_STILL_REFUSED_SHOWN]:
        say(f"  {place}: {one_line(refused.field)}: {one_line(refused.hint)}")
    if dry:
        say(f"{len(chosen.records)} would be replayed")
    else:
        say(f"{len(chosen.records)} replayed; 'guanxi rejected list' shows any refused again")


async def _choose_and_send(
    settings: Settings, wanted: set[Position], reason: Reason | None, make: Make, limit: int, *, dry: bool
) -> Chosen:
    """Sends nothing when something is wrong."""
    window = await newest(settings, partitions={position.partition for position in wanted} or None)
    chosen, found = Chosen(), set[Position]()
    async for one in read_rejections(settings, window):
        if (not wanted or one.position in wanted) and reason in {None, one.reason}:
            found.add(one.position)
            chosen.take(one, make)
    if missing := wanted - found:
        raise Malformed(
            f"{len(missing)} of the positions match no refused record (refusals are kept for 30 days; "
            f"{window.expired:,} have expired); nothing was replayed"
        )
    if len(chosen.records) > limit:
        raise Malformed(f"that would replay {len(chosen.records):,} records; raise --limit to allow it")
    if not dry:
        await _put_back(settings, chosen.records)
    return chosen


async def _put_back(settings: Settings, records: list[Outgoing]) -> None:
    appender = Appender(settings, max_record_bytes=MAX_INBOX_RECORD_BYTES)
    try:
        for start in range(0, len(records), REPLAY_CHUNK):
            await appender.append(INBOX.full_name(settings), records[start : start + REPLAY_CHUNK])
    finally:
        await appender.close()
