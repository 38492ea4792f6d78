"""Planning as a value: it folds plans, services and groups, and decides which plans, steps and reviews are late."""

from collections.abc import Sequence

from services.planning.catalogue_file import make_catalogues
from services.planning.domain import CUSTOMERS, Planning
from services.planning.store import SCHEMA
from shared.mongo import Database
from shared.policies.adoption import Adopted
from shared.service import FoldingService
from shared.settings import Settings
from shared.topics import INBOX, LOG


async def _make(database: Database, settings: Settings, policies: Sequence[Adopted]) -> Planning:
    del database, policies  # the catalogue is no policy
    return Planning(make_catalogues(), settings.zone)


SERVICE = FoldingService(
    name="planning",
    schema=SCHEMA,
    reads=(LOG,),
    writes=(INBOX, LOG),
    make_domain=_make,
    decides=Planning.decides,
    customers=CUSTOMERS,
    every_ms=200.0,
)
