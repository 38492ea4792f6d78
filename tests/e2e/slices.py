"""The real invoices, whole or in part, as files to import."""

import csv
import gzip
import json
import os
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from local.demo.stage import write_story
from local.stack.paths import REPOSITORY

INVOICES = REPOSITORY / "data" / "online-retail" / "invoices.csv.gz"
CUSTOMERS = int(os.environ.get("GUANXI_E2E_CUSTOMERS", "5000"))
"""How many of the 4,372 customers the end-to-end proofs take: all, unless told. A few hundred do for a quick look."""

ABOUT_US = ".representative."
Rows = list[dict[str, str]]


def rows() -> Rows:
    """The rows of the customers taken, and those without a customer."""
    with gzip.open(INVOICES, "rt", encoding="utf-8", newline="") as text:
        found = list(csv.DictReader(text))
    taken = {*sorted({row["customer_id"] for row in found})[: CUSTOMERS + 1], ""}
    return [row for row in found if row["customer_id"] in taken]


def around(found: Rows, folder: Path, last_on: date) -> Path:
    """The simulated events around the customers of some rows, moved like the rows: a file of events."""
    customers = {row["customer_id"] for row in found}
    whole = write_story(folder, last_on, seed=7).events.read_text(encoding="utf-8").splitlines()
    kept = [line for line in whole if (said := json.loads(line))["subject"] in customers or ABOUT_US in said["type"]]
    path = folder / "around.ndjson"
    path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    return path


def in_parts(found: Rows, parts: int) -> list[Rows]:
    """Rows with a customer, each customer's in one part."""
    return [[row for row in found if row["customer_id"] and int(row["customer_id"]) % parts == n] for n in range(parts)]


def write(path: Path, part: Iterable[dict[str, str]]) -> Path:
    """A file like the original."""
    part = list(part)
    with gzip.open(path, "wt", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, list(part[0]))
        writer.writeheader()
        writer.writerows(part)
    return path
