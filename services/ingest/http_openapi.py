"""The HTTP door's reference, OpenAPI 3.1, made from the models that the door itself uses."""

import json
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from services.ingest.http_events import Answer
from services.ingest.http_examples import NO_AMOUNT, ONE_ACCEPTED, PURCHASE, VISIT
from services.ingest.limits import MAX_BODY_BYTES, MAX_EVENTS
from services.ingest.wire import MAX_EVENT_BYTES
from shared.events.registry import FACTS, FactType
from shared.events.types import Id
from shared.problems import MEDIA_TYPE

EVENTS_PATH = "/v1/events"
OPENAPI_PATH = "/openapi.json"
VERSION = "1.0.0"
_REF = "#/components/schemas/{model}"

_ABOUT = f"""\
Send what happened with customers, as CloudEvents 1.0 in JSON (structured mode). A request holds one event, an array of
events, or one event a line, and each event gets an answer of its own: one that is refused never holds up the others.

*Accepted* means that Kafka has acknowledged the event. Admission then compares it with what came before, so an event
that repeats a known one counts once, and one that contradicts a known one is refused there: it stands in the topic
`guanxi.rejected` with the reason, in `guanxi rejected list`, and in the console's list. `position` says where on the
inbox a request's events stand. Sending a request again, whole, is always safe.

Limits: {MAX_EVENT_BYTES // 1024} KiB an event, {MAX_EVENTS} events and {MAX_BODY_BYTES // 1024} KiB a request
(after decompression), a body within 20 seconds and after five at 16 KiB a second at least, 16 KiB of headers, 16
requests of a key at once. Unknown attributes and fields are left out and named in `ignored`.

Money is a decimal string such as "1234.50"; a JSON number is taken where the currency holds it exactly.
"""


class ProblemBody(BaseModel):
    """An error, as RFC 9457 has it."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    type: str
    title: str
    status: int
    code: str = Field(description="for machines")
    detail: str = Field(description="what was wrong, and what to do")


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
                    "description": "made with `guanxi keys create`; each key may send certain sources only",
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
                "description": "gzip, or nothing",
            },
            {
                "name": "traceparent",
                "in": "header",
                "schema": {"type": "string"},
                "description": "W3C trace context; passed on with each event that has none of its own",
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
                    "schema": {"type": "string", "description": "one event a line; blank lines are passed over"},
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
            "description": "At least one event was accepted or is a duplicate. Others may have been refused: look at "
            "each status.",
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
        "403": _problem("Every event was refused as its source is not among the key's.", model="AllRefused"),
        "404": _problem("There is nothing at this path."),
        "405": _problem("The path does not take this method."),
        "408": _problem("The headers or the body did not arrive in time."),
        "413": _problem(
            f"The body has more than {MAX_BODY_BYTES} bytes or more than {MAX_EVENTS} events; nothing of it was taken. "
            f"(A single event of more than {MAX_EVENT_BYTES} bytes is refused by itself, as `too_large`.)"
        ),
        "415": _problem("The media type, its character set or the content encoding is none of those taken."),
        "422": _problem(
            "Every event was refused, at least one of them for another reason than its source.", model="AllRefused"
        ),
        "429": _problem(
            "Too many requests in work, in all or of this key, or too many events a second from this key.",
            headers=retry,
        ),
        "431": _problem("The headers are larger than 16 KiB, or more than 100."),
        "500": _problem("An error on our side. Sending again is safe."),
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
        "description": "The attributes of CloudEvents 1.0 and of guanxi. Others are left out and named in `ignored`.",
        "required": ["specversion", "id", "source", "type", "subject", "time"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": name | {"description": "of this event, unique within its source; opaque and case-sensitive"},
            "source": name | {"description": "the sending system; the API key names those it may send"},
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
                "description": "of a record with a business id: a higher one replaces the record whole",
            },
            "actor": name
            | {
                "description": "who entered it in the sending system: that system's id of the user, not a name. "
                "Kept to the log, with the id of the API key that sent it"
            },
            "traceparent": {"type": "string"},
        },
    }
