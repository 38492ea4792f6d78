"""JSON Schemas of what followers of guanxi.changes read: thin changes, and decisions with their public fields."""

from typing import Any

from guanxi.reference.schemas import event_schema
from services.feed.changes import CHANGED, SEQUENCE_DIGITS
from services.feed.rules.table import NAMES, SECTIONS, TABLE
from shared.events.registry import DECISIONS

_COUNT: dict[str, Any] = {
    "epoch": {"type": "integer", "minimum": 1, "description": "comes before sequence; rises when customers count anew"},
    "sequence": {
        "type": "string",
        "pattern": f"^[0-9]{{{SEQUENCE_DIGITS}}}$",
        "description": "1, 2, 3 ... per customer without a gap",
    },
    "position": {"type": "string", "description": "up to where the log must have been read to see it; for after="},
}


def change_schemas() -> dict[str, dict[str, Any]]:
    """By type; a confidential decision has none of its own."""
    decided = {name: _decision(name) for name in DECISIONS if TABLE[name].public}
    return {CHANGED: _thin(decided["guanxi.tier.changed.v1"]), **decided}


def _decision(name: str) -> dict[str, Any]:
    schema = event_schema(name, "log")
    properties, data = schema["properties"], schema["properties"]["data"]
    public = [NAMES.get(field, field) for field in TABLE[name].public]
    fields = {field: data["properties"][field] for field in public}
    properties["data"] = {"type": "object", "properties": fields, "required": public, "additionalProperties": False}
    for absent in ("backfill", "traceparent"):
        del properties[absent]
    properties |= _COUNT
    schema["required"] = [*schema["required"], *_COUNT]
    return schema


def _thin(of: dict[str, Any]) -> dict[str, Any]:
    """Of a fact, and of a decision that changes nothing shown: which sections it touches."""
    sections = {"type": "array", "items": {"enum": list(SECTIONS)}, "minItems": 1, "uniqueItems": True}
    data = {"type": "object", "properties": {"sections": sections}, "required": ["sections"]}
    properties = of["properties"] | {"type": {"const": CHANGED}, "data": data}
    said = "Something of a customer has changed: read these sections again."
    return {**of, "title": CHANGED, "description": said, "properties": properties}
