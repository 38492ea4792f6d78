"""JSON Schemas of all events: as upstream sends them, and as they are on the log."""

from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter

from shared.events.registry import DECISIONS, FACTS
from shared.events.types import MAX_ID_CHARS

DRAFT = "https://json-schema.org/draft/2020-12/schema"
Side = Literal["door", "log"]


def event_schema(name: str, side: Side) -> dict[str, Any]:
    """The schema of a whole CloudEvent of this type: at the doors, or on the log."""
    model = _model(name, side)
    data = TypeAdapter(model).json_schema(ref_template="#/$defs/{model}")
    definitions = data.pop("$defs", {})
    properties: dict[str, Any] = {
        "specversion": {"const": "1.0"},
        "id": _identifier("of the event, unique within its source"),
        "source": _identifier("the system that sends it"),
        "type": {"const": name},
        "subject": _identifier("the customer's or representative's id"),
        "time": {"type": "string", "format": "date-time", "description": "when it happened, with offset"},
        "datacontenttype": {"const": "application/json"},
        "traceparent": {"type": "string", "description": "W3C trace context"},
        "data": data,
    }
    if name in FACTS:
        properties["revision"] = {
            "type": "integer",
            "minimum": 2 if name == "guanxi.record.voided.v1" else 1,
            "maximum": 2**31 - 1,
            "default": 1,
            "description": "a higher revision of a record replaces it whole",
        }
        properties["actor"] = _identifier("who entered it in the sending system: an id, not a name")
    if side == "log":
        if name in FACTS:
            properties["keyid"] = {
                "type": "string",
                "description": (
                    "the API key that sent it; absent if the HTTP door does not vouch for one; then the "
                    "actor is only claimed"
                ),
            }
        properties["backfill"] = {"type": "boolean", "description": "history, decided as of its own time"}
        if name in FACTS and (FACTS[name].kind or name == "guanxi.record.voided.v1"):
            data.setdefault("properties", {})["replaces"] = _replaces()
    schema: dict[str, Any] = {
        "$schema": DRAFT,
        "title": name,
        "description": (model.__doc__ or "").strip(),
        "type": "object",
        "properties": properties,
        "required": ["specversion", "id", "source", "type", "subject", "time", "data"],
    }
    if name == "guanxi.record.voided.v1":
        schema["required"].append("revision")
    if definitions:
        schema["$defs"] = definitions
    return schema


def _model(name: str, side: Side) -> type[BaseModel]:
    if name in DECISIONS:
        return DECISIONS[name]
    return FACTS[name].door if side == "door" else FACTS[name].fact


def _identifier(description: str) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": MAX_ID_CHARS, "description": description}


def _replaces() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "the revision that this one replaces; data is null if that one was a void",
        "properties": {
            "revision": {"type": "integer", "minimum": 1},
            "time": {"type": "string", "format": "date-time"},
            "data": {"type": ["object", "null"]},
        },
        "required": ["revision", "time", "data"],
    }
