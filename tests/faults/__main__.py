"""`make faults`, or `python -m tests.faults [NAME ...]`: break everything in turn, and print one table.

Real Kafka, real MongoDB, real processes. Ends with 1 when a promise did not hold.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.faults import of_input, of_network, of_processes, of_servers
from tests.faults.fault import Report, run, shared_servers
from tests.faults.table import markdown

FAULTS = {
    fault.name: fault for fault in (*of_processes.FAULTS, *of_servers.FAULTS, *of_network.FAULTS, *of_input.FAULTS)
}
MAX_SHOWN = 10


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *FAULTS], help=f"some of: {', '.join(FAULTS)}")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000, help="of what is sent and when")
    parser.add_argument("--write", type=Path, help="put the table into this file")
    parser.add_argument("--keep", type=Path, help="keep logs in this folder")
    options = parser.parse_args()
    if options.keep:
        return asyncio.run(_play(options, options.keep))
    with tempfile.TemporaryDirectory(prefix="guanxi-faults-", ignore_cleanup_errors=True) as folder:
        return asyncio.run(_play(options, Path(folder)))


async def _play(options: argparse.Namespace, folder: Path) -> int:
    print(f"seed {options.seed}", flush=True)
    reports: list[Report] = []
    async with shared_servers(folder) as servers:
        for name in options.names or FAULTS:
            report = await run(FAULTS[name], servers, folder / name, seed=options.seed)
            reports.append(report)
            state = f"not run: {report.not_run}" if report.not_run else "held" if report.held else "BROKEN"
            print(f"{name}: {state}, {report.seconds:.0f} s", flush=True)
            for line in [report.error, *report.verdict.broken][: MAX_SHOWN + 1]:
                if line:
                    print(f"  {line}", flush=True)
            if options.write:
                options.write.write_text(_page(markdown(reports), options.seed), encoding="utf-8")
    print(f"\n{markdown(reports)}")
    return 0 if all(one.held or one.not_run for one in reports) else 1


def _page(table: str, seed: int) -> str:
    on = datetime.now(UTC).date().isoformat()
    return (
        "# Faults\n\n"
        f"Made by `make faults` on {on}, seed {seed}: one Kafka broker, three nodes of MongoDB, the services as\n"
        "processes, all on one machine. What each column promises stands in [promises.md](promises.md). Three\n"
        "machines, three brokers: [cluster.md](cluster.md#what-a-loss-does).\n\n"
        f"{table}"
    )


if __name__ == "__main__":
    sys.exit(main())
