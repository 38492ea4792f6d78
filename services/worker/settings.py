"""Settings of the worker, beyond those that every service shares."""

import tempfile
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from shared.jobs import LEASE_SECONDS
from shared.mongo.confidential import ConfidentialSettings


class WorkerSettings(ConfidentialSettings):
    """What the worker needs to know."""

    api_keys_file: Path = Path("api-keys.yaml")
    """The same keys as query's: who asked for a job must still have its rights when it starts."""
    spool_dir: Path = Path(tempfile.gettempdir())
    """Where results are written before they go to MongoDB: room for the largest result (4 GiB) is needed."""
    import_key: Annotated[SecretStr, Field(min_length=16, max_length=64)] | None = None
    """The same as ingest's: signs what files hold that were dropped into the console; unset, they are not imported."""
    door_url: str | None = None
    """Where the worker reaches the HTTP door, such as http://ingest:8080, to send what such files hold."""
    door_ca_file: Path | None = None
    """Certificates of the authority that signed the door's, where that speaks TLS."""
    job_lease_seconds: Annotated[float, Field(ge=1, le=3600)] = LEASE_SECONDS
    """Without a sign of life for so long, a job is taken from its worker."""
