"""The reference of `/v1/subscriptions`."""

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import JsonSchemaMode, models_json_schema

from services.query.api.jobs_openapi import sent_once
from services.query.api.subscriptions import ONE, PATH
from shared.subscriptions import Filters, ReplayAsked, SubscriptionAsked

Json = dict[str, Any]
_REF = "#/components/schemas/{model}"
_SUBSCRIPTION: Json = {"$ref": _REF.format(model="Subscription")}
_ID: Json = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
_STRING: Json = {"type": "string"}
_NULLABLE: Json = {"type": ["string", "null"]}
_NUMBER: Json = {"type": "integer"}


def subscription_paths(always: list[Json], errors: Mapping[str, Json]) -> Json:
    """The paths; always: parameters that each takes; errors: answers that each may give."""
    one, many = _answer("The subscription", _SUBSCRIPTION), {"type": "array", "items": _SUBSCRIPTION}
    parked = {"type": "array", "items": {"type": "object"}}
    paths: Json = {
        PATH: {
            "get": _operation(
                "listSubscriptions", "Your subscriptions.", always, {"200": _answer("All", many)}, errors
            ),
            "post": _operation(
                "createSubscription",
                "Ask for webhooks (docs/webhooks.md). The sink is pinged first, and must answer 2xx. The answer has "
                "the secret that verifies, now and never again. Needs subscriptions:manage and customers:read.",
                [sent_once("subscription"), *always],
                {"201": one},
                errors,
                "SubscriptionAsked",
            ),
        },
        ONE: {
            "get": _operation("getSubscription", "One, with its health.", [_ID, *always], {"200": one}, errors),
            "delete": _operation(
                "deleteSubscription", "End it.", [_ID, *always], {"204": {"description": "It is gone"}}, errors
            ),
        },
        f"{ONE}/parked": {
            "get": _operation(
                "listParked",
                "Customers whose changes wait since one failed, the dead ones first.",
                [_ID, *always],
                {"200": _answer("At most 100", parked)},
                errors,
            )
        },
    }
    verbs = {
        "pause": ("Send nothing until it is resumed; changes are kept for 30 days.", "200", None),
        "resume": ("Go on; a sink that refused the ping, or said 410, is pinged again.", "200", None),
        "rotate": ("A new secret, in the answer; the one before signs as well for a day.", "200", None),
        "retry": ("Try dead customers again, under the same ids.", "200", None),
        "filters": ("Other filters, from where it stands on.", "200", "Filters"),
        "backfill": ("Tell how all customers stand, then the changes.", "202", None),
        "replay": ("Send again what was sent since a position or an instant.", "202", "ReplayAsked"),
    }
    for verb, (about, status, body) in verbs.items():
        name = f"{verb}Subscription"
        paths[f"{ONE}/{verb}"] = {
            "post": _operation(name, about, [_ID, *always], {status: _answer("How it stands", {})}, errors, body)
        }
    return paths


def subscription_schemas() -> Json:
    """Of what may be asked for, and of what is answered."""
    asked: list[tuple[Any, JsonSchemaMode]] = [(one, "validation") for one in (SubscriptionAsked, ReplayAsked, Filters)]
    _, definitions = models_json_schema(asked, ref_template=_REF)
    found: Json = definitions["$defs"]
    health = {
        "last_success": _NULLABLE,
        "behind": {"type": ["integer", "null"], "description": "changes that it has not come to"},
        "stands_still": {"type": "boolean"},
        "replaying": {"type": "boolean"},
        "backfilling": {"type": "boolean"},
        "parked": _NUMBER,
        "dead": _NUMBER,
        "next_attempt": _NULLABLE,
    }
    found["Subscription"] = {
        "type": "object",
        "required": ["id", "sink", "filters", "status", "health"],
        "properties": {
            "id": _STRING,
            "sink": _STRING,
            "filters": {"$ref": _REF.format(model="Filters")},
            "status": {"enum": ["pinging", "active", "paused", "gone", "unconfirmed", "stopped"]},
            "why": _STRING,
            "created_at": _STRING,
            "rotated_at": _NULLABLE,
            "key": _STRING,
            "scopes": {"type": "array", "items": _STRING},
            "rows": _STRING,
            "secret": {"type": "string", "description": "after creating and rotating only"},
            "health": {"type": "object", "required": [*health], "properties": health},
        },
    }
    return found


def _operation(
    name: str, about: str, parameters: list[Json], answers: Json, errors: Mapping[str, Json], body: str | None = None
) -> Json:
    found = {"operationId": name, "summary": about, "parameters": parameters, "responses": {**answers, **errors}}
    if body is not None:
        schema = {"$ref": _REF.format(model=body)}
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return found


def _answer(about: str, data: Json) -> Json:
    body = {"type": "object", "required": ["data"], "properties": {"data": data}}
    return {"description": about, "content": {"application/json": {"schema": body}}}
