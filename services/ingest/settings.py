"""Settings of ingest, beyond those that every service shares."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from services.ingest.limits import EVENTS_PER_SECOND
from shared.settings import Settings

DAY_SECONDS = 86_400.0


class IngestSettings(Settings):
    """What ingest needs to know."""

    api_keys_file: Path = Path("api-keys.yaml")
    """Keys of the HTTP door; without the file it answers 401 to all."""
    events_per_second: Annotated[float, Field(ge=0.1, le=1_000_000)] = EVENTS_PER_SECOND
    """Of one API key at the HTTP door, over time; a key may have a limit of its own."""
    retry_for_seconds: Annotated[float, Field(ge=0)] = DAY_SECONDS
    """Longer than the other services': the HTTP door is open meanwhile, and the inbox keeps what comes for 7 days."""
