"""Archives as a value: it folds profiles and who may read them, and decides which have lapsed."""

from collections.abc import Sequence

from services.archives.domain import CUSTOMERS, Archives
from services.archives.store import SCHEMA
from services.archives.template_file import adopted_templates, make_templates
from shared.mongo import Database
from shared.mongo.policies import TEMPLATES
from shared.mongo.trail import TRAIL
from shared.policies.adoption import Adopted
from shared.service import FoldingService
from shared.settings import Settings
from shared.topics import INBOX, LOG


async def _make(database: Database, settings: Settings, templates: Sequence[Adopted]) -> Archives:
    del database
    return Archives(make_templates(adopted_templates(templates)), settings.zone)


def _take_up(domain: Archives, templates: Sequence[Adopted]) -> None:
    domain.templates = make_templates(adopted_templates(templates))


SERVICE = FoldingService(
    name="archives",
    schema=SCHEMA,
    reads=(LOG,),
    writes=(INBOX, LOG),
    # Templates are written by the operator only; the trail is added to by the door to texts alone.
    rights={TEMPLATES: ("find",), TRAIL: ()},
    make_domain=_make,
    decides=Archives.decides,
    customers=CUSTOMERS,
    every_ms=200.0,
    take_up=_take_up,
    adopts=TEMPLATES,
)
