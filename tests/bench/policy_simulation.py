"""`guanxi policy simulate` over a generated log: time and memory. `python -m tests.bench.policy_simulation --help`.

Starts a Kafka and a MongoDB of its own, without the services: the log is written as they would have left it.
"""

import argparse
import asyncio
import os
import re
import sys
import time
from pathlib import Path

from pydantic import SecretStr

from guanxi.running import run
from local.stack.backing import backing
from local.stack.paths import REPOSITORY
from operations.setup.run import SetupSettings, set_up
from services.tiering.domain import Tiering
from services.tiering.policy_file import read_policy
from shared.kafka.batches import Appender
from shared.topics import LOG
from tests.bench.simulated_log import generated

POLICIES = REPOSITORY / "deploy" / "policies"
POLICY = POLICIES / "default-cny.yaml"
CHUNK = 20_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.policy_simulation", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--customers", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--file", type=Path, default=POLICIES / "wholesale-gbp.yaml", help="the policy that is tried")
    run(_measure(parser.parse_args()))


async def _measure(options: argparse.Namespace) -> None:
    async with backing(print, real_kafka_only=True) as servers:
        settings = SetupSettings(
            kafka_bootstrap=servers.kafka_bootstrap, mongo_uri=SecretStr(servers.mongo_uri), policy=POLICY
        )
        await set_up(settings)
        domain = Tiering((read_policy(POLICY.read_text(encoding="utf-8"), POLICY.name),), settings.zone)
        began, written = time.monotonic(), 0
        appender, chunk = Appender(settings), []
        for record in generated(options.events, options.customers, settings.partitions, options.seed, domain):
            chunk.append(record)
            if len(chunk) == CHUNK:
                await appender.append(LOG.full_name(settings), chunk)
                written, chunk = written + len(chunk), []
        await appender.append(LOG.full_name(settings), chunk)
        await appender.close()
        written += len(chunk)
        print(f"{written:,} records written in {time.monotonic() - began:.0f} s", flush=True)
        await _simulate(servers.environment(), options.file, written)


async def _simulate(environment: dict[str, str], file: Path, records: int) -> None:
    """The command as an operator runs it, under the eyes of /usr/bin/env time's kin: what the kernel says of it."""
    words = [sys.executable, "-m", "guanxi", "policy", "simulate", str(file)]
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *words, env={**os.environ, **environment}, stdout=asyncio.subprocess.PIPE
    )
    peak_kb = 0
    while process.returncode is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        except OSError:
            break
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        peak_kb = max(peak_kb, int(found[1]) if found else 0)
        await asyncio.sleep(0.25)
    said, _ = await process.communicate()
    seconds = time.monotonic() - began
    print(said.decode())
    print(
        f"{records:,} records in {seconds:.1f} s: {1e6 * seconds / records:.1f} µs each; peak {peak_kb / 1024:.0f} MB"
    )


if __name__ == "__main__":
    main()
