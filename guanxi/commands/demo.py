"""Run the whole system on real data, then stop everything it started."""

from pathlib import Path
from typing import Annotated

import typer

from guanxi.console import fail
from guanxi.reading.console import Narrator
from guanxi.running import Interrupted, run
from local.demo.run import KEPT, Options
from local.demo.run import demo as play
from local.stack.errors import StackError
from shared.errors import GuanxiError

SEED = 20260101
INTERRUPTED_CODE = 130


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def demo(
        *,
        keep: Annotated[
            bool, typer.Option("--keep", help=f"Keep the data in {KEPT} and show how to continue with them.")
        ] = False,
        data: Annotated[Path | None, typer.Option(help="With --keep: folder for the data.")] = None,
        seed: Annotated[int, typer.Option(help="Seed of the simulated visits.")] = SEED,
    ) -> None:
        """Start Kafka, MongoDB and the services; import a year of real invoices and simulated visits; show the views.

        It stops by itself and leaves nothing running.
        """
        if data is not None and not keep:
            fail("--data needs --keep", 2)
        folder = (data or KEPT) if keep else None
        if folder is not None and folder.exists() and any(folder.iterdir()):
            fail(f"{folder} is not empty; name another folder with --data, or remove it", 2)
        try:
            run(play(Narrator(), Options(seed, folder)))
        except (StackError, GuanxiError) as error:
            fail(str(error))
        except Interrupted:
            fail("interrupted; everything it started has stopped", INTERRUPTED_CODE)
