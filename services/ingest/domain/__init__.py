"""What ingest knows and decides, pure: which events are admitted, and which of them is a record's truth.

`admit` judges an event by itself, at every door alike; `judge` judges it against what came before; both return
refusals as values. The stages of `admit`: the envelope (`envelope`), the data by its type's model (`content`), rules
across fields (`rules`), names of persons taken out (`people`). `read_quickly` says the same of most events at once.
"""

from services.ingest.domain.admit import admit, refuse_key
from services.ingest.domain.candidate import Candidate, PersonName
from services.ingest.domain.claims import MAX_REVISIONS, Accepted, Claim, Duplicate, Entry, judge
from services.ingest.domain.hints import by_headers, known_as
from services.ingest.domain.quick import read_quickly

__all__ = [
    "MAX_REVISIONS",
    "Accepted",
    "Candidate",
    "Claim",
    "Duplicate",
    "Entry",
    "PersonName",
    "admit",
    "by_headers",
    "judge",
    "known_as",
    "read_quickly",
    "refuse_key",
]
