"""python -m tests.services.delivery --seeds 100"""

import argparse
import collections
import logging
import sys
import time

from tests.services.delivery.world import run

parser = argparse.ArgumentParser()
parser.add_argument("--seeds", type=int, default=100)
parser.add_argument("--first", type=int, default=0)
asked = parser.parse_args()
logging.disable(logging.CRITICAL)
began, failed, totals = time.monotonic(), 0, collections.Counter[str]()
for seed in range(asked.first, asked.first + asked.seeds):
    try:
        world = run(seed)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is a finding
        failed += 1
        print(f"seed {seed}: {type(error).__name__}: {str(error)[:300]}", flush=True)
    else:
        totals.update(changes=sum(world.sequences.values()), deliveries=world.got, kills=world.kills)
took = time.monotonic() - began
print(f"{asked.seeds} seeds, {failed} failed, {took:.0f} s; {dict(totals)}")
sys.exit(bool(failed))
