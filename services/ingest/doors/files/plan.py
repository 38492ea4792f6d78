"""What to import in one run: files, each with a mapping or containing events."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, ValidationError

from services.ingest.admit import Candidate
from services.ingest.doors.files.drafts import is_events_file
from services.ingest.doors.files.forms import Part, one_or_many
from services.ingest.doors.files.mapping import Mapping, read_mapping
from shared.errors import Malformed
from shared.events.refusal import Refused
from shared.yaml_lines import load, read_text

MAX_FILES = 10_000
PLAN_SUFFIXES = (".yaml", ".yml")


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def anything(_: Candidate) -> Refused | None:
    """Who imports may send whatever the rules of events let pass."""
    return None


@dataclass(frozen=True, slots=True)
class Input:
    """A file; mapping: None if it contains events; called: how people know it, where its path says nothing to them."""

    path: Path
    mapping: Mapping | None = None
    called: str | None = None

    @property
    def name(self) -> str:
        """As it is named beside its refused rows."""
        return self.called or str(self.path)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to import. zone: of business days; backfill: as history; shift_to: the day of the last event; now: the clock
    for the age limit; may_send: what else is refused, by who imports.
    """

    inputs: Sequence[Input]
    zone: ZoneInfo
    backfill: bool = False
    shift_to: date | None = None
    now: Callable[[], datetime] = utc_now
    may_send: Callable[[Candidate], Refused | None] = anything

    @property
    def files(self) -> list[Path]:
        """The files in the given order; a file with several mappings appears several times."""
        return [one.path for one in self.inputs]


class _Step(Part):
    mapping: Annotated[str | None, Field(alias="map")] = None
    files: Annotated[tuple[str, ...], BeforeValidator(one_or_many), Field(min_length=1)]


class _PlanFile(Part):
    imports: Annotated[tuple[_Step, ...], Field(alias="import", min_length=1, max_length=1000)]


def read_plan(path: Path) -> list[Input]:
    """The inputs of a plan file. Paths are relative to its folder and may contain `*`:

    import:
      - map: purchases.yaml
        files: [2024/*.xlsx, orders.csv]
      - files: events.ndjson

    Raises Malformed with the line.
    """
    document = load(read_text(path), path.name)
    if not isinstance(document.value, dict) or "import" not in document.value:
        raise document.error((), "a plan needs `import`: a list of files, each with its `map`")
    try:
        plan = _PlanFile.model_validate(document.value)
    except ValidationError as error:
        raise document.invalid(error) from None
    steps: list[tuple[Path | None, list[Path]]] = []
    for index, step in enumerate(plan.imports):
        files = [found for name in step.files for found in _named(path.parent, name)]
        if not files:
            raise document.error(("import", index, "files"), f"no file matches {', '.join(step.files)}")
        steps.append((path.parent / step.mapping if step.mapping else None, files))
    return inputs_of(steps)


def inputs_of(steps: Sequence[tuple[Path | None, Sequence[Path]]]) -> list[Input]:
    """The inputs of steps, each a mapping's path (None for events) and its files. Raises Malformed for a mapping
    without files, one given twice for the same file, and files without a required mapping.
    """
    inputs: list[Input] = []
    mappings: dict[Path, Mapping] = {}
    seen: set[tuple[Path | None, Path]] = set()
    for name, files in steps:
        mapping = None
        if name is not None:
            if name not in mappings:
                mappings[name] = read_mapping(name)
            mapping = mappings[name]
            if not files:
                raise Malformed(f"--map {name} has no files; put its files after it: --map MAPPING FILES")
        for file in files:
            if (name and name.resolve(), file.resolve()) in seen:
                raise Malformed(f"{file} is given twice{f' for {name}' if name else ''}; give it once")
            seen.add((name and name.resolve(), file.resolve()))
            inputs.append(Input(file, mapping))
    if len(inputs) > MAX_FILES:
        raise Malformed(f"more than {MAX_FILES} files; split them into several runs")
    _check(inputs)
    return inputs


def _check(inputs: Sequence[Input]) -> None:
    for one in inputs:
        if not one.path.is_file():
            raise Malformed(f"{one.path}: no such file")
        if one.mapping is None and not is_events_file(one.path):
            hint = f"give a mapping with --map, or propose one with `guanxi import --guess {one.path}`"
            raise Malformed(f"{one.path}: {hint} (only .ndjson and .jsonl contain events)")
        if one.mapping is not None and is_events_file(one.path):
            raise Malformed(f"{one.path} contains events; it needs no mapping")


def steps_of(words: Sequence[str | Path], maps: Sequence[int]) -> list[tuple[Path | None, list[Path]]]:
    """The steps of a command line: `words` are its files, with a mapping at each index in `maps`.

    With one --map, it applies to all files, wherever they are; files of events need none. With several, each applies to
    the files after it. Raises Malformed for files before the first of several mappings.
    """
    paths = [Path(word) for word in words]
    ahead = paths[: maps[0]] if maps else paths
    events = [path for path in paths if is_events_file(path)] if maps else []
    steps: list[tuple[Path | None, list[Path]]] = []
    if not maps:
        return [(None, paths)]
    for number, place in enumerate(maps):
        end = maps[number + 1] if number + 1 < len(maps) else len(paths)
        steps.append((paths[place], [path for path in paths[place + 1 : end] if not is_events_file(path)]))
    loose = [path for path in ahead if not is_events_file(path)]
    if loose and len(maps) > 1:
        raise Malformed(f"{loose[0]}: with several --map, put the files of each after it: --map A FILES --map B FILES")
    if loose:
        steps[0] = (steps[0][0], [*loose, *steps[0][1]])
    if events and steps[0][1] == [] and len(maps) == 1:
        raise Malformed(f"{events[0]} contains events; it needs no mapping")
    return [*steps, (None, events)] if events else steps


def _named(folder: Path, name: str) -> list[Path]:
    """The files that match a name in a plan; one without `*` is kept as it is, so that a missing file is reported."""
    return sorted(folder.glob(name)) if "*" in name and not Path(name).is_absolute() else [folder / name]
