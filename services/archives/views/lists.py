"""The views of archives: a customer's profiles in one row; its grants, one a row. No text stands in either."""

from typing import Any

from shared.mongo.schema import Name

Json = dict[str, Any]
WITH_GRANTS = {"grants": {"$exists": True}}
FRESHNESS = ("as_of", "log", "recorded_at", "projected_at", "generation", "incomplete_since")


GRANT = ("source", "grant_id", "grantee", "max_grade", "approved_by", "from_on", "expires_on", "status")
"""The fields of a grant."""


def profiles(name: Name) -> list[Json]:
    """The rows as they are stored, without grants."""
    del name
    return [{"$set": {"customer": "$_id"}}, {"$unset": ["grants", "partition"]}]


def grants(name: Name) -> list[Json]:
    """A row for each grant. `customer` is the id of before, so that who asks for one customer is led by the index."""
    del name
    own = {"$concat": ["$_id", "/", "$grants.source", "/", "$grants.grant_id"]}
    fields = {field: f"$grants.{field}" for field in GRANT}
    return [
        {"$match": WITH_GRANTS},
        {"$set": {"customer": "$_id"}},
        {"$unwind": "$grants"},
        {"$project": {"_id": own, "customer": 1, **fields, **dict.fromkeys(FRESHNESS, 1)}},
    ]


def profiles_in_python(document: Json) -> Json:
    """What `profiles` shows of a stored document, what is private aside."""
    left_out = {"grants", "partition"}
    return {name: value for name, value in document.items() if name not in left_out} | {"customer": document["_id"]}


def grants_in_python(document: Json) -> list[Json]:
    """What `grants` shows of a stored document."""
    kept = {field: document[field] for field in FRESHNESS if field in document}
    return [
        {
            **grant,
            "_id": f"{document['_id']}/{grant['source']}/{grant['grant_id']}",
            "customer": document["_id"],
            **kept,
        }
        for grant in document.get("grants", ())
    ]
