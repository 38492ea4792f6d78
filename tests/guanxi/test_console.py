"""What a command prints shows its bidirectional controls, so that no name turns around the line that it stands in."""

import io

import pytest
import typer
from rich.table import Table

from guanxi.console import fail, say
from guanxi.reading.console import make_console

NAME = "ab\u202egnp.exe\u2066"


def test_lines_and_errors_show_them(capsys: pytest.CaptureFixture[str]) -> None:
    say(NAME)
    with pytest.raises(typer.Exit):
        fail(NAME)
    out, err = capsys.readouterr()
    assert (out, err) == ("ab\\u202egnp.exe\\u2066\n", "guanxi: ab\\u202egnp.exe\\u2066\n")


def test_tables_show_them() -> None:
    out, table = io.StringIO(), Table("name")
    table.add_row(NAME)
    make_console(out).print(table)
    assert "ab\\u202egnp.exe\\u2066" in out.getvalue()
    assert "\u202e" not in out.getvalue()
