"""How long a process of query takes until it is ready. Its modules are compiled before, as they are in the image:
an environment that keeps no compiled modules (PYTHONDONTWRITEBYTECODE) doubles it.
"""

import asyncio
import time
from statistics import median

from tests.bench.arena import Arena
from tests.bench.door import Connections
from tests.bench.processes import cpu_seconds
from tests.bench.table import Line, Part

READY_SECONDS = 2.0
LOOK_SECONDS = 0.005
GIVEN_UP_SECONDS = 60.0
REQUEST = b"GET /readyz HTTP/1.1\r\nhost: bench\r\n\r\n"


async def starts(ground: Arena, times: int) -> Part:
    """From exec to 200 of /readyz, so many times after one that compiles; the last one goes on."""
    walls, cpus = [], []
    compiled = {"PYTHONPYCACHEPREFIX": str(ground.servers.folder / "compiled"), "PYTHONDONTWRITEBYTECODE": ""}
    ground.services.own["query"] = compiled
    await ground.services.stop("query")
    await ground.services.start("query")
    for _ in range(times):
        await ground.services.stop("query")
        began = time.perf_counter()
        process = await ground.services.launch("query")
        async with Connections(ground.services.url("query")) as connections, asyncio.timeout(GIVEN_UP_SECONDS):
            while not await _ready(connections):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(LOOK_SECONDS)
        walls.append(time.perf_counter() - began)
        cpus.append(cpu_seconds(process.pid))
    return Part(
        "Start of query",
        f"From before its process is made until /readyz says 200, {times} times, one after the other; medians. Modules "
        "are compiled.",
        (
            Line(
                "ready after", median(walls), "s", f"{min(walls):.2f} to {max(walls):.2f}; aim: under {READY_SECONDS:g}"
            ),
            Line("its CPU", median(cpus), "s", f"{min(cpus):.2f} to {max(cpus):.2f}"),
        ),
    )


async def _ready(connections: Connections) -> bool:
    try:
        status, _ = await connections.ask(REQUEST)
    except (OSError, EOFError):
        return False
    return status == 200
