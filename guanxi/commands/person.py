"""Find, export, erase or restrict a person; who waits, who is done, and where a name still is."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from guanxi.commands.send import to_door
from guanxi.console import fail, say
from guanxi.working import work
from operations.persons.export import export
from operations.persons.register import erasures, of_person, to_line
from operations.persons.search import Searched, folded, search
from services.ingest.erasing import Eraser
from services.ingest.erasures import ERASURES
from services.ingest.settings import key_bytes
from services.ingest.store import check_person_key
from shared.events.codec import format_instant
from shared.events.facts import MAX_ALSO
from shared.events.registry import ERASED
from shared.mongo import Database, transient_errors
from shared.mongo.texts import TEXTS
from shared.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False)

MAX_KEYS = 1 + MAX_ALSO
"""Subjects of one person whom one event names."""
PersonId = Annotated[str, typer.Argument(help="The person's id, as on the log.")]
Key = Annotated[str | None, typer.Option(help="Of one subject only, such as customer:C-42.")]
Everywhere = Annotated[bool, typer.Option(help="Of every subject that knows this id.")]
By = Annotated[str, typer.Option(help="Who decided it.")]
Basis = Annotated[str, typer.Option(help="gdpr_17, pipl_47 or other.")]
Requested = Annotated[str | None, typer.Option(help="On which day it was requested [default: today].")]
Url = Annotated[str | None, typer.Option(help="The HTTP door.")]
ApiKey = Annotated[str, typer.Option(envvar="GUANXI_API_KEY", help="A key with the scope access:grant.")]
Unknown = Annotated[bool, typer.Option("--unknown", help="Also a person whom nothing here knows yet.")]


@app.command()
def find(person_id: PersonId) -> None:
    """Say which customers, or which representative, have a person of this id. Ids of upstream recur: look at each."""
    keys = work(lambda _, database: of_person(database, person_id))
    for key in keys:
        say(key)
    if not keys:
        fail(f"nothing here knows a person {person_id!r}")


@app.command(name="export")
def export_command(person_id: PersonId, key: Annotated[str, typer.Option(help="Such as customer:C-42.")]) -> None:
    """Print all that is stored of a person, as JSON: names, texts that name them, and what the log says of their id."""
    say(json.dumps(work(lambda settings, database: export(settings, database, key, person_id)), ensure_ascii=False))


@app.command()
def erase(
    person_id: PersonId,
    *,
    decided_by: By,
    basis: Basis = "gdpr_17",
    key: Key = None,
    everywhere: Everywhere = False,
    requested_on: Requested = None,
    unknown: Unknown = False,
    url: Url = None,
    api_key: ApiKey = "",
) -> None:
    """Erase a person: through the HTTP door, one event for all subjects."""
    data = {"mode": "erase", "basis": basis, "decided_by": decided_by, "requested_on": requested_on or _today()}
    _send(person_id, data, key, url, api_key, everywhere=everywhere, unknown=unknown)


@app.command()
def restrict(
    person_id: PersonId,
    *,
    decided_by: By,
    until: Annotated[str, typer.Option(help="The last day on which it may not be erased.")],
    basis: Basis = "pipl_47",
    key: Key = None,
    everywhere: Everywhere = False,
    requested_on: Requested = None,
    unknown: Unknown = False,
    url: Url = None,
    api_key: ApiKey = "",
) -> None:
    """Keep a person's data from sight through a day, where a law forbids erasing; it is erased on the day after."""
    data = {"mode": "restrict", "basis": basis, "decided_by": decided_by, "until": until}
    data["requested_on"] = requested_on or _today()
    _send(person_id, data, key, url, api_key, everywhere=everywhere, unknown=unknown)


@app.command()
def due() -> None:
    """Work on every erasure that is due, and say which wait for a steward, and for which texts."""

    async def working(settings: Settings, database: Database) -> list[dict[str, Any]]:
        await (await _eraser(settings, database)).work()
        return [one async for one in erasures(database) if one["done_at"] is None]

    for one in work(working):
        say(f"{one['key']}  {one['person_id']}  {_state(one)}")
        for text_id in one["confirm"]:
            say(f"    {text_id}")


@app.command()
def confirm(
    person_id: PersonId,
    text_id: Annotated[str, typer.Argument(help="Of a text that 'guanxi person due' lists.")],
    *,
    key: Annotated[str, typer.Option(help="Such as customer:C-42.")],
    remove: Annotated[
        bool | None, typer.Option("--remove/--keep", help="Whether the name is the person's [default: show the text].")
    ] = None,
) -> None:
    """Show a text in which a short name, or one within a longer word, was found; and say whether it is the person's."""
    of = {"key": key, "person_id": person_id}

    async def working(settings: Settings, database: Database) -> tuple[bool, str]:
        if remove is not None:
            return await (await _eraser(settings, database)).confirm(of, text_id, is_name=remove), ""
        async with transient_errors():
            waits = await database[ERASURES].find_one({"_id": of, "confirm": text_id}) is not None
            text = await database[TEXTS].find_one({"_id": text_id}) if waits else None
        return waits, (text or {}).get("text") or ""

    waits, text = work(working)
    if not waits:
        fail(f"{text_id} does not wait for a decision of this erasure")
    say(text if remove is None else "noted")


@app.command()
def verify(
    name: Annotated[
        str | None, typer.Option(help="The name; asked for unless given, so that no history has it.")
    ] = None,
) -> None:
    """Search every store for a name: collections and topics; not backups. Ends with 1 where it is found."""
    wanted = name if name is not None else typer.prompt("Name", hide_input=True)
    if not folded(wanted):
        fail("a name has a visible character", 2)
    searched = work(lambda settings, database: search(settings, database, wanted))
    for line in said_of(searched):
        say(line)
    if searched.found:
        raise typer.Exit(1)


@app.command()
def register(
    write: Annotated[Path | None, typer.Option(help="Write it to a file, for 'guanxi restore --erasures'.")] = None,
) -> None:
    """List the erasures, done and running: no names. Keep a copy of the file beside each backup."""

    async def listed(_: Settings, database: Database) -> list[dict[str, Any]]:
        return [one async for one in erasures(database)]

    found = work(listed)
    for one in found:
        done = " ".join(f"{name}={number}" for name, number in sorted(one["found"].items()))
        asked = f"{one['basis']}, asked {one['requested_on']}, decided by {one['decided_by']}"
        say(f"{one['key']}  {one['person_id']}  {_state(one)}  ({asked})  {done}")
    if write is not None:
        write.write_text("".join(to_line(one) + "\n" for one in found), encoding="utf-8")
        say(f"{len(found)} erasures written to {write}")


def said_of(searched: Searched) -> list[str]:
    """What was searched, what was found where, and why it may be there."""
    lines = [f"{place.name}: {place.found:,} of {place.searched:,}  {place.why}".rstrip() for place in searched.places]
    lines.append("not searched: backups (30 days), logs of processes, files and systems outside guanxi")
    return [*lines, "found nothing" if not searched.found else f"found in {len(searched.found)} places"]


def _state(one: dict[str, Any]) -> str:
    if one["done_at"] is not None:
        return f"done {one['done_at']:%Y-%m-%d}"
    if one["mode"] == "restrict":
        return f"restricted through {one['until']}"
    return f"running, {len(one['confirm'])} texts to confirm"


async def _eraser(settings: Settings, database: Database) -> Eraser:
    """With another key it would find none of the names, and take the work for done."""
    key = key_bytes(settings.person_key)
    await check_person_key(database, key)
    return Eraser(database, key, settings.zone)


def _today() -> str:
    return date.today().isoformat()  # noqa: DTZ011 - the day where the steward sits


def _send(
    person_id: str,
    data: dict[str, Any],
    key: str | None,
    url: str | None,
    api_key: str,
    *,
    everywhere: bool,
    unknown: bool,
) -> None:
    if (key is None) == (not everywhere):
        fail("give --key, or --everywhere", 2)
    known = work(lambda _, database: of_person(database, person_id))
    if key is not None and key not in known and not unknown:
        others = f"; these do: {', '.join(known)}" if known else ""
        fail(f"{key} knows no person {person_id!r}{others}. With --unknown it is sent all the same")
    keys = known if key is None else [key]
    if not keys or len(keys) > MAX_KEYS:
        fail(f"{len(keys)} subjects know a person {person_id!r}; from 1 to {MAX_KEYS} can be sent at once")
    if key is not None and (left := [one for one in known if one != key]):
        say(f"not sent for {', '.join(left)}, which know this id too")
    to_door(url, api_key, json.dumps(_event(keys, person_id, data, datetime.now(UTC))).encode())


def _event(keys: Sequence[str], person_id: str, data: dict[str, Any], now: datetime) -> dict[str, Any]:
    key, also = keys[0], [*keys[1:]]
    scope, _, subject = key.partition(":")
    event = {"specversion": "1.0", "source": "guanxi-person", "type": ERASED, "subject": subject}
    event |= {"time": format_instant(now), "id": f"{key}/{person_id}/{format_instant(now)}"[-128:]}
    return {**event, "data": {**data, "scope": scope, "person_id": person_id, **({"also": also} if also else {})}}
