"""`tier_history`: every decision with its explanation."""

from typing import Any

from shared.mongo.schema import Name

Json = dict[str, Any]


def history_pipeline(name: Name) -> list[Json]:
    """All decisions; the tier as of a day is the `to` of the last change with `effective_on` up to it. A decision does
    not age: `as_of` is the instant that it was decided as of.
    """
    del name
    return [{"$set": {"as_of": "$decided_as_of"}}, {"$unset": ["after"]}]
