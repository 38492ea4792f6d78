"""`python -m tests.sim --seeds 2000`: run seeds, say which fail, make them small; or see what finds planted bugs.

A failing case is printed as one line of JSON, which `--case` replays exactly, with `--trace` step by step.
"""

import argparse
import os
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from tests.sim.plants import PLANTS
from tests.sim.run import Case, Outcome, case_of, run
from tests.sim.scenarios import SCENARIOS
from tests.sim.shrink import shrink

CHUNK = 50
COMMON, COMMON_SEEDS = 10, 200
"""A planted bug that so many of so few seeds find is common; no more are run."""
MAX_SHOWN = 5
"""Failing seeds that are made small and shown; the others are counted."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when nothing was found, or, with planted bugs, when each was."""
    options = _parser().parse_args(arguments)
    if options.case or options.seed is not None:
        case = case_of(options.case) if options.case else Case(options.seed, options.scenario)
        return _one(case, options.plant, trace=options.trace)
    if options.plant == "all":
        return _plants(options)
    return _many(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many seeds to run")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes to run them in")
    parser.add_argument("--seed", type=int, help="run this seed alone")
    parser.add_argument("--case", help="run this case alone: JSON, as printed for a failing seed")
    parser.add_argument("--trace", action="store_true", help="with --seed or --case: show every step")
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), default="toy", help="what folds the log")
    names = [*PLANTS, "all"]
    parser.add_argument("--plant", choices=names, metavar="NAME", help=f"plant a bug: {', '.join(names)}")
    return parser


def _one(case: Case, plant: str | None, *, trace: bool) -> int:
    outcome = run(case, PLANTS[plant].parts if plant else None, trace=print if trace else None)
    _show(outcome)
    return 1 if outcome.broken else 0


def _show(outcome: Outcome) -> None:
    what = f"broken: {outcome.broken}: {outcome.details}" if outcome.broken else "nothing broken"
    print(f"seed {outcome.case.seed}: {outcome.records} records, {outcome.decisions} decisions, {what}")


def _chunk(scenario: str, first: int, count: int, plant: str | None) -> list[Outcome]:
    parts = PLANTS[plant].parts if plant else None
    scenario = PLANTS[plant].scenario if plant else scenario
    return [run(Case(seed, scenario), parts) for seed in range(first, first + count)]


def _outcomes(options: argparse.Namespace, plant: str | None) -> Iterator[Outcome]:
    end = options.first + options.seeds
    starts = range(options.first, end, CHUNK)
    counts = [min(CHUNK, end - start) for start in starts]
    if options.jobs == 1:
        for start, count in zip(starts, counts, strict=True):
            yield from _chunk(options.scenario, start, count, plant)
        return
    with ProcessPoolExecutor(options.jobs) as pool:
        for chunk in pool.map(_chunk, [options.scenario] * len(counts), starts, counts, [plant] * len(counts)):
            yield from chunk


def _many(options: argparse.Namespace) -> int:
    began, failed, steps, records, decisions = time.perf_counter(), 0, 0, 0, 0
    for number, outcome in enumerate(_outcomes(options, options.plant), start=1):
        steps, records, decisions = (
            steps + outcome.steps,
            records + outcome.records,
            decisions + outcome.decisions,
        )
        if outcome.broken:
            failed += 1
            if failed <= MAX_SHOWN:
                _report(outcome, options.plant)
        if number % 1000 == 0:
            print(f"{number} seeds, {failed} failed, {number / (time.perf_counter() - began):.0f} seeds/s", flush=True)
    seconds = time.perf_counter() - began
    print(
        f"{options.seeds} seeds from {options.first}: {failed} failed; {records} inbox records, {decisions} decisions, "
        f"{steps} steps, {seconds:.0f} s, {_cpu_seconds():.0f} s of CPU, {options.seeds / seconds:.0f} seeds/s"
    )
    return 1 if failed else 0


def _cpu_seconds() -> float:
    """Of this process and those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _report(outcome: Outcome, plant: str | None) -> None:
    _show(outcome)
    smaller = shrink(outcome, PLANTS[plant].parts if plant else None, say=lambda line: print(f"  {line}"))
    print(f"  {smaller.details}")
    planted = f" --plant {plant}" if plant else ""
    print(f"  replay: python -m tests.sim{planted} --trace --case '{smaller.case.text()}'", flush=True)


def _plants(options: argparse.Namespace) -> int:
    missed = 0
    print(f"{'planted bug':25} {'found by':>12}  first  breaks")
    for name, plant in PLANTS.items():
        found: list[int] = []
        tried = 0
        for tried, outcome in enumerate(_outcomes(options, name), start=1):
            if outcome.broken:
                found.append(outcome.case.seed)
            if tried == COMMON_SEEDS and len(found) >= COMMON:
                break
        missed += not found
        first = found[0] if found else "-"
        print(f"{name:25} {len(found):>5} / {tried:<5} {first:>5}  {plant.breaks}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
