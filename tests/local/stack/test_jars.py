"""Kafka's jars: fetched once, whole or not at all, by one maker at a time. Maven is a stand-in here."""

import asyncio
from pathlib import Path

import pytest

from local.stack.errors import StackError
from local.stack.jars import ensure_jars, jars_folder, kafka_version

_WORKS = """#!/bin/sh
echo run >> "$MAVEN_RUNS"
for word; do case "$word" in -DoutputDirectory=*) folder="${word#*=}"; esac; done
touch "$folder/first.jar"
sleep 0.3
touch "$folder/last.jar"
"""
_FAILS = """#!/bin/sh
for word; do case "$word" in -DoutputDirectory=*) touch "${word#*=}/half.jar"; esac; done
echo "Could not resolve artifact org.example"
exit 1
"""


class Machine:
    """A machine with an empty cache and a Maven of our making."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self.runs = folder / "runs"
        self.said: list[str] = []
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        monkeypatch.setenv("MAVEN_RUNS", str(self.runs))
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def maven(self, script: str) -> None:
        file = self._folder / "mvn"
        file.write_text(script, encoding="ascii")
        file.chmod(0o755)

    def cached(self) -> list[str]:
        return sorted(path.name for path in jars_folder().parent.iterdir() if path.is_dir())


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


async def test_two_makers_at_once_fetch_once_and_both_get_all_of_it(machine: Machine) -> None:
    machine.maven(_WORKS)
    one, two = await asyncio.gather(ensure_jars(machine.said.append), ensure_jars(machine.said.append))
    assert one == two == jars_folder()
    assert sorted(path.name for path in one.iterdir()) == ["first.jar", "last.jar"]
    assert machine.runs.read_text(encoding="ascii").split() == ["run"]
    assert "Another process is fetching Kafka's jars; waiting for it" in machine.said
    await ensure_jars(machine.said.append)
    assert machine.runs.read_text(encoding="ascii").split() == ["run"]
    assert machine.cached() == [jars_folder().name]
    assert kafka_version() in jars_folder().name


async def test_a_failed_fetch_shows_what_maven_said_and_leaves_nothing(machine: Machine) -> None:
    machine.maven(_FAILS)
    with pytest.raises(StackError, match=r"(?s)exit code 1.*Could not resolve artifact org\.example"):
        await ensure_jars(machine.said.append)
    assert machine.cached() == []
    machine.maven(_WORKS)
    assert (await ensure_jars(machine.said.append) / "last.jar").exists()


async def test_an_interrupted_fetch_leaves_nothing(machine: Machine) -> None:
    machine.maven(_WORKS.replace("sleep 0.3", "sleep 300"))
    fetching = asyncio.create_task(ensure_jars(machine.said.append))
    while not machine.runs.exists():  # noqa: ASYNC110  (a shell script tells us nothing)
        await asyncio.sleep(0.01)
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert machine.cached() == []
