"""The same events through guanxi and through what others use for a keyed sum, on the same Kafka and MongoDB.

    python -m tests.bench.peers [naive] [quix] [faust] [kafka-streams] [--customers 50000] [--events 50000]

Every customer has a first purchase before anything is measured; then comes the mix, through one after the other. The
services of guanxi are stopped while the others work. The peers' packages are installed under build/, by hash.
"""

import argparse
import sys
from collections.abc import Mapping
from itertools import chain

from local.stack.errors import StackError
from tests.bench import load, throughput
from tests.bench.arena import Arena, arena
from tests.bench.load import Load
from tests.bench.measures import ended, say
from tests.bench.peers.service import NOT_BY_ANY, PEERS, rate, running
from tests.bench.table import WIDTH, number, wrapped
from tests.bench.throughput import Rate

CUSTOMERS = 50_000
EVENTS = 50_000
OURS = "guanxi"
SERVERS = ("MongoDB (mongod)", "Kafka (java)")
LOAD = "the load itself"


def costs(found: Rate) -> dict[str, float]:
    """Microseconds of CPU per event, by process; the load, which is the same for all, is left out."""
    return {name: 1e6 * seconds / found.events for name, seconds in found.cpu.items() if name != LOAD}


def render(found: Mapping[str, Rate]) -> str:
    """The table: its own CPU, the servers', all of it, and against guanxi's; and what each does not do."""
    heads = ("events/s", "its own", "MongoDB", "Kafka", "in all", "to guanxi")
    lines = [f"{'CPU, µs per event':<36}" + "".join(f"{head:>10}" for head in heads), "-" * WIDTH]
    whole = sum(costs(found[OURS]).values()) if OURS in found else float("nan")
    for name, one in found.items():
        by_process = costs(one)
        servers = [by_process.get(server, float("nan")) for server in SERVERS]
        total = sum(by_process.values())
        own = sum(cost for process, cost in by_process.items() if process not in SERVERS)
        title = PEERS[name].title if name in PEERS else name
        values = (one.per_second, own, *servers, total, total / whole)
        lines.append(f"{title:<36}" + "".join(f"{number(value):>10}" for value in values))
        if name == OURS:
            parts = ((process, cost) for process, cost in by_process.items() if process not in SERVERS)
            lines += [f"  {process:<34}{'':>10}{number(cost):>10}" for process, cost in parts]
        if name in PEERS:
            lines += [f"  {line}" for line in wrapped(f"Does not: {PEERS[name].lacks}.", WIDTH - 2, "")]
    lines += ["", *wrapped(f"No peer does: {NOT_BY_ANY}.", WIDTH, "")]
    return "\n".join(lines)


async def _ours(ground: Arena, first: list[Load], mixed: list[Load]) -> Rate:
    say(f"{OURS}: {len(first):,} first purchases")
    await ground.write(list(load.representatives(throughput.now())))
    await throughput.run(ground, first)
    say(f"  {len(mixed):,} events of the mix")
    return await throughput.run(ground, mixed)


async def _all(options: argparse.Namespace, found: dict[str, Rate]) -> None:
    now = throughput.now()
    first = list(load.first_purchases(options.customers, options.seed, now))
    mixed = list(load.mixed(options.events, options.customers, options.seed, now))
    async with arena(say) as ground:
        if not options.without_guanxi:
            found[OURS] = await _ours(ground, first, mixed)
            await throughput.verify(ground, list(chain(first, mixed)), options.seed)
        await ground.services.stop_all()
        for name in options.peers or PEERS:
            peer = PEERS[name]
            try:
                async with running(ground, peer) as process:
                    say(f"{peer.title}: {len(first):,} first purchases")
                    await rate(ground, peer, process, first)
                    say(f"  {len(mixed):,} events of the mix")
                    found[name] = await rate(ground, peer, process, mixed)
            except StackError as error:  # the others can still be measured
                say(f"{peer.title} is left out: {error}")
                options.failed = True


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("peers", nargs="*", metavar="PEER", help=f"{', '.join(PEERS)} [all]")
    parser.add_argument("--customers", type=int, default=CUSTOMERS, help=f"[{CUSTOMERS}]")
    parser.add_argument("--events", type=int, default=EVENTS, help=f"of the mix [{EVENTS}]")
    parser.add_argument("--without-guanxi", action="store_true", help="the peers alone")
    parser.add_argument("--seed", type=int, default=1)
    parser.set_defaults(failed=False)
    options = parser.parse_args()
    if unknown := set(options.peers) - set(PEERS):
        parser.error(f"there is no peer {min(unknown)!r}; there are {', '.join(PEERS)}")
    found: dict[str, Rate] = {}
    code = ended(_all(options, found))
    if found:
        print(render(found))
    return code or int(options.failed)


if __name__ == "__main__":
    sys.exit(main())
