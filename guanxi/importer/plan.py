"""What to import: files, each with a mapping or with events in it already, in one run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, ValidationError

from guanxi.importer.drafts import is_events_file
from guanxi.importer.forms import Part, one_or_many
from guanxi.importer.mapping import Mapping, read_mapping
from guanxi.importer.yaml_lines import load, read_text
from shared.errors import Malformed

MAX_FILES = 10_000
PLAN_SUFFIXES = (".yaml", ".yml")


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Input:
    """A file; mapping: None where it holds events."""

    path: Path
    mapping: Mapping | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What to import. zone: of business days; backfill: as history; shift_to: the day on which the last event falls;
    now: the clock by which ages are judged.
    """

    inputs: Sequence[Input]
    zone: ZoneInfo
    backfill: bool = False
    shift_to: date | None = None
    now: Callable[[], datetime] = utc_now

    @property
    def files(self) -> list[Path]:
        """The files, in the order given; one that has several mappings stands several times."""
        return [one.path for one in self.inputs]


class _Step(Part):
    mapping: Annotated[str | None, Field(alias="map")] = None
    files: Annotated[tuple[str, ...], BeforeValidator(one_or_many), Field(min_length=1)]


class _PlanFile(Part):
    imports: Annotated[tuple[_Step, ...], Field(alias="import", min_length=1, max_length=1000)]


def read_plan(path: Path) -> list[Input]:
    """The inputs of a plan file. Its paths are taken from its own folder, and may have `*` in them:

    import:
      - map: purchases.yaml
        files: [2024/*.xlsx, orders.csv]
      - files: events.ndjson

    Raises Malformed that names the line.
    """
    document = load(read_text(path), path.name)
    if not isinstance(document.value, dict) or "import" not in document.value:
        raise document.error((), "a plan has `import`: a list of files, each with its `map`")
    try:
        plan = _PlanFile.model_validate(document.value)
    except ValidationError as error:
        raise document.invalid(error) from None
    steps: list[tuple[Path | None, list[Path]]] = []
    for index, step in enumerate(plan.imports):
        files = [found for name in step.files for found in _named(path.parent, name)]
        if not files:
            raise document.error(("import", index, "files"), f"no file is named {', '.join(step.files)}")
        steps.append((path.parent / step.mapping if step.mapping else None, files))
    return inputs_of(steps)


def inputs_of(steps: Sequence[tuple[Path | None, Sequence[Path]]]) -> list[Input]:
    """The inputs of steps, each a mapping's path (None for events) and the files that it is for. Raises Malformed for
    a mapping without files, one that is given twice for the same file, and files that need one and have none.
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
                raise Malformed(f"--map {name} has no files; a mapping is followed by its files: --map MAPPING FILES")
        for file in files:
            if (name and name.resolve(), file.resolve()) in seen:
                raise Malformed(f"{file} stands twice{f' for {name}' if name else ''}; name it once")
            seen.add((name and name.resolve(), file.resolve()))
            inputs.append(Input(file, mapping))
    if len(inputs) > MAX_FILES:
        raise Malformed(f"more than {MAX_FILES} files; import them in several runs")
    _check(inputs)
    return inputs


def _check(inputs: Sequence[Input]) -> None:
    for one in inputs:
        if not one.path.is_file():
            raise Malformed(f"{one.path}: there is no such file")
        if one.mapping is None and not is_events_file(one.path):
            hint = f"name a mapping with --map, or see what fits with `guanxi import --guess {one.path}`"
            raise Malformed(f"{one.path}: {hint} (only .ndjson and .jsonl hold events already)")
        if one.mapping is not None and is_events_file(one.path):
            raise Malformed(f"{one.path} holds events already; it needs no mapping")


def steps_of(words: Sequence[str | Path], maps: Sequence[int]) -> list[tuple[Path | None, list[Path]]]:
    """The steps of a command line: `words` are its files, with a mapping at each place of `maps`.

    With one --map, all files are its files, wherever they stand; files of events need none. With several, each has the
    files behind it. Raises Malformed for files of no mapping in front of several.
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
        raise Malformed(f"{loose[0]}: with several --map, each is followed by its files: --map A FILES --map B FILES")
    if loose:
        steps[0] = (steps[0][0], [*loose, *steps[0][1]])
    if events and steps[0][1] == [] and len(maps) == 1:
        raise Malformed(f"{events[0]} holds events already; it needs no mapping")
    return [*steps, (None, events)] if events else steps


def _named(folder: Path, name: str) -> list[Path]:
    """The files that a name of a plan means; one without `*` is taken as it is, so that a missing one is said."""
    return sorted(folder.glob(name)) if "*" in name and not Path(name).is_absolute() else [folder / name]
