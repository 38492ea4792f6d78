"""Settings of ingest, beyond those that every service shares."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from services.ingest.limits import EVENTS_PER_SECOND
from shared.settings import Settings

DAY_SECONDS = 86_400.0


def key_bytes(secret: SecretStr | None) -> bytes:
    """A secret as the rules take it; nothing where there is none."""
    return secret.get_secret_value().encode() if secret else b""


class IngestSettings(Settings):
    """What ingest needs to know."""

    api_keys_file: Path = Path("api-keys.yaml")
    """Keys of the HTTP door; without the file it answers 401 to all."""
    person_key: Annotated[SecretStr, Field(min_length=16, max_length=64)] | None = None
    """Goes into the ids of persons known by name only; fixed at the first start (ADR on ids of persons)."""
    events_per_second: Annotated[float, Field(ge=0.1, le=1_000_000)] = EVENTS_PER_SECOND
    """Of one API key at the HTTP door, over time; a key may have a limit of its own."""
    retry_for_seconds: Annotated[float, Field(ge=0)] = DAY_SECONDS
    """Longer than the other services': the HTTP door is open meanwhile, and the inbox keeps what comes for 7 days."""
