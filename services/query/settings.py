"""Settings of query, beyond those that every service shares."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from services.query.limits import STREAM_CONNECTIONS, STREAM_CONNECTIONS_PER_ADDRESS, UNITS_PER_SECOND
from shared.settings import Settings


class QuerySettings(Settings):
    """What query needs to know."""

    api_keys_file: Path = Path("api-keys.yaml")
    """The same keys as the HTTP door's; without the file every request is answered 401."""
    cursor_keys: SecretStr | None = None
    """By which cursors are sealed: a line of base64 (32 bytes) each, at most two. The first seals, both open, so that a
    key is changed by putting the new one in front. The same for all processes of query; unset, each makes its own, and
    a cursor is good at the process that made it until that ends."""
    confidential_username: str | None = None
    """The user of MongoDB who may read the confidential views as well; unset, GUANXI_MONGO_USERNAME reads all."""
    confidential_password: SecretStr | None = None
    query_units_per_second: Annotated[float, Field(ge=1, le=1_000_000)] = UNITS_PER_SECOND
    """Of one API key, over time, in units of cost (services/query/limits.py)."""
    http_connections: Annotated[int, Field(ge=10, le=100_000)] = STREAM_CONNECTIONS
    http_connections_per_address: Annotated[int, Field(ge=1, le=100_000)] = STREAM_CONNECTIONS_PER_ADDRESS
