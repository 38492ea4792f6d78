"""The AsyncAPI 3.0 document: topics, who writes and reads them, and every message with its schema."""

from typing import Any

from guanxi.reference.changes import change_schemas
from guanxi.reference.schemas import event_schema
from services import SERVICES
from shared.events.registry import DECISIONS, FACTS
from shared.events.types import TIERS as TIERS_OF_CUSTOMERS
from shared.service import readers, writers
from shared.topics import CHANGES, INBOX, LOG, TIERS, TOPICS, Topic

CONTENT_TYPE = "application/cloudevents+json"


def asyncapi() -> dict[str, Any]:
    """The whole document, without servers: what runs where is not part of the contract."""
    upstream = [name for name, entry in FACTS.items() if not entry.internal]
    messages: dict[str, Any] = {}
    for name in upstream:
        messages[f"inbox.{name}"] = _message(name, event_schema(name, "door"), "as upstream sends it")
    for name in (*FACTS, *DECISIONS):
        messages[f"log.{name}"] = _message(name, event_schema(name, "log"), "as it is on the log")
    changed = event_schema("guanxi.tier.changed.v1", "log")
    changed["properties"]["data"] = _public_data()
    messages["tiers.guanxi.tier.changed.v1"] = _message("guanxi.tier.changed.v1", changed, "as downstream reads it")
    changes = change_schemas()
    for name, schema in changes.items():
        messages[f"changes.{name}"] = _message(name, schema, "as followers of changes read it")
    on_topic = {
        INBOX.name: [f"inbox.{name}" for name in upstream],
        LOG.name: [f"log.{name}" for name in (*FACTS, *DECISIONS)],
        TIERS.name: ["tiers.guanxi.tier.changed.v1"],
        CHANGES.name: [f"changes.{name}" for name in changes],
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "guanxi",
            "version": "1",
            "description": "Events in and out of guanxi, an event-sourced customer relationship system.",
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {topic.name: _channel(topic, on_topic.get(topic.name, [])) for topic in TOPICS},
        "operations": _operations(),
        "components": {"messages": messages},
    }


def _message(name: str, schema: dict[str, Any], where: str) -> dict[str, Any]:
    return {
        "name": name,
        "title": f"{name}, {where}",
        "summary": schema["description"].partition("\n")[0],
        "contentType": CONTENT_TYPE,
        "payload": {"schemaFormat": "application/schema+json;version=draft-2020-12", "schema": _embedded(schema)},
    }


def _public_data() -> dict[str, Any]:
    """The public part of a TierChanged (services/tiering/handlers.py)."""
    tier = {"enum": list(TIERS_OF_CUSTOMERS)}
    properties = {
        "version": {"type": "integer", "minimum": 1},
        "from": tier,
        "to": tier,
        "effective_on": {"type": "string", "format": "date"},
    }
    return {"type": "object", "properties": properties, "required": list(properties)}


def _embedded(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema whose definitions references still find once it is inside another document."""
    definitions = schema.get("$defs", {})

    def inlined(value: Any) -> Any:
        if isinstance(value, dict):
            reference = value.get("$ref")
            if isinstance(reference, str):
                return inlined(definitions[reference.rpartition("/")[2]])
            return {key: inlined(item) for key, item in value.items() if key != "$defs"}
        if isinstance(value, list):
            return [inlined(item) for item in value]
        return value

    embedded: dict[str, Any] = inlined(schema)
    return embedded


def _channel(topic: Topic, messages: list[str]) -> dict[str, Any]:
    return {
        "address": topic.name,
        "description": f"{topic.holds}; key customer:<id>, representative:<id> or group:<id>",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {
            "kafka": {
                "topicConfiguration": {
                    "cleanup.policy": ["compact" if topic.compacted else "delete"],
                    "retention.ms": topic.retention_ms,
                    "max.message.bytes": topic.max_record_bytes,
                }
            }
        },
    }


def _operations() -> dict[str, Any]:
    """Operations from guanxi's side: it receives from the inbox and sends the rest."""
    operations: dict[str, Any] = {}
    for topic in TOPICS:
        operations[f"receive {topic.name}"] = _operation("receive", topic, readers(topic, SERVICES.values()))
        operations[f"send {topic.name}"] = _operation("send", topic, writers(topic, SERVICES.values()))
    return operations


def _operation(action: str, topic: Topic, who: tuple[str, ...]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": f"{'Read' if action == 'receive' else 'Written'} by {', '.join(who)}.",
    }
