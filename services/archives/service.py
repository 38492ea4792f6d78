"""Archives as a value: it folds profiles and who may read them, and decides which have lapsed."""

from collections.abc import Sequence

from services.archives.domain import CUSTOMERS, Archives
from services.archives.store import SCHEMA
from services.archives.template_file import make_templates
from shared.mongo import Database
from shared.mongo.trail import TRAIL
from shared.policies.adoption import Adopted
from shared.service import FoldingService
from shared.settings import Settings
from shared.topics import INBOX, LOG


async def _make(database: Database, settings: Settings, policies: Sequence[Adopted]) -> Archives:
    del database, policies  # templates are no policies
    return Archives(make_templates(), settings.zone)


SERVICE = FoldingService(
    name="archives",
    schema=SCHEMA,
    reads=(LOG,),
    writes=(INBOX, LOG),
    rights={TRAIL: ()},  # declared here, added to by the door to texts alone
    make_domain=_make,
    decides=Archives.decides,
    customers=CUSTOMERS,
)
