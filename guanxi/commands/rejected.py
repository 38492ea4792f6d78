"""What admission refused: list it by reason, show a record, put records back on the inbox after a fix."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

import typer

from guanxi.console import fail, say
from guanxi.rejections import Rejection, newest, parse_position, read_rejections, safe_text
from guanxi.stack.running import run
from shared.errors import GuanxiError, Malformed
from shared.events.event import Position
from shared.events.refusal import Reason
from shared.kafka.batches import Appender
from shared.settings import Settings
from shared.topics import INBOX, MAX_INBOX_RECORD_BYTES

app = typer.Typer(no_args_is_help=True, add_completion=False)

REPLAY_CHUNK = 500
OfReason = Annotated[Reason | None, typer.Option("--reason", help="Those refused for this reason only.")]


@dataclass(slots=True)
class _Group:
    count: int
    first: str
    last: str
    example: Rejection


@app.command("list")
def list_(
    reason: OfReason = None,
    limit: Annotated[int, typer.Option(min=1, help="With --reason: how many to list, the newest first.")] = 50,
) -> None:
    """List refused records by reason, or those of one reason."""
    settings = Settings()
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
    if not groups:
        say("nothing was refused")
        return
    for (reason, field), group in sorted(groups.items(), key=lambda item: -item[1].count):
        say(f"{group.count:>8,}  {reason}  {_safe(field)}")
        say(f"          from {_minute(group.first)} to {_minute(group.last)}, for example {group.example.place}:")
        say(f"          {_safe(group.example.hint)}")
    if window.left_out:
        say(f"{window.left_out:,} older records were left out")


async def _list_one(settings: Settings, reason: Reason, limit: int) -> None:
    found = [one async for one in read_rejections(settings, await newest(settings)) if one.reason == reason]
    for one in sorted(found, key=lambda one: one.appended_at, reverse=True)[:limit]:
        say(f"{one.place:>12}  {_minute(one.appended_at)}  {_safe(one.field)}  {_safe(one.hint)}")
    say(f"{len(found)} refused as {reason}; look at one with 'guanxi rejected show POSITION'")


def _safe(text: str) -> str:
    return safe_text(text.encode(errors="backslashreplace")).replace("\n", " ")


def _minute(instant: str) -> str:
    return f"{instant[:16]}Z".replace("T", " ")


@app.command()
def show(position: Annotated[str, typer.Argument(help="As the list shows it, such as 1/3/42.")]) -> None:
    """Show a refused record: why, and its original bytes with control characters escaped."""
    try:
        one = run(_find(Settings(), parse_position(position)))
    except GuanxiError as error:
        fail(str(error))
    say(f"position  {one.place}, on the inbox at {one.appended_at}")
    say(f"reason    {one.reason}")
    say(f"field     {_safe(one.field) or '(the event as a whole)'}")
    say(f"hint      {_safe(one.hint)}")
    say(f"key       {safe_text(one.key)}")
    for name, value in one.headers:
        say(f"header    {_safe(name)}: {safe_text(value)}")
    if not one.complete:
        say("The original was too large to be kept whole; it can't be replayed.")
    say(f"value     {'(none)' if one.value is None else f'{len(one.value)} bytes'}")
    if one.value is not None:
        say(safe_text(one.value))


async def _find(settings: Settings, position: Position) -> Rejection:
    async for one in read_rejections(settings, await newest(settings, partitions=[position.partition])):
        if one.position == position:
            return one
    raise Malformed("there is no refused record of this position among those that are kept (30 days)")


@app.command()
def replay(
    positions: Annotated[list[str] | None, typer.Argument(help="As the list shows them.", show_default=False)] = None,
    reason: OfReason = None,
) -> None:
    """Put originals back on the inbox, unchanged. What was admitted meanwhile is a duplicate and counts
    once.
    """
    if bool(positions) == (reason is not None):
        fail("name positions, or a --reason", 2)
    try:
        wanted = {parse_position(text) for text in positions or ()}
        sent, left_out = run(_replay(Settings(), wanted, reason))
    except GuanxiError as error:
        fail(str(error))
    if left_out:
        say(f"{left_out} not replayed: too large to have been kept whole")
    say(f"{sent} put back on the inbox; 'guanxi rejected list' shows what is refused again")


async def _replay(settings: Settings, wanted: set[Position], reason: Reason | None) -> tuple[int, int]:
    """How many were sent, and how many could not be. The same original refused many times is sent once."""
    partitions = {position.partition for position in wanted} or None
    chosen: list[Rejection] = []
    contents: set[bytes] = set()
    found: set[Position] = set()
    left_out = 0
    async for one in read_rejections(settings, await newest(settings, partitions=partitions)):
        if one.position not in wanted and one.reason != reason:
            continue
        found.add(one.position)
        content = sha256(repr((one.key, one.value, one.headers)).encode()).digest()
        if content in contents:
            continue
        contents.add(content)
        if one.complete:
            chosen.append(one)
        else:
            left_out += 1
    if missing := wanted - found:
        raise Malformed(f"{len(missing)} of the positions are not among the refused records; nothing was replayed")
    await _put_back(settings, chosen)
    return len(chosen), left_out


async def _put_back(settings: Settings, chosen: list[Rejection]) -> None:
    appender = Appender(settings, max_record_bytes=MAX_INBOX_RECORD_BYTES)
    try:
        for start in range(0, len(chosen), REPLAY_CHUNK):
            records = [one.original() for one in chosen[start : start + REPLAY_CHUNK]]
            await appender.append(INBOX.full_name(settings), records)
    finally:
        await appender.close()
