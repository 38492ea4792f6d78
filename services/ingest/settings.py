"""Settings of ingest, beyond those that every service shares."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from services.ingest.limits import EVENTS_PER_SECOND
from shared.settings import Settings

DAY_SECONDS = 86_400.0


def key_bytes(secret: SecretStr | None) -> bytes:
    """A secret as bytes; empty if there is none."""
    return secret.get_secret_value().encode() if secret else b""


class IngestSettings(Settings):
    """The settings of ingest."""

    api_keys_file: Path = Path("api-keys.yaml")
    """Keys of the HTTP door; without the file it answers 401 to every request."""
    person_key: Annotated[SecretStr, Field(min_length=16, max_length=64)] | None = None
    """Used for the ids of persons known by name only; fixed at the first start (ADR on ids of persons)."""
    console_key: Annotated[SecretStr, Field(min_length=16, max_length=64)] | None = None
    """By which query signs what people send from the console (shared/console.py); unset, the console can't send."""
    import_key: Annotated[SecretStr, Field(min_length=16, max_length=64)] | None = None
    """By which the worker signs what it sends of files that were dropped into the console; unset, it sends none."""
    events_per_second: Annotated[float, Field(ge=0.1, le=1_000_000)] = EVENTS_PER_SECOND
    """Limit per API key at the HTTP door, on average; a key may have its own limit."""
    retry_for_seconds: Annotated[float, Field(ge=0)] = DAY_SECONDS
    """Longer than for other services: the HTTP door stays open meanwhile, and the inbox keeps events for 7 days."""
