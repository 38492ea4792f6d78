"""Settings of query, beyond those that every service shares."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from services.query.limits import STREAM_CONNECTIONS, STREAM_CONNECTIONS_PER_ADDRESS, UNITS_PER_SECOND
from shared.mongo.confidential import ConfidentialSettings


class QuerySettings(ConfidentialSettings):
    """What query needs to know."""

    api_keys_file: Path = Path("api-keys.yaml")
    """The same keys as the HTTP door's; without the file every request is answered 401."""
    cursor_keys: SecretStr | None = None
    """By which cursors are sealed: a line of base64 (32 bytes) each, at most two. The first seals, both open, so that a
    key is changed by putting the new one in front. The same for all processes of query; unset, each makes its own, and
    a cursor is good at the process that made it until that ends."""
    texts_username: str | None = None
    """The user of MongoDB who may read texts and add to the trail, and nothing else; unset, GUANXI_MONGO_USERNAME does
    (docs/security.md)."""
    texts_password: SecretStr | None = None
    console_key: Annotated[SecretStr, Field(min_length=16, max_length=64)] | None = None
    """The same as ingest's: signs what people send from the console; unset, forms can't be sent."""
    door_url: str | None = None
    """Where query reaches the HTTP door, such as http://ingest:8080, to send what people enter in the console."""
    door_ca_file: Path | None = None
    """Certificates of the authority that signed the door's, where that speaks TLS."""
    console_url: str | None = None
    """Where people reach the console, such as https://crm.example.com, where a proxy stands before it; unset, wherever
    a request says that it came."""
    oidc_issuer: str | None = None
    """The company's own sign-in (OpenID Connect), such as https://login.example.com/realms/sales: the address under
    which it describes itself. Unset, people sign in by links alone."""
    oidc_client_id: str = "guanxi"
    """As guanxi is registered there, with the address <console>/console/sign-in/oidc/back."""
    oidc_client_secret: SecretStr | None = None
    """Where the provider gave one; without it, PKCE alone."""
    oidc_roles_file: Path | None = None
    """Which claims give which role (docs/console.md)."""
    oidc_ca_file: Path | None = None
    """Certificates of the authority that signed the provider's, where the system does not know it."""
    query_units_per_second: Annotated[float, Field(ge=1, le=1_000_000)] = UNITS_PER_SECOND
    """Of one API key, over time, in units of cost (services/query/limits.py)."""
    http_connections: Annotated[int, Field(ge=10, le=100_000)] = STREAM_CONNECTIONS
    http_connections_per_address: Annotated[int, Field(ge=1, le=100_000)] = STREAM_CONNECTIONS_PER_ADDRESS
