"""Settings of ingest, beyond those that every service shares."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from shared.settings import Settings

DAY_SECONDS = 86_400.0


class IngestSettings(Settings):
    """What ingest needs to know."""

    api_keys_file: Path = Path("api-keys.yaml")
    """Keys of the HTTP door; without the file it answers 401 to all."""
    retry_for_seconds: Annotated[float, Field(ge=0)] = DAY_SECONDS
    """Longer than the other services': the HTTP door is open meanwhile, and the inbox keeps what comes for 7 days."""
