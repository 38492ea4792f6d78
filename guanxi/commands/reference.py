"""Write the generated references of docs/reference/, or check that they are current."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from guanxi.console import fail, say
from guanxi.reference.asyncapi import asyncapi
from guanxi.reference.openapi import api, openapi
from guanxi.reference.schemas import event_schema
from shared.events.registry import DECISIONS, FACTS

FOLDER = Path("docs/reference")


def references() -> Iterator[tuple[Path, str]]:
    """Every generated file: path below docs/reference, and text."""
    yield Path("asyncapi.json"), _text(asyncapi())
    yield Path("openapi.json"), _text(openapi())
    yield Path("api.json"), _text(api())
    for name, entry in FACTS.items():
        if not entry.internal:
            yield Path("schemas/door") / f"{name}.json", _text(event_schema(name, "door"))
    for name in (*FACTS, *DECISIONS):
        yield Path("schemas/log") / f"{name}.json", _text(event_schema(name, "log"))


def _text(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def reference(
        *,
        check: Annotated[
            bool, typer.Option("--check", help="Write nothing; exit with 1 if a file is out of date.")
        ] = False,
        folder: Annotated[Path, typer.Option(help="Folder of the references.")] = FOLDER,
    ) -> None:
        """Write the generated references of docs/reference/, or check that they are current."""
        stale = []
        for path, text in references():
            target = folder / path
            if target.is_file() and target.read_text(encoding="utf-8") == text:
                continue
            stale.append(path)
            if not check:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
        if check and stale:
            fail(f"out of date: {', '.join(map(str, stale))}; run 'guanxi reference'")
        say(f"{len(stale)} files written" if stale else "all references are current")
