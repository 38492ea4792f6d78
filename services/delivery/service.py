"""Delivery as a value: webhooks. The one process with a way out; it reads the public changes, and of MongoDB whose
customers are and in which tier they are, no more.
"""

from services.delivery.settings import DeliverySettings
from shared.mongo.schema import Schema
from shared.mongo.subscriptions import COLLECTIONS, INDEXES
from shared.service import Service
from shared.topics import CHANGES

READ = ("find",)

SERVICE = Service(
    name="delivery",
    schema=Schema("delivery", plain_collections=COLLECTIONS, indexes=INDEXES),
    entry="services.delivery.app:run",
    settings=DeliverySettings,
    reads=(CHANGES,),
    rights=dict.fromkeys(("owned_keys", "customer_keys_by_net", "representative_keys"), READ),
)
