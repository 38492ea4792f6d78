"""FastStream's broker, for processes that read a topic as a consumer group.

Apart from the plain clients (connection.py): FastStream takes long to import, and query, worker and command line do
not need it.
"""

import logging
from typing import Any

from faststream.kafka import KafkaBroker
from faststream.security import BaseSecurity, SASLOAuthBearer, SASLPlaintext, SASLScram256, SASLScram512

from shared.kafka.connection import DRAIN_SECONDS, REQUEST_TIMEOUT_MS, client_options
from shared.logs import FASTSTREAM
from shared.settings import Settings

Broker = KafkaBroker
"""Named here so that wiring needs no driver."""


def make_broker(settings: Settings, service: str) -> KafkaBroker:
    """The FastStream broker of a service, for reading only; its subscribers are made by `shared.kafka.reader`.

    FastStream takes a text as one host, so it gets a list. It would also start a producer and an admin client that
    nothing here uses, and leave both open when it can't start.
    """
    options = client_options(settings)
    return KafkaBroker(
        settings.kafka_servers,
        consumer_only=True,
        client_id=f"guanxi-{service}",
        security=_security(options),
        sasl_oauth_token_provider=options.get("sasl_oauth_token_provider"),
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        graceful_timeout=DRAIN_SECONDS,
        allow_auto_create_topics=False,
        apply_types=False,
        logger=logging.getLogger(FASTSTREAM),
    )


_BY_PASSWORD = {"SCRAM-SHA-512": SASLScram512, "SCRAM-SHA-256": SASLScram256, "PLAIN": SASLPlaintext}


def _security(options: dict[str, Any]) -> BaseSecurity | None:
    """What every other client is told, in FastStream's own words."""
    context, mechanism = options.get("ssl_context"), options.get("sasl_mechanism")
    secure: dict[str, Any] = {"ssl_context": context, "use_ssl": context is not None}
    if mechanism in _BY_PASSWORD:
        user, password = options["sasl_plain_username"], options["sasl_plain_password"]
        return _BY_PASSWORD[mechanism](username=user, password=password, **secure)
    if mechanism is not None:
        return SASLOAuthBearer(**secure)
    return BaseSecurity(**secure) if context else None
