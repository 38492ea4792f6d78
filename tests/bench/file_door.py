"""The file door: a CSV file of many rows through `guanxi import` onto the inbox; what the command alone takes."""

import asyncio
import csv
import json
import random
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from local.stack.paths import REPOSITORY
from tests.bench.arena import Arena
from tests.bench.table import Line, Part

ROWS = 1_000_000
SMALL_ROWS = 100_000
WANT_SECONDS = 300
TIMEOUT_SECONDS = 3600.0
MAPPING = """
time_zone: Asia/Shanghai
columns: {amount: {number: {thousands: ","}}}
event:
  id: "bench-order-{no}"
  source: bench-files
  subject: "{customer}"
  time: {column: at, format: "%Y-%m-%d %H:%M"}
  data.currency: CNY
rules:
  - event:
      type: guanxi.purchase.recorded.v1
      data.purchase_id: "{no}"
      data.amount: {column: amount}
"""
_RUN = """
import atexit, json, resource, sys
told_to = sys.argv.pop(1)

@atexit.register
def tell():
    used = resource.getrusage(resource.RUSAGE_SELF)
    with open(told_to, "w") as out:
        json.dump([used.ru_utime + used.ru_stime, used.ru_maxrss / 1024], out)

from guanxi.cli import main
main()
"""
"""The command, which at its end tells what it took."""


@dataclass(frozen=True, slots=True)
class Used:
    """What an import took of its own process."""

    cpu_seconds: float
    peak_mb: float


def write_rows(path: Path, rows: int, seed: int, now: datetime) -> None:
    """Purchases of 50,000 customers over the last year, in no order."""
    drawn = random.Random(seed)
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["no", "at", "customer", "product", "amount"])
        for number in range(rows):
            at = now - timedelta(minutes=drawn.randrange(60, 500_000))
            amount = f"{drawn.randrange(100, 10_000_000) / 100:,.2f}"
            out.writerow([f"{seed}-{number}", f"{at:%Y-%m-%d %H:%M}", f"F{drawn.randrange(50_000)}", "轴承", amount])


async def measure(ground: Arena, rows: int, seed: int, now: datetime) -> Part:
    """Two files of different size, so that one sees whether memory grows with them."""
    with tempfile.TemporaryDirectory(prefix="guanxi-bench-") as folder:
        small = await _import(Path(folder), min(SMALL_ROWS, rows), seed, now, ground.services.environment)
        large = await _import(Path(folder), rows, seed + 1, now, ground.services.environment)
    return Part(
        "file door",
        f"guanxi import of {rows:,} rows of CSV through a mapping with a number format and a time zone: read, judged, "
        "looked through for rows that would be lost, put in order, sent, and each row's outcome learned.",
        (
            Line("CPU of the command", large.cpu_seconds, "s", f"wanted: under {WANT_SECONDS} for a million rows"),
            Line("rows per CPU second", rows / large.cpu_seconds, "rows/s"),
            Line("peak memory", large.peak_mb, "MB"),
            Line(f"peak memory with {min(SMALL_ROWS, rows):,} rows", small.peak_mb, "MB"),
        ),
    )


async def _import(folder: Path, rows: int, seed: int, now: datetime, environment: Mapping[str, str]) -> Used:
    data, mapping, told = folder / "rows.csv", folder / "map.yaml", folder / "used.json"
    await asyncio.to_thread(write_rows, data, rows, seed, now)
    mapping.write_text(MAPPING, encoding="utf-8")
    words = ["import", str(data), "--map", str(mapping), "--strict", "--refused", str(folder / "refused.csv")]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _RUN, str(told), *words),
        env=dict(environment),
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(), TIMEOUT_SECONDS)
    if process.returncode:
        raise RuntimeError(f"the import ended with {process.returncode}: {out.decode()[-2000:]}")
    return Used(*json.loads(told.read_text(encoding="utf-8")))
