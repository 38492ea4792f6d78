"""The worker as a value: it does the jobs of the queue, by what operations/jobs knows.

Verifying reads all that services store, and the topics; exports read views. Written are the queue, the results, and
policies that somebody adopts (docs/adr/0044-...); events go through the door. The confidential views are read by
another user, as in query.
"""

from services import SERVICES
from services.worker.settings import WorkerSettings
from shared.mongo.access import every_generation
from shared.mongo.audit import RIGHTS as AUDITING
from shared.mongo.jobs import COLLECTIONS, INDEXES
from shared.mongo.policies import COLLECTION as POLICIES
from shared.mongo.schema import Schema
from shared.service import Privileges, Service
from shared.topics import INBOX, LOG, REJECTED

NAME = "worker"
READ = ("find",)
NOT_READ = frozenset({"people", "texts", "erasures", "trail"})
"""Names of persons, free texts, hashes of erased names, who read what: no job needs them."""

ADDS = {POLICIES: ("find", "insert"), **AUDITING}
"""A policy that somebody adopts in the console, and the entry that says who: both are only ever added to."""


def _rights() -> Privileges:
    """To read what the other services store, but names and texts, and what they show that is not confidential."""
    found: dict[str, tuple[str, ...]] = {}
    for name in SERVICES:
        if name == NAME:
            continue
        schema = SERVICES[name].schema
        shown = [view.name for view in schema.views if not view.confidential]
        stored = {*map(every_generation, schema.collections), *schema.plain_collections} - NOT_READ
        found |= dict.fromkeys((*sorted(stored), *shown), READ)
    return found | ADDS


SERVICE = Service(
    name=NAME,
    schema=Schema(NAME, plain_collections=COLLECTIONS, indexes=INDEXES),
    entry="operations.jobs.app:run",
    settings=WorkerSettings,
    reads=(INBOX, LOG, REJECTED),
    rights=_rights(),
)
