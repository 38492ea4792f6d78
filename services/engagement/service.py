"""Engagement as a value: it folds how customers are cared for, and decides what is owed to them."""

from collections.abc import Callable, Collection, Coroutine, Sequence
from datetime import datetime
from typing import Any

from services.engagement.domain import CUSTOMERS, Engagement
from services.engagement.store import SCHEMA
from services.engagement.store.rep_weeks import WeekSweep, leave_notes
from services.engagement.weeks import refresh_weeks, wrong_weeks, wrong_zone
from shared.mongo import Database
from shared.mongo.states import StateStore
from shared.policies.adoption import Adopted
from shared.policies.entitlements import Entitlements, make_entitlements
from shared.service import FoldingService
from shared.settings import Settings
from shared.topics import INBOX, LOG
from shared.yaml_lines import load


def read_entitlements(policies: Sequence[Adopted]) -> Entitlements:
    """What the tiers are entitled to, by version, each from the day for which it was adopted."""
    return make_entitlements([(one.effective_on, load(one.text, one.id).value.get("entitlements")) for one in policies])


async def _make(database: Database, settings: Settings, policies: Sequence[Adopted]) -> Engagement:
    del database
    return Engagement(read_entitlements(policies), settings.zone)


def _take_up(domain: Engagement, policies: Sequence[Adopted]) -> None:
    domain.customers.entitlements = read_entitlements(policies)


async def _set_up(database: Database, settings: Settings, policies: Sequence[Adopted], now: datetime) -> None:
    await refresh_weeks(database, policies, settings, now)


def _write_weeks(
    database: Database,
    store: StateStore,
    owned: Callable[[], Collection[int]],
    settings: Settings,
    now: Callable[[], datetime],
) -> Callable[[], Coroutine[Any, Any, None]]:
    return WeekSweep(database, store, owned, settings.partitions, now).run


SERVICE = FoldingService(
    name="engagement",
    schema=SCHEMA,
    reads=(LOG,),
    writes=(INBOX, LOG),
    make_domain=_make,
    decides=Engagement.decides,
    customers=CUSTOMERS,
    take_up=_take_up,
    set_up=_set_up,
    verify=wrong_weeks,
    examine=wrong_zone,
    notes=leave_notes,
    beside=_write_weeks,
)
