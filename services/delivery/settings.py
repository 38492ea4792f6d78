"""Settings of delivery, beyond those that every service shares."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from shared.settings import Settings


class DeliverySettings(Settings):
    """What delivery needs to know."""

    api_keys_file: Path = Path("api-keys.yaml")
    """The same keys as query's: a subscription ends with the key that made it."""
    delivery_ca_file: Path | None = None
    """Certificates of an authority of your own, beside the public ones, that sinks' certificates may be signed by."""
    delivery_proxy: SecretStr | None = None
    """http://host:port, or http://user:password@host:port, of a proxy for all deliveries. It looks names up then, so it
    must refuse inner addresses.
    """
    delivery_lease_seconds: Annotated[float, Field(ge=2, le=300)] = 15.0
    """Without a sign of life for so long, a subscription is taken from its process."""
