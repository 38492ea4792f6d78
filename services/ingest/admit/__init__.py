"""The rules of ingest, pure: which events are admitted, and which revision of a record holds.

`admit` judges an event by itself, the same at every door; `judge` judges it against earlier events; both return
refusals as values. The stages of `admit`: the envelope (`envelope`), the data by its type's model (`content`), rules
across fields (`rules`), names of persons and free texts taken out (`people`, `aside`). `read_quickly` does the same for
most events in one pass.
"""

from services.ingest.admit.admit import admit, refuse_key
from services.ingest.admit.aside import replaced_without_texts
from services.ingest.admit.candidate import Candidate, PersonName, WrittenText
from services.ingest.admit.claims import MAX_REVISIONS, Accepted, Claim, Duplicate, Entry, judge
from services.ingest.admit.derived import derived_from
from services.ingest.admit.erasing import (
    Erasing,
    Suppressed,
    erasings_of,
    said_of_erased,
    suppressed_as,
    with_ids,
    without_erased,
)
from services.ingest.admit.hints import by_headers, known_as
from services.ingest.admit.quick import read_quickly
from services.ingest.admit.rules import refuse_sender

__all__ = [
    "MAX_REVISIONS",
    "Accepted",
    "Candidate",
    "Claim",
    "Duplicate",
    "Entry",
    "Erasing",
    "PersonName",
    "Suppressed",
    "WrittenText",
    "admit",
    "by_headers",
    "derived_from",
    "erasings_of",
    "judge",
    "known_as",
    "read_quickly",
    "refuse_key",
    "refuse_sender",
    "replaced_without_texts",
    "said_of_erased",
    "suppressed_as",
    "with_ids",
    "without_erased",
]
