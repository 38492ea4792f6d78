"""Old and new in turn: the same measures on two trees, as often as asked for, with medians and ratios.

    python -m tests.bench.compare --old c416dc4 [--times 3] [--quick] load=8000 year stack latency=10

The old commit runs its own code in its own environment (build/trees, kept until `make clean`), driven by this tree's
benchmark. Old and new take turns, so that what else the machine does meets both; still, let it do nothing else. After
Ctrl-C the table shows what was measured until then.
"""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from tests.bench import in_process, texts, whole_stack
from tests.bench.measures import Chosen, chosen_of, ended, parser_of, say
from tests.bench.table import number
from tests.bench.trees import BUILD, Tree, driver, run_in, tree_of, working_tree

TIMES = 3
PROGRAMS = {"in_process": in_process, "whole_stack": whole_stack, "texts": texts}
MEASURES = {name: one for program in PROGRAMS.values() for name, one in program.MEASURES.items()}


@dataclass(slots=True)
class Row:
    """What was measured on each tree, time after time."""

    unit: str
    old: list[float] = field(default_factory=list)
    new: list[float] = field(default_factory=list)


Rows = dict[tuple[str, str], Row]
"""By measure, and what was measured."""


def render(old: str, new: str, rows: Rows) -> str:
    """Medians, their ratio, and the smallest and largest ratio of the turns."""
    lines = [f"{'':<48}{old:>12}{new:>12} {'':<11}{'ratio':>6}  of the turns", "-" * 102]
    last = ""
    for (measure, what), row in rows.items():
        if measure != last:
            lines.append(measure)
            last = measure
        medians = "".join(f"{number(median(values)) if values else '-':>12}" for values in (row.old, row.new))
        lines.append(f"  {what:<46}{medians} {row.unit:<11}{_ratios(row)}".rstrip())
    return "\n".join(lines)


def _ratios(row: Row) -> str:
    if not row.old or not row.new or not median(row.old):
        return ""
    turns = [new / old for old, new in zip(row.old, row.new, strict=False) if old]
    return f"{median(row.new) / median(row.old):>6.2f}  {min(turns):.2f} to {max(turns):.2f}"


class Comparison:
    """`rows` fill as the measures end."""

    def __init__(self, times: int) -> None:
        self.rows: Rows = {}
        self._times = times

    async def run(self, old: Tree, new: Tree, chosen: Chosen) -> None:
        """Each measure on the old and the new tree in turn."""
        with TemporaryDirectory(prefix="guanxi-bench-") as name:
            driving = driver(Path(name))
            for measure, size in chosen.items():
                for turn in range(1, self._times + 1):
                    for tree, is_new in ((old, False), (new, True)):
                        say(f"{measure}={size}: {tree.name}, {turn} of {self._times}")
                        for what, value, unit in await self._once(tree, measure, size, driving):
                            row = self.rows.setdefault((f"{measure}={size}", what), Row(unit))
                            (row.new if is_new else row.old).append(value)

    async def _once(self, tree: Tree, measure: str, size: int, driving: Path) -> Sequence[tuple[str, float, str]]:
        program = next(name for name, one in PROGRAMS.items() if measure in one.MEASURES)
        values = driving / "values.json"
        words = [f"tests.bench.{program}", f"{measure}={size}", f"--json={values}"]
        began = time.perf_counter()
        log = BUILD / "compare" / f"{measure}-{tree.name.replace(' ', '-')}.log"
        await run_in(tree, words, driving, log, say)
        found: list[tuple[str, float, str]] = json.loads(values.read_text(encoding="utf-8"))
        what, value, unit = found[0]
        say(f"  {what}: {number(value)} {unit}; {time.perf_counter() - began:.0f} s")
        return found


def main() -> int:
    parser = parser_of("compare", __doc__, MEASURES)
    parser.add_argument("--old", required=True, metavar="COMMIT", help="the old one")
    parser.add_argument("--new", metavar="COMMIT", help="the new one [the working tree]")
    parser.add_argument("--times", type=int, default=TIMES, help=f"turns of each measure [{TIMES}]")
    options = parser.parse_args()
    chosen = chosen_of(parser, options, MEASURES)
    comparison = Comparison(options.times)

    async def compare() -> None:
        old = await tree_of(options.old, say)
        new = await tree_of(options.new, say) if options.new else working_tree()
        await comparison.run(old, new, chosen)

    code = ended(compare())
    if comparison.rows:
        print(render(options.old, options.new or "this tree", comparison.rows))
    return code


if __name__ == "__main__":
    sys.exit(main())
