"""Tokens for OAUTHBEARER: asked for by client credentials over HTTPS, and kept until shortly before they end."""

import asyncio
import ssl
from collections.abc import Callable
from time import monotonic

import httpx
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError
from pydantic import BaseModel, ValidationError

from shared.settings import Settings

ANSWER_SECONDS = 10.0
MAX_ANSWER_BYTES = 64 * 1024
KEPT_SHARE = 0.8
"""Of a token's time: what connects just before it ends would be turned away."""
DEFAULT_SECONDS = 300.0
"""A token's time where the answer does not say it (RFC 6749, 5.1: it should)."""


class _Answer(BaseModel):
    access_token: str
    expires_in: float = DEFAULT_SECONDS


class ClientCredentials(AbstractTokenProvider):  # type: ignore[misc]
    """Gives aiokafka a token whenever it connects (RFC 6749, 4.4). What fails is tried again, as a broker that is away
    is: errors are KafkaConnectionError, and say no secret.
    """

    def __init__(
        self,
        settings: Settings,
        transport: httpx.AsyncBaseTransport | None = None,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._settings, self._transport, self._now = settings, transport, now
        self._token, self._until = "", 0.0
        self._asking = asyncio.Lock()

    async def token(self) -> str:
        """The present one, or a new one. Raises KafkaConnectionError."""
        async with self._asking:  # all connections of a start ask at once
            if self._now() >= self._until:
                answer = await self._ask()
                self._token = answer.access_token
                self._until = self._now() + answer.expires_in * KEPT_SHARE
            return self._token

    def extensions(self) -> dict[str, str]:
        """What the brokers want beside it."""
        return self._settings.kafka_extensions

    async def _ask(self) -> _Answer:
        settings = self._settings
        assert settings.kafka_token_url and settings.kafka_token_client and settings.kafka_token_secret  # noqa: PT018
        form = {"grant_type": "client_credentials"}
        if settings.kafka_token_scope:
            form["scope"] = settings.kafka_token_scope
        authority = ssl.create_default_context(cafile=settings.kafka_token_ca_file)
        who = httpx.BasicAuth(settings.kafka_token_client, settings.kafka_token_secret.get_secret_value())
        try:
            async with (
                httpx.AsyncClient(transport=self._transport, verify=authority, timeout=ANSWER_SECONDS) as client,
                client.stream("POST", settings.kafka_token_url, data=form, auth=who) as answer,
            ):
                body = b""
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > MAX_ANSWER_BYTES:
                        raise KafkaConnectionError(f"{settings.kafka_token_url} answers with more than a token")
        except httpx.HTTPError as error:
            raise KafkaConnectionError(f"{settings.kafka_token_url}: {str(error) or type(error).__name__}") from error
        if answer.status_code != httpx.codes.OK:
            raise KafkaConnectionError(f"{settings.kafka_token_url} gives no token: {answer.status_code}")
        try:
            return _Answer.model_validate_json(body)
        except ValidationError:
            raise KafkaConnectionError(f"{settings.kafka_token_url} answers with what is no token") from None
