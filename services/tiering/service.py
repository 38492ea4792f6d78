"""Tiering as a value: it folds what customers are worth and decides their tiers."""

from collections.abc import Sequence

from services.tiering.domain import CUSTOMERS, Tiering
from services.tiering.handlers import ANNOUNCES
from services.tiering.policy_file import read_policies
from services.tiering.store import SCHEMA
from shared.mongo import Database
from shared.policies.adoption import Adopted
from shared.service import FoldingService
from shared.settings import Settings
from shared.topics import INBOX, LOG, TIERS


async def _make(database: Database, settings: Settings, policies: Sequence[Adopted]) -> Tiering:
    del database
    return Tiering(read_policies(policies), settings.zone)


def _take_up(domain: Tiering, policies: Sequence[Adopted]) -> None:
    domain.policies = read_policies(policies)


SERVICE = FoldingService(
    name="tiering",
    schema=SCHEMA,
    reads=(LOG,),
    writes=(INBOX, LOG, TIERS),
    rights={"policies": ("find",)},  # declared here, written by set-up and the operator only
    make_domain=_make,
    decides=Tiering.decides,
    customers=CUSTOMERS,
    take_up=_take_up,
    announces=ANNOUNCES,
)
