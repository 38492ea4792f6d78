"""The feed as a value: it folds what everybody reads, and tells what has changed."""

from collections.abc import Sequence

from services.feed.changes import ANNOUNCES
from services.feed.domain import CUSTOMERS, Feed
from services.feed.store import SCHEMA
from shared.mongo import Database
from shared.mongo.generations import log_epoch
from shared.policies.adoption import Adopted
from shared.service import FoldingService
from shared.settings import Settings
from shared.topics import CHANGES, LOG


async def _make(database: Database, settings: Settings, policies: Sequence[Adopted]) -> Feed:
    del policies
    return Feed(settings.zone, await log_epoch(database))


SERVICE = FoldingService(
    name="feed",
    schema=SCHEMA,
    reads=(LOG,),
    writes=(CHANGES,),
    make_domain=_make,
    decides=Feed.decides,
    customers=CUSTOMERS,
    every_ms=50.0,
    announces=ANNOUNCES,
)
