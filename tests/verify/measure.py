"""How quickly `guanxi verify` checks a log, and how much memory it takes: python -m tests.verify.measure [events]

Starts a system of its own, sends it the benchmark's mix, waits until all is folded, and runs the command as an operator
does. It takes some three minutes and two cores.
"""

import asyncio
import json
import os
import resource
import sys
import time
from pathlib import Path
from random import Random

from guanxi.stack.paths import REPOSITORY
from tests.bench import load
from tests.bench.arena import Arena, arena
from tests.bench.throughput import now, prepare, run

EVENTS = 200_000
CUSTOMERS = 20_000


async def main(events: int) -> None:
    """Make the log, then measure."""
    async with arena(print) as place:
        rate, _ = await prepare(place, CUSTOMERS, 1)
        print(f"first purchases: {rate.per_second:,.0f} events/s")
        rest = list(load.mixed(events - CUSTOMERS, CUSTOMERS, Random(2).randrange(1000), now()))
        rate = await run(place, rest)
        print(f"mixed load: {rate.per_second:,.0f} events/s")
        for words in (("verify",), ("verify", "--sample", "5%"), ("doctor",), ("verify", "log")):
            await _measured(place, *words)


async def _measured(place: Arena, *words: str) -> None:
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "guanxi",
        *words,
        "--json",
        "--quiet",
        env=place.services.environment,
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    reading = asyncio.create_task(process.stdout.read())
    peak_kb = 0
    while not reading.done():
        peak_kb = max(peak_kb, _peak_kb(process.pid))
        await asyncio.sleep(0.05)
    code = await process.wait()
    seconds = time.perf_counter() - began
    said = json.loads(await reading)
    told = f"{' '.join(words):<24} exit {code}, {seconds:6.1f} s, peak {peak_kb / 1024:,.0f} MB"
    if "records_read" in said:
        rate = said["records_read"] / max(said["seconds"], 0.1)
        told += f", {said['differences']} differences, {said['records_read']:,} records read, {rate:,.0f}/s"
        told += f" | {said['looked_at']}"
    print(told, flush=True)


def _peak_kb(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS))
    print(f"this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB, {os.cpu_count()} cores")
