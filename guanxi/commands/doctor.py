"""What is wrong with a running system, why it matters, and what to do."""

import asyncio
from typing import Annotated

import typer

from guanxi.commands.setup import SetupSettings
from guanxi.console import fail, say
from guanxi.doctor.run import examine
from guanxi.doctor.symptoms import Findings, Symptom
from guanxi.reading.connection import as_json
from guanxi.stack.current import use_current
from guanxi.verify.meter import Meter, standard_error
from guanxi.verify.sample import Sample, parse_sample
from shared.errors import GuanxiError, Malformed
from shared.mongo import connect

COULD_NOT_CHECK = 2
SAMPLE = "500"


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def doctor(
        sample: Annotated[
            str, typer.Option(help="Customers to fold again: a number, a share such as 5%, 'all' or 'none'.")
        ] = SAMPLE,
        *,
        as_machine: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
        quiet: Annotated[bool, typer.Option("--quiet", help="No progress on standard error.")] = False,
    ) -> None:
        """What is wrong with a running system, why it matters, and what to do. Changes nothing.

        Topics, collections, indexes, validators and views against the code; policies and time zone against the
        configuration; stored positions against the topics; quarantine, clocks, disks; and 'guanxi verify' over a sample
        of the customers. The log is read once for each service whatever the sample; 'none' spares that.

        Ends with 0 when all is well (warnings aside), 1 when something is wrong, 2 when something could not be checked.
        """
        use_current()
        try:
            chosen = None if sample == "none" else parse_sample(sample)
            found = asyncio.run(_examine(SetupSettings(), chosen, Meter() if quiet else standard_error()))
        except Malformed as error:
            fail(str(error), COULD_NOT_CHECK)
        except GuanxiError as error:
            fail(f"could not check: {error}", COULD_NOT_CHECK)
        say(as_json(found) if as_machine else "\n".join(_lines(found)))
        raise typer.Exit(found.exit_code)


async def _examine(settings: SetupSettings, sample: Sample | None, meter: Meter) -> Findings:
    database = connect(settings)
    try:
        return await examine(settings, database, settings.policy, sample, meter)
    finally:
        database.client.close()


def _lines(found: Findings) -> list[str]:
    wrong = {symptom.check for symptom in found.symptoms}
    lines = [f"{'!' if check in wrong else 'ok':<3}{check:<12}{saw}" for check, saw in found.checked.items()]
    for symptom in sorted(found.symptoms, key=lambda one: one.severity != "wrong"):
        lines += ["", *_told(symptom)]
    lines += [f"NOT CHECKED  {check}: {why}" for check, why in found.unchecked.items()]
    count = sum(symptom.severity == "wrong" for symptom in found.symptoms)
    warnings = len(found.symptoms) - count
    verdict = "all is well" if not found.symptoms else f"{count} wrong, {warnings} warnings"
    return [*lines, "", verdict + (", not everything could be checked" if found.unchecked else "")]


def _told(symptom: Symptom) -> list[str]:
    head = "WRONG" if symptom.severity == "wrong" else "warning"
    return [f"{head} ({symptom.check}): {symptom.what}", f"  why: {symptom.why}", f"  do:  {symptom.do}"]
