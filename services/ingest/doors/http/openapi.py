"""The HTTP door's reference, OpenAPI 3.1, generated from the models that the door uses."""

import json
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from services.ingest.doors.http.events import Answer
from services.ingest.doors.http.examples import NO_AMOUNT, ONE_ACCEPTED, PURCHASE, VISIT
from services.ingest.doors.kafka.wire import MAX_EVENT_BYTES
from services.ingest.limits import MAX_BODY_BYTES, MAX_EVENTS
from shared.events.registry import FACTS, FactType
from shared.events.types import Id
from shared.problems import MEDIA_TYPE

EVENTS_PATH = "/v1/events"
OPENAPI_PATH = "/openapi.json"
VERSION = "1.0.0"
_REF = "#/components/schemas/{model}"

_ABOUT = f"""\
Send events about customers, as CloudEvents 1.0 in JSON (structured mode). A request contains one event, an array of
events, or one event per line. Each event gets its own answer: a refused event never blocks the others.

*Accepted* means that Kafka has acknowledged the event. Admission then compares it with earlier events: a repeat counts
once, and an event that contradicts an earlier one is refused. Find refused events in the topic `guanxi.rejected`, in
`guanxi rejected list` or in the console, with the reason. `position` is the position of a request's events on the
inbox. It is always safe to send a whole request again.

Limits: {MAX_EVENT_BYTES // 1024} KiB per event; {MAX_EVENTS} events and {MAX_BODY_BYTES // 1024} KiB per request
(after decompression); a body within 20 seconds, after the first five at 16 KiB a second or more; 16 KiB of headers;
16 simultaneous requests per key. Unknown attributes and fields are left out and listed in `ignored`.

Money is a decimal string such as "1234.50"; a JSON number is accepted if the currency can represent it exactly.
"""


class ProblemBody(BaseModel):
    """An error, as in RFC 9457."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    type: str
    title: str
    status: int
    code: str = Field(description="for machines")
    detail: str = Field(description="what is wrong and what to do")


class AllRefused(ProblemBody, Answer):
    """A problem, with the answer to each event."""


@cache
def openapi() -> dict[str, Any]:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "guanxi: the HTTP door", "version": VERSION, "description": _ABOUT},
        "servers": [{"url": "http://127.0.0.1:8080", "description": "a local stack (`guanxi up`)"}],
        "security": [{"apiKey": []}],
        "paths": {
            EVENTS_PATH: {"post": _post_events()},
            OPENAPI_PATH: {
                "get": {
                    "operationId": "getOpenapi",
                    "summary": "This document",
                    "security": [],
                    "responses": {"200": {"description": "OpenAPI 3.1", "content": {"application/json": {}}}},
                }
            },
        },
        "components": {
            "securitySchemes": {
                "apiKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "gx_<id>_<secret>",
                    "description": "created with `guanxi keys create`; each key may send only certain sources",
                }
            },
            "schemas": _schemas(),
        },
    }


def _post_events() -> dict[str, Any]:
    one, many = {"$ref": _REF.format(model="Event")}, {"$ref": _REF.format(model="Events")}
    lines = "\n".join(json.dumps(event, ensure_ascii=False) for event in (PURCHASE, VISIT))
    return {
        "operationId": "postEvents",
        "summary": "Send one event or many",
        "parameters": [
            {
                "name": "Content-Encoding",
                "in": "header",
                "schema": {"enum": ["gzip", "identity"]},
                "description": "gzip, or omit",
            },
            {
                "name": "traceparent",
                "in": "header",
                "schema": {"type": "string"},
                "description": "W3C trace context; added to each event that has none",
            },
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/cloudevents+json": {
                    "schema": one,
                    "examples": {"purchase": {"value": PURCHASE}, "visit": {"value": VISIT}},
                },
                "application/cloudevents-batch+json": {
                    "schema": many,
                    "examples": {"two": {"value": [PURCHASE, VISIT]}, "oneRefused": {"value": [PURCHASE, NO_AMOUNT]}},
                },
                "application/json": {
                    "schema": {"oneOf": [one, many]},
                    "examples": {"one": {"value": PURCHASE}, "array": {"value": [PURCHASE, VISIT]}},
                },
                "application/x-ndjson": {
                    "schema": {"type": "string", "description": "one event per line; blank lines are ignored"},
                    "examples": {"two": {"value": lines + "\n"}},
                },
            },
        },
        "responses": _responses(),
    }


def _responses() -> dict[str, Any]:
    retry = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}
    return {
        "202": {
            "description": (
                "At least one event was accepted or is a duplicate. Others may have been refused: check each status."
            ),
            "content": {
                "application/json": {
                    "schema": {"$ref": _REF.format(model="Answer")},
                    "examples": {"accepted": {"value": ONE_ACCEPTED}},
                }
            },
        },
        "400": _problem("The body can't be read: empty, not JSON as a whole, not gzip as declared."),
        "401": _problem(
            "No valid API key.",
            headers={"WWW-Authenticate": {"schema": {"type": "string"}, "description": "Bearer"}},
        ),
        "403": _problem("Every event was refused because this key may not send its source.", model="AllRefused"),
        "404": _problem("Nothing is at this path."),
        "405": _problem("This path does not allow this method."),
        "408": _problem("The headers or the body did not arrive in time."),
        "413": _problem(
            f"The body has more than {MAX_BODY_BYTES} bytes or more than {MAX_EVENTS} events; no event was accepted. "
            f"(A single event of more than {MAX_EVENT_BYTES} bytes is refused by itself, as `too_large`.)"
        ),
        "415": _problem("The media type, character set or content encoding is not supported."),
        "422": _problem(
            "Every event was refused, at least one of them for a reason other than its source.", model="AllRefused"
        ),
        "429": _problem(
            "Too many requests are being processed, in total or for this key, or this key sends too many events a "
            "second.",
            headers=retry,
        ),
        "431": _problem("There are more than 100 headers or more than 16 KiB of them."),
        "500": _problem("An internal error. It is safe to send again."),
        "503": _problem(
            "Kafka did not acknowledge in time. None, some or all events are stored; send the whole request again.",
            headers=retry,
        ),
    }


def _problem(description: str, *, model: str = "ProblemBody", headers: dict[str, Any] | None = None) -> dict[str, Any]:
    schema = {"schema": {"$ref": _REF.format(model=model)}}
    return {"description": description, "content": {MEDIA_TYPE: schema}} | ({"headers": headers} if headers else {})


def _schemas() -> dict[str, Any]:
    sent = [entry for entry in FACTS.values() if not entry.internal]
    inputs: list[tuple[type[BaseModel], JsonSchemaMode]] = [(entry.door, "validation") for entry in sent]
    outputs: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (model, "serialization") for model in (Answer, ProblemBody, AllRefused)
    ]
    _, definitions = models_json_schema([*inputs, *outputs], ref_template=_REF)
    names = {entry.name: _schema_name(entry) for entry in sent}
    events = {names[entry.name]: _event(entry) for entry in sent}
    mapping = {name: _REF.format(model=schema) for name, schema in names.items()}
    return {
        "Event": {
            "oneOf": [{"$ref": reference} for reference in mapping.values()],
            "discriminator": {"propertyName": "type", "mapping": mapping},
        },
        "Events": {
            "type": "array",
            "items": {"$ref": _REF.format(model="Event")},
            "minItems": 1,
            "maxItems": MAX_EVENTS,
        },
        "Envelope": _envelope(),
        **events,
        **definitions["$defs"],
    }


def _schema_name(entry: FactType) -> str:
    """`guanxi.tier_override.lifted.v1` is TierOverrideLiftedEvent."""
    words = entry.name.removeprefix("guanxi.").rpartition(".v")[0].replace(".", "_").split("_")
    return "".join(word.capitalize() for word in words) + "Event"


def _event(entry: FactType) -> dict[str, Any]:
    data = {"$ref": _REF.format(model=entry.door.__name__)}
    return {
        "title": entry.name,
        "description": f"The subject is the {entry.subject}'s id.",
        "allOf": [
            {"$ref": _REF.format(model="Envelope")},
            {"properties": {"type": {"const": entry.name}, "data": data}, "required": ["type", "data"]},
        ],
    }


def _envelope() -> dict[str, Any]:
    name = TypeAdapter(Id).json_schema()
    return {
        "type": "object",
        "description": "The attributes of CloudEvents 1.0 and of guanxi. Others are left out and listed in `ignored`.",
        "required": ["specversion", "id", "source", "type", "subject", "time"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": name | {"description": "the event's id, unique within its source; opaque and case-sensitive"},
            "source": name | {"description": "the sending system; the API key lists the sources it may send"},
            "type": {"type": "string"},
            "subject": name | {"description": "the id of the customer, or of the representative"},
            "time": {
                "type": "string",
                "format": "date-time",
                "description": "when it happened, with an offset or Z; at most 760 days ago and 5 minutes ahead",
            },
            "datacontenttype": {"const": "application/json"},
            "revision": {
                "type": "integer",
                "minimum": 1,
                "default": 1,
                "description": "for a record with a business id: a higher revision replaces the whole record",
            },
            "actor": name
            | {
                "description": (
                    "who entered it in the sending system: that system's user id, not a name. Stored only "
                    "on the log, with the id of the API key that sent it"
                )
            },
            "traceparent": {"type": "string"},
        },
    }
