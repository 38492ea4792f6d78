"""`.env.example` and the Compose files know the same variables, with the same defaults. Needs no Docker."""

import re

from local.stack.paths import REPOSITORY

USED = re.compile(r"\$\{(GUANXI_[A-Z_]+)(?::-([^}]*))?\}")
DOCUMENTED = re.compile(r"^#(GUANXI_[A-Z_]+)=(.*)$", re.MULTILINE)


def used() -> dict[str, set[str]]:
    """Defaults by variable, in all Compose files."""
    found: dict[str, set[str]] = {}
    for file in sorted(REPOSITORY.glob("docker-compose*.yml")):
        for name, default in USED.findall(file.read_text(encoding="utf-8")):
            found.setdefault(name, set()).add(default)
    return found


def documented() -> dict[str, str]:
    text = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
    return dict(DOCUMENTED.findall(text))


def test_every_variable_of_the_compose_files_is_documented_with_its_default() -> None:
    assert {name: {default} for name, default in documented().items()} == used()
