"""Settings of the worker, beyond those that every service shares."""

import tempfile
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from shared.jobs import LEASE_SECONDS
from shared.settings import Settings


class WorkerSettings(Settings):
    """What the worker needs to know."""

    api_keys_file: Path = Path("api-keys.yaml")
    """The same keys as query's: who asked for a job must still have its rights when it starts."""
    confidential_username: str | None = None
    """The user of MongoDB who may read the confidential views; unset, GUANXI_MONGO_USERNAME reads all."""
    confidential_password: SecretStr | None = None
    spool_dir: Path = Path(tempfile.gettempdir())
    """Where results are written before they go to MongoDB: room for the largest result (4 GiB) is needed."""
    job_lease_seconds: Annotated[float, Field(ge=1, le=3600)] = LEASE_SECONDS
    """Without a sign of life for so long, a job is taken from its worker."""
