"""`make attacks`, or `python -m tests.attacks [NAME ...]`: attack the door, and print what others see of it."""

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

from local.stack.backing import backing
from local.stack.paths import REPOSITORY
from shared.keys.edit import create_key
from tests.attacks.attacker import ATTACKS
from tests.attacks.stand import Stand
from tests.services.ingest.doors.http.door import OLD_KEY_DAY
from tests.services.ingest.doors.http.running import ingest
from tests.services.ingest.real import PARTITIONS

SETTINGS = {
    "GUANXI_PARTITIONS": str(PARTITIONS),
    "GUANXI_HTTP_HOST": "127.0.0.1",
    "GUANXI_POLICY": str(REPOSITORY / "deploy" / "policies" / "default-cny.yaml"),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *ATTACKS], help=f"some of: {', '.join(ATTACKS)}")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each phase")
    parser.add_argument("--tree", type=Path, default=REPOSITORY, help="attack the door of another checkout")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="guanxi-attacks-", ignore_cleanup_errors=True) as folder:
        asyncio.run(_play(options, Path(folder)))
    return 0


async def _play(options: argparse.Namespace, folder: Path) -> None:
    async with backing(print) as servers:
        settings = {**servers.environment(), **SETTINGS}
        setup = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "guanxi", "setup", env={**os.environ, **settings}, cwd=options.tree
        )
        if await setup.wait():
            raise SystemExit("the set-up failed")
        for name in options.names or ATTACKS:
            (folder / name).mkdir()
            async with ingest(settings, folder / name, tree=options.tree, GUANXI_EVENTS_PER_SECOND="10000") as door:
                _, attackers = create_key(folder / name / "keys.yaml", ["*"], now=OLD_KEY_DAY)
                port = int(door.url.rpartition(":")[2])
                report = await Stand(port, door.token, attackers, door.process.rss_bytes).play(name, options.seconds)
                print("\n".join(report.lines()), flush=True)


if __name__ == "__main__":
    sys.exit(main())
