"""The toy as a value."""

from collections.abc import Sequence

from shared.mongo import Database
from shared.mongo.schema import Index, Schema, View
from shared.mongo.states import freshness_collection
from shared.policies.adoption import Adopted
from shared.service import FoldingService
from shared.settings import Settings
from shared.topics import INBOX, LOG
from tests.house.toy.domain import CUSTOMERS, Toy


async def _make(database: Database, settings: Settings, policies: Sequence[Adopted]) -> Toy:
    return Toy()


SERVICE = FoldingService(
    name="toy",
    schema=Schema(
        service="toy",
        collections=(CUSTOMERS, freshness_collection("toy")),
        plain_collections=("toy_positions", "toy_quarantine"),
        indexes=(Index(CUSTOMERS, ("partition", "review_at")),),
        views=(View("welcomes", CUSTOMERS, lambda _: [{"$set": {"customer": "$_id"}}]),),
    ),
    reads=(LOG,),
    writes=(INBOX, LOG),
    make_domain=_make,
    decides=Toy.decides,
    customers=CUSTOMERS,
)
