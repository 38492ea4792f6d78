"""Free texts in MongoDB, erasable, and how views show them: by the reference that a row has, resolved when read.

A row has the id of a text, or the text itself where it was folded from a log from before texts left it.
"""

from typing import Any

from shared.events.texts import PREFIX

TEXTS = "texts"
"""Each has its id, the log's key that it belongs to, the claim and revision that hold a hash of it, and `text`, which
an erased one has no more."""
_FOUND = "_texts"

Stage = dict[str, Any]
Expression = Any


def with_texts(fields: dict[str, Expression], *paths: str) -> list[Stage]:
    """The stages that set fields, in which `shown_text` shows what stands at these paths, or in lists there."""
    ids = [{"$cond": [{"$isArray": [f"${path}"]}, f"${path}", [f"${path}"]]} for path in paths]
    found = {"from": TEXTS, "localField": _FOUND, "foreignField": "_id", "as": _FOUND}
    return [{"$set": {_FOUND: {"$setUnion": ids}}}, {"$lookup": found}, {"$set": fields}, {"$unset": _FOUND}]


def shown_text(kept: Expression, max_chars: int) -> Expression:
    """The text of what a row keeps, cut; null for what is erased."""
    found = {"$first": {"$filter": {"input": f"${_FOUND}", "cond": {"$eq": ["$$this._id", "$$kept"]}}}}
    text = {"$ifNull": ["$$found.text", None]}
    head = {"$concat": [{"$substrCP": [text, 0, max_chars - 1]}, "…"]}
    short = {"$cond": [{"$gt": [{"$strLenCP": {"$ifNull": [text, ""]}}, max_chars]}, head, text]}
    is_id = {"$eq": [{"$substrCP": [{"$ifNull": ["$$kept", ""]}, 0, len(PREFIX)]}, PREFIX]}
    inner = {"$let": {"vars": {"found": found}, "in": {"$cond": [is_id, short, {"$ifNull": ["$$kept", None]}]}}}
    return {"$let": {"vars": {"kept": kept}, "in": inner}}
