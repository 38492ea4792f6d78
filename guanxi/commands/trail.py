"""The trail: who read which texts of profiles, by what right, and who was refused."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from guanxi.console import fail, say
from guanxi.reading.chains import tell
from guanxi.reading.connection import as_json, read
from guanxi.reading.seals import seals_on_log
from shared.mongo import Database
from shared.mongo.trail import chains_of, entries
from shared.settings import Settings
from shared.trail import Chains

Document = dict[str, Any]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def trail(
        customer: Annotated[
            str | None, typer.Argument(metavar="[CUSTOMER]", help="Only readings of this customer's texts.")
        ] = None,
        *,
        reader: Annotated[
            str | None, typer.Option(help="Only of this reader, as a line shows them: R-001, person:li, key:abcd.")
        ] = None,
        on: Annotated[
            datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only of this day, in GUANXI_TIME_ZONE.")
        ] = None,
        since: Annotated[
            datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only from this day on, in GUANXI_TIME_ZONE.")
        ] = None,
        denied: Annotated[bool, typer.Option("--denied", help="Only what was refused.")] = False,
        emergency: Annotated[
            bool, typer.Option("--emergency", help="Only what was read in an emergency, without another right.")
        ] = False,
        limit: Annotated[int, typer.Option(min=1, max=10_000, help="Lines at most, the newest first.")] = 50,
        check: Annotated[
            bool, typer.Option("--check", help="List none: say whether an entry was changed, removed or doubled.")
        ] = False,
        as_machine: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    ) -> None:
        """List who read which texts of customers' profiles, by what right, and who was refused. Kept for three years.

        Each entry was stored before its text was shown. By: owner, chain (above an owner), steward, executive, grant,
        break_glass (an emergency, with its reason); or why not: no_right, grade, grant_ended, stale_rights,
        no_content_role. An entry marked bulk is of somebody who read texts of over 50 customers in 24 hours.

        Entries are only added, each with a hash of its reader's last one; where the chains ended is sealed on the log
        once a day (UTC, an hour after its end). --check reads them all and the seals, and ends with 1 where an entry
        was changed, removed or put beside another, or what was sealed is gone. What came after the last seal can
        still be removed from a chain's end without a trace.

        Such as: guanxi trail C-0042; guanxi trail --reader R-007 --on 2026-07-31; guanxi trail --emergency
        """
        if check:
            chains = read(_chains)
            if not as_machine:
                sealed = chains.sealed_through
                say("no day is sealed on the log yet" if sealed is None else f"sealed on the log through {sealed}")
            tell(chains, as_machine=as_machine)
            return
        if on is not None and since is not None:
            fail("give --on or --since, not both", 2)
        zone = Settings().zone
        begin = on or since
        begins = None if begin is None else begin.replace(tzinfo=zone)
        ends = None if on is None else (on + timedelta(days=1)).replace(tzinfo=zone)
        wanted: Document = {"customer": customer, "reader": reader}
        wanted |= {"allowed": False} if denied else {}
        wanted |= {"by": "break_glass"} if emergency else {}
        wanted = {name: value for name, value in wanted.items() if value is not None}

        async def ask(database: Database, _: Settings) -> list[Document]:
            return await entries(database, wanted, limit=limit, since=begins, until=ends)

        found = read(ask)
        if as_machine:
            say(as_json(found))
            return
        for one in found:
            say(_line(one))
        if not found:
            say("nobody asked for a text" + (" that fits" if begin or wanted else " yet"))


async def _chains(database: Database, settings: Settings) -> Chains:
    """The seals first: what they tell of was on the trail before."""
    return await chains_of(database, datetime.now(UTC), await seals_on_log(settings))


def _line(one: Document) -> str:
    profile = " ".join(filter(None, (one["profile"], one["vendor_id"])))
    came = "read" if one["allowed"] else "was refused"
    graded = f" ({one['grade']})" if one["grade"] else ""
    marks = "".join((f', "{one["reason"]}"' if one["reason"] else "", ", bulk" if one["bulk"] else ""))
    what = f"{', '.join(one['items'])} of {profile}{graded} of {one['customer']}"
    return f"{one['at']:%Y-%m-%d %H:%M:%SZ}  {one['reader']} {came} {what}  [{one['by']}{marks}]"
