"""What all rows have in common, and kinds of values that several use."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Money = Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$", examples=["1234.50"])]
Json = dict[str, Any]


class Row(BaseModel):
    """What all rows have in common."""

    # Validators are for the description and for tests alone: none is built at the start.
    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=True, defer_build=True)


class Fresh(Row):
    """How fresh a row is."""

    as_of: Annotated[datetime | None, Field(description="everything on the log up to then is in the row")]
    recorded_at: Annotated[datetime | None, Field(description="when the last event in it came to the log")]


class Frozen(Fresh):
    """How fresh a customer's row is."""

    incomplete_since: Annotated[
        str | None, Field(description="position of a record that could not be folded; the row stands still since")
    ]


class Owners(Row):
    """Who owns a customer."""

    account_manager: str | None
    product_manager: str | None
