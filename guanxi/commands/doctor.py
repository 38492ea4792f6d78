"""Find what is wrong with a running system, why it matters, and what to do."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated

import typer
from prometheus_client import start_http_server

from guanxi.console import fail, say
from guanxi.current import use_current
from guanxi.reading.connection import as_json
from operations.doctor.run import examine
from operations.doctor.symptoms import Findings, Symptom
from operations.doctor.watch import watch
from operations.setup.run import SetupSettings
from operations.verify.meter import Meter, standard_error
from operations.verify.sample import Sample, parse_sample
from shared import logs
from shared.errors import GuanxiError, Malformed
from shared.metrics import REGISTRY
from shared.mongo import connect
from shared.mongo.findings import keep

COULD_NOT_CHECK = 2
SAMPLE = "500"
METRICS_PORT = 9464


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def doctor(
        sample: Annotated[
            str, typer.Option(help="How many customers to fold again: a number, a share such as 5%, 'all' or 'none'.")
        ] = SAMPLE,
        *,
        as_machine: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
        quiet: Annotated[bool, typer.Option("--quiet", help="No progress on standard error.")] = False,
        every: Annotated[
            int | None,
            typer.Option(min=10, help="Again after so many seconds, until Ctrl-C; findings go to log and metrics."),
        ] = None,
    ) -> None:
        """Find what is wrong with a running system, why it matters, and what to do. Changes nothing, and keeps what it
        found for the console (Health).

        Compares topics, collections, indexes, validators and views with the code, policies and time zone with the
        configuration, and stored positions with the topics; looks at the quarantine, clocks and disks; and runs 'guanxi
        verify' over a sample of the customers. Each service's check reads the whole log, however small the sample;
        'none' skips it.

        With --every it serves what it finds as metrics on GUANXI_METRICS_PORT (9464), where alerts see it.

        Exit code: 0 when all is well (warnings allowed), 1 when something is wrong, 2 when a check could not run.
        """
        use_current()
        try:
            chosen = None if sample == "none" else parse_sample(sample)
            if every is not None:
                asyncio.run(_watch(SetupSettings(), chosen, every))
            found = asyncio.run(_examine(SetupSettings(), chosen, Meter() if quiet else standard_error()))
        except Malformed as error:
            fail(str(error), COULD_NOT_CHECK)
        except GuanxiError as error:
            fail(f"could not check: {error}", COULD_NOT_CHECK)
        say(as_json(found) if as_machine else "\n".join(_lines(found)))
        raise typer.Exit(found.exit_code)


async def _watch(settings: SetupSettings, sample: Sample | None, every: int) -> None:
    logs.configure(settings, "doctor")
    start_http_server(settings.metrics_port or METRICS_PORT, registry=REGISTRY)
    await watch(lambda: _examine(settings, sample, Meter()), every)


async def _examine(settings: SetupSettings, sample: Sample | None, meter: Meter) -> Findings:
    database = connect(settings)
    try:
        found = await examine(settings, database, settings.policy, sample, meter)
        with suppress(GuanxiError):  # it is told here all the same
            await keep(database, datetime.now(UTC), found.lines())
        return found
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
