"""FastStream's broker, for processes that read a topic as a consumer group.

Apart from the plain clients (connection.py): FastStream takes long to import, and query, worker and command line do
not need it.
"""

import logging

from faststream.kafka import KafkaBroker
from faststream.security import BaseSecurity, SASLScram512

from shared.kafka.connection import DRAIN_SECONDS, REQUEST_TIMEOUT_MS, ssl_context
from shared.logs import FASTSTREAM
from shared.settings import Settings

Broker = KafkaBroker
"""Named here so that wiring needs no driver."""


def make_broker(settings: Settings, service: str) -> KafkaBroker:
    """The FastStream broker of a service, for reading only; its subscribers are made by `shared.kafka.reader`.

    FastStream takes a text as one host, so it gets a list. It would also start a producer and an admin client that
    nothing here uses, and leave both open when it can't start.
    """
    context = ssl_context(settings)
    security: BaseSecurity | None = BaseSecurity(ssl_context=context, use_ssl=True) if context else None
    if settings.kafka_username and settings.kafka_password:
        security = SASLScram512(
            username=settings.kafka_username,
            password=settings.kafka_password.get_secret_value(),
            ssl_context=context,
            use_ssl=context is not None,
        )
    return KafkaBroker(
        settings.kafka_servers,
        consumer_only=True,
        client_id=f"guanxi-{service}",
        security=security,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        graceful_timeout=DRAIN_SECONDS,
        allow_auto_create_topics=False,
        apply_types=False,
        logger=logging.getLogger(FASTSTREAM),
    )
