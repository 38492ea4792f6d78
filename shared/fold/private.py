"""What of a stored document no reader sees, declared once: every view over documents that are folded leaves it out."""

from datetime import datetime
from typing import Any, TypedDict


class Bookkeeping(TypedDict, total=False):
    """What the processor keeps beside what the domain says of a key. A field that is not declared here is a type error
    where documents are made (shared/fold/entity.py), so that none becomes public by being forgotten.
    """

    due_at: datetime | None
    review_at: datetime
    live: bool
    fold_version: int
    pending: list[dict[str, Any]]
    marked_due: bool
    behind: bool


PRIVATE = ("fold", *Bookkeeping.__annotations__)
"""The domain's fold, and the above. What else a service keeps to itself its schema names (`Schema.private`)."""
