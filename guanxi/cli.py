"""The root of the command line. A command's module is imported only when the command runs, so that help is quick.

Every module of guanxi.commands is a command of its name (`import_file` is `import-file`; a trailing underscore, as
in `import_`, goes), except those that begin with one. Its docstring's first line is its help. It offers either `app`,
a typer.Typer (a group, or a single command), or `register(app)`, which adds the command to the Typer it is given.
"""

import ast
import importlib
import logging
import os
import pkgutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command as command_of

import guanxi.commands
from guanxi.console import fail

_COMMON = ("--stack", "--operator")
_FOLDER = Path(guanxi.commands.__file__ or "").parent
_DRIVERS = ("aiokafka", "pymongo", "asyncio")
"""They log every failed attempt; the command itself reports the outcome, in words."""


def _modules() -> dict[str, str]:
    """Name of the command to name of its module, without importing any."""
    names = (module.name for module in pkgutil.iter_modules([str(_FOLDER)]))
    return {name.rstrip("_").replace("_", "-"): name for name in names if not name.startswith("_")}


def _help(module: str) -> str:
    """The first line of the module's docstring."""
    source = _FOLDER / f"{module}.py"
    if not source.exists():
        source = _FOLDER / module / "__init__.py"
    docstring = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]


def _load(name: str, module: str) -> Any:
    try:
        loaded = importlib.import_module(f"guanxi.commands.{module}")
    except ModuleNotFoundError as error:
        if error.name != "local":
            raise
        fail(f"'guanxi {name}' needs a checkout of the repository; this image runs with Docker Compose", 2)
    app = getattr(loaded, "app", None)
    if app is None:
        app = typer.Typer(no_args_is_help=False, add_completion=False)
        loaded.register(app)
    app.rich_markup_mode = None  # it takes brackets for markup, and breaks lines that show commands
    command = command_of(app)
    command.name = name
    command.help = command.help or _help(module)
    importlib.import_module("guanxi.auditing").watch(command, name)
    return command


def _named_only(name: str, module: str) -> Any:
    """Enough of a command for the list of commands."""
    stub = typer.Typer(add_completion=False)
    stub.command(name, help=_help(module), short_help=_help(module))(lambda: None)
    return command_of(stub)


class _Commands(TyperGroup):
    """Knows the names and first lines of all commands, and imports the one that runs."""

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        self.commands.update({name: _named_only(name, module) for name, module in _modules().items()})
        return sorted(self.commands)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        module = _modules().get(args[0])
        if module is None:
            self.list_commands(ctx)  # for "did you mean"
            return super().resolve_command(ctx, args)
        return args[0], _load(args[0], module), args[1:]


app = typer.Typer(
    cls=_Commands,
    name="guanxi",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 120},
    help="Customer relationships from events: tiers, contacts and satisfaction, on Kafka and MongoDB.",
)


@app.callback()
def _root(
    stack: Annotated[
        str | None,
        typer.Option(
            envvar="GUANXI_USE_STACK", metavar="NAME", help="Which stack on this machine: the port of its HTTP door."
        ),
    ] = None,
    operator: Annotated[
        str | None,
        typer.Option(envvar="GUANXI_OPERATOR", metavar="NAME", help="Who you are, for the audit log (guanxi audit)."),
    ] = None,
) -> None:
    """Makes the app a group, and runs before each command."""
    if stack is not None:
        os.environ["GUANXI_USE_STACK"] = stack
    if operator is not None:
        os.environ["GUANXI_OPERATOR"] = operator
    for name in _DRIVERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def main() -> None:
    """The entry point of the `guanxi` script."""
    app(common_first(sys.argv[1:]))


def common_first(words: list[str]) -> list[str]:
    """The arguments with `--stack NAME` and `--operator NAME` moved to the front: they are options of every command."""
    front: list[str] = []
    rest: list[str] = []
    left = iter(words)
    for word in left:
        if word == "--":
            rest += [word, *left]
        elif word in _COMMON:
            front += [word, *([value] if (value := next(left, None)) is not None else [])]
        elif word.startswith(tuple(f"{one}=" for one in _COMMON)):
            front.append(word)
        else:
            rest.append(word)
    return front + rest


if __name__ == "__main__":
    main()
