"""Every `guanxi ...` that the documents and the product's own advice name is a command, with options that it has.

Lines of shell blocks must parse whole, as if somebody typed them; what stands in a sentence may leave arguments out.
"""

import re
import shlex
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from typer._click.exceptions import ClickException

from guanxi.cli import _load, _modules, common_first
from local.stack.paths import REPOSITORY

FENCE = re.compile(r"^\s*```(\w*)\s*$")
SHELLS = {"", "sh", "bash", "console"}
INLINE = re.compile(r"`(guanxi [^`\n]+)`")
ADVICE = re.compile(r"'(guanxi [a-z][^'\n{}]*)'")
ENDS = re.compile(r"^\d?[<>|;&]")
"""Of a word with which the shell takes over."""
COMMON = {"--stack", "--operator", "--help"}


def listed(*patterns: str) -> Iterator[tuple[str, str]]:
    """Files under version control, with their text."""
    done = subprocess.run(["git", "ls-files", *patterns], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for name in done.stdout.splitlines():
        if (REPOSITORY / name).is_file():
            yield name, (REPOSITORY / name).read_text(encoding="utf-8")


def words_of(line: str) -> list[str] | None:
    """What follows `guanxi` on a line of a shell; None where it runs something else."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        return None
    found = next((n for n, word in enumerate(words) if word == "guanxi" or word.endswith("/bin/guanxi")), None)
    if found is None:
        return None
    end = next((n for n, word in enumerate(words) if n > found and ENDS.match(word)), len(words))
    return words[found + 1 : end]


def parts(text: str) -> tuple[list[str], str]:
    """The lines of the shell blocks of a page, and what is outside of all blocks."""
    shell: list[str] = []
    prose: list[str] = []
    within: str | None = None
    for line in text.replace("\\\n", " ").splitlines():
        fence = FENCE.match(line)
        if fence:
            within = fence[1] if within is None else None
        elif within is None:
            prose.append(line)
        elif within in SHELLS:
            shell.append(line.strip())
    return shell, "\n".join(prose)


def shell_lines() -> Iterator[tuple[str, str]]:
    for name, text in listed("*.md"):
        yield from ((name, line) for line in parts(text)[0] if words_of(line))


def mentions() -> Iterator[tuple[str, str]]:
    for name, text in listed("*.md"):
        yield from ((name, found) for found in INLINE.findall(parts(text)[1]))
    for name, text in listed(
        "guanxi/*.py", "operations/*.py", "services/*.py", "shared/*.py", "deploy/prometheus/*.yml"
    ):
        yield from ((name, found) for found in ADVICE.findall(text))


def parse(words: list[str]) -> None:
    """As the command line does, without running anything. Raises ClickException."""
    rest = common_first(words)
    while rest[0].startswith("--"):
        assert rest[0].partition("=")[0] in COMMON, f"no option {rest[0]}"
        rest = rest[1:] if "=" in rest[0] or rest[0] == "--help" else rest[2:]
        if not rest:
            return
    name, *args = rest
    assert name in _modules(), f"there is no command {name!r}"
    _parse(_load(name, _modules()[name]), name, args)


def _parse(command: Any, path: str, args: list[str]) -> None:
    if "--help" in args:
        args = [word for word in args if word != "--help"]
        check_named(command, args)
        return
    context = command.make_context(path, list(args))
    rest = [*context._protected_args, *context.args] if hasattr(command, "commands") else []
    if rest:
        assert rest[0] in command.commands, f"{path} has no {rest[0]!r}"
        _parse(command.commands[rest[0]], f"{path} {rest[0]}", rest[1:])


def check_named(command: Any, words: list[str]) -> None:
    """That subcommands and options exist; arguments may be left out, or stand for others."""
    known = set(COMMON)
    for word in words:
        plain = word.strip("[],.:;()").partition("=")[0]
        if hasattr(command, "commands") and plain in command.commands:
            command = command.commands[plain]
        known |= {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
        if plain.startswith("--"):
            assert plain in known, f"no option {plain}"


@pytest.mark.parametrize(("where", "line"), [*shell_lines()])
def test_a_line_to_type_parses(where: str, line: str) -> None:
    try:
        parse(words_of(line) or [])
    except ClickException as error:
        pytest.fail(f"{where}: {line}: {error.format_message()}")


@pytest.mark.parametrize(("where", "said"), sorted(set(mentions())))
def test_a_command_that_is_named_exists_with_its_options(where: str, said: str) -> None:
    name, *words = said.removeprefix("guanxi ").split()
    if name.startswith("--"):
        assert name in COMMON
        return
    assert name in _modules(), f"{where}: {said}"
    check_named(_load(name, _modules()[name]), words)


def test_there_are_many_of_both() -> None:
    assert len([*shell_lines()]) > 60
    assert len({*mentions()}) > 60


@pytest.mark.parametrize(
    "line",
    [
        "guanxi statu",
        "guanxi rebuild",
        "guanxi keys create --sauce erp",
        "guanxi keys make",
        "docker compose run --rm cli guanxi backup",
        "guanxi backups prune /b --keep-daily many",
    ],
)
def test_a_line_that_does_not_work_is_found(line: str) -> None:
    with pytest.raises((ClickException, AssertionError)):
        parse(words_of(line) or [])


@pytest.mark.parametrize("said", ["rebuild SERVICE --costumer C", "keys create --sources"])
def test_an_option_that_does_not_exist_is_found(said: str) -> None:
    name, *words = said.split()
    with pytest.raises(AssertionError, match="no option"):
        check_named(_load(name, _modules()[name]), words)


def test_what_the_shell_does_is_left_to_it() -> None:
    assert words_of("GUANXI_OPERATOR=li docker compose run --rm cli guanxi audit --json > out  # all") == [
        *("audit", "--json"),
    ]
    assert words_of("guanxi backups open --identity key.txt <secrets.tar.age >secrets.tar") == [
        *("backups", "open", "--identity", "key.txt"),
    ]
    assert words_of("docker compose up -d") is None
