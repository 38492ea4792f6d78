"""The API's reference, OpenAPI 3.1, made from the same declarations that answer requests."""

from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from services.query.api import rows
from services.query.api.columns import CSV
from services.query.api.jobs_openapi import job_paths, job_schemas
from services.query.api.problems import CODES
from services.query.api.resources import INCLUDES, RESOURCES, TABLES, Filter, Kind, Resource, Table, fields_of
from services.query.api.subscriptions_openapi import subscription_paths, subscription_schemas
from services.query.api.texts import PATH as TEXTS_PATH
from services.query.api.texts import TextsAsked
from services.query.changes import TYPES
from services.query.limits import DEFAULT_SIZE, MAX_IDS, MAX_SIZE, MAX_TEXT_CHARS, MAX_WAIT_SECONDS
from shared.events.types import MAX_ID_CHARS, TIERS
from shared.keys import Scope
from shared.problems import MEDIA_TYPE

Json = dict[str, Any]
VERSION = "1.0.0"
_REF = "#/components/schemas/{model}"
_ABOUT = """\
Reads what guanxi has made of the events. Every answer is `{data, page, freshness}`; its headers say up to which
position of the log it shows everything (`Guanxi-Position`), when that was (`Guanxi-As-Of`) and how many records are not
in it yet (`Guanxi-Behind`).

Pages: ask again with `cursor` set to `page.next` until that is null, which alone is the end; a page may be short
before.
A row that does not change meanwhile comes exactly once, even when the views are rebuilt and swapped.

Read your writes: give the `position` of the HTTP door's answer as `after`, with `Prefer: wait=5`.

Money is a decimal string, days are YYYY-MM-DD in the business time zone, instants are UTC. A slash in an id is %2F.
"""
_KINDS: dict[Kind, Json] = {
    Kind.ID: {"type": "string", "minLength": 1, "maxLength": MAX_ID_CHARS},
    Kind.TIER: {"enum": list(TIERS)},
    Kind.STATUS: {"enum": ["on_track", "due_soon", "lapsed"]},
    Kind.DAY: {"type": "string", "format": "date"},
    Kind.INSTANT: {"type": "string", "format": "date-time"},
    Kind.MONEY: {"type": "string", "pattern": r"^-?[0-9]{1,18}(\.[0-9]{1,4})?$"},
    Kind.TEXT: {"type": "string", "minLength": 1, "maxLength": MAX_TEXT_CHARS},
    Kind.WEEK: {"type": "string", "pattern": r"^[0-9]{4}-W(0[1-9]|[1-4][0-9]|5[0-3])$"},
}
_STRING: Json = {"type": "string"}
_TEXT_OR_NULL: Json = {"type": ["string", "null"]}


@cache
def openapi() -> Json:
    """The whole document."""
    paths: Json = {}
    for resource in RESOURCES:
        paths[resource.path] = {"get": _list(resource)}
    for table in TABLES:
        paths[table.path] = {"get": _table(table)}
    for one in (*RESOURCES, *TABLES):
        paths[f"{one.path}{CSV}"] = {"get": _csv(one, paths[one.path]["get"])}
    paths["/v1/customers/{id}"] = {"get": _customer()}
    paths["/v1/customers/{id}/explanation"] = {"get": _explanation()}
    paths["/v1/groups/{id}"] = {"get": _group()}
    paths["/v1/events/{source}/{id}"] = {"get": _fate()}
    paths["/v1/changes"] = {"get": _changes()}
    paths[TEXTS_PATH] = {"post": _texts()}
    paths["/v1/status"] = {"get": _status()}
    errors = {status: {"$ref": f"#/components/responses/{status}"} for status in _errors()}
    paths |= job_paths(_always(()), errors)
    paths |= subscription_paths(_always(()), errors)
    paths["/v1/openapi.json"] = {
        "get": {
            "operationId": "getOpenapi",
            "summary": "This document",
            "security": [],
            "responses": {"200": {"description": "OpenAPI 3.1", "content": {"application/json": {}}}},
        }
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "guanxi: the read API", "version": VERSION, "description": _ABOUT},
        "security": [{"apiKey": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "apiKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "gx_<id>_<secret>",
                    "description": "made with `guanxi keys create --scope customers:read`",
                }
            },
            "headers": {name: {"schema": _STRING, "description": about} for name, about in _HEADERS.items()},
            "responses": _errors(),
            "schemas": _schemas(),
        },
    }


def _list(resource: Resource) -> Json:
    parameters = [
        _SIZE,
        _query("cursor", _STRING, "`page.next` of the page before, with the same filters and sort"),
        _query("sort", {"enum": [order.name for order in resource.orders]}, _orders(resource)),
        *(_filter(name, one) for name, one in resource.filters.items()),
        *_always(resource.fields),
    ]
    page = {"$ref": _REF.format(model="Page")}
    data = {"type": "array", "items": _some_of(resource.row)}
    needs = f" Needs the scope {resource.scope}."
    return _operation(_name(resource.name), resource.about + needs, parameters, data, page)


def _orders(resource: Resource) -> str:
    return "; ".join(f"{one.name}, with the filters {', '.join(one.filters)}" for one in resource.orders)


def _table(table: Table) -> Json:
    parameters = [
        *(_filter(name, one, required=name in table.needed) for name, one in table.parameters.items()),
        *_always(table.fields),
    ]
    needs = f" Needs the scope {table.scope}{' and all rows' if table.all_rows else ''}."
    data = {"type": "array", "items": _some_of(table.row)}
    return _operation(_name(table.name), table.about + needs, parameters, data)


def _csv(one: Resource | Table, as_pages: Json) -> Json:
    """The same list, whole."""
    headers = {header: {"$ref": f"#/components/headers/{header}"} for header in _HEADERS if header != "ETag"}
    content = {"text/csv": {"schema": {"type": "string", "description": "UTF-8 with a byte order mark, RFC 4180"}}}
    unlike = {"size", "cursor", "If-None-Match"}
    return {
        "operationId": f"{as_pages['operationId']}Csv",
        "summary": f"All of {one.name} as CSV. Needs the scopes {one.scope} and {Scope.EXPORTS_READ}.",
        "parameters": [given for given in as_pages["parameters"] if given["name"] not in unlike],
        "responses": {
            **{status: said for status, said in as_pages["responses"].items() if status != "304"},
            "200": {"description": "The list", "headers": headers, "content": content},
        },
    }


def _customer() -> Json:
    include = _query(
        "include", {"type": "string"}, f"separated by commas: {', '.join(INCLUDES)} (history: the latest 100 decisions)"
    )
    data = _some_of(rows.Customer)
    parts: Json = {}
    for name, row in INCLUDES.items():
        part = {"$ref": _REF.format(model=row.__name__)}
        many = name in {"history", "concerns", "goals", "timeline"}
        parts[name] = {"type": "array", "items": part} if many else {"oneOf": [part, {"type": "null"}]}
    data = {"allOf": [{**data, "unevaluatedProperties": True}], "properties": parts}
    return _operation("getCustomer", "One customer.", [_path("id"), include, *_always(fields_of(rows.Customer))], data)


def _explanation() -> Json:
    parameters = [
        _path("id"),
        _query("on", _KINDS[Kind.DAY], "what held on this day instead of now"),
        _query("known_at", _KINDS[Kind.INSTANT], "by the decisions that were on the log by then"),
        *_always(fields_of(rows.Explanation)),
    ]
    return _operation("getExplanation", "Why a customer has its tier.", parameters, _some_of(rows.Explanation))


def _group() -> Json:
    about = (
        "One group of customers, rolled up from the rows as they are now. "
        f"Needs the scope {Scope.CONFIDENTIAL_READ} and all rows."
    )
    return _operation("getGroup", about, [_path("id"), *_always(fields_of(rows.Group))], _some_of(rows.Group))


def _fate() -> Json:
    about = (
        "What became of an event, for keys that may send its source. Refusals and duplicates are kept for 30 days. An "
        "accepted record with an id of its own (a purchase, a visit) is found once the feed shows it."
    )
    parameters = [_path("source"), _path("id"), *_always(())]
    return _operation("getFate", about, parameters, {"$ref": _REF.format(model="Fate")})


def _changes() -> Json:
    many = {"type": "array", "maxItems": MAX_IDS}
    parameters = [
        _query("from", _STRING, "a position to go on from: `page.next`, an event's id, or one of the log; now without"),
        _query("customer", {**many, "items": _KINDS[Kind.ID]}, "of these customers only"),
        _query("type", {**many, "items": {"enum": list(TYPES)}}, "of these types only"),
        _SIZE,
        {"name": "Last-Event-ID", "in": "header", "schema": _STRING, "description": "as `from`, and before it"},
        _wait("for a change"),
    ]
    page: Json = {"type": "object", "required": ["size", "next"]}
    page["properties"] = {"size": {"type": "integer"}, "next": {"type": "string", "description": "for `from`; always"}}
    known = {"type": "integer", "description": "changes that are known and come after the page, before any filter"}
    body = {
        "type": "object",
        "required": ["data", "page", "freshness"],
        "properties": {
            "data": {"type": "array", "items": {"$ref": _REF.format(model="Change")}},
            "page": page,
            "freshness": {"type": "object", "required": ["behind"], "properties": {"behind": known}},
        },
    }
    events = "events `change` (data: a Change) and `reset` (data: reason, next, position); the id of each is a position"
    content = {
        "application/json": {"schema": body},
        "text/event-stream": {"schema": {"type": "string", "description": events}},
    }
    about = (
        "What changed since a position: with `Accept: text/event-stream` a stream that goes on, else a page, with "
        "`Prefer: wait=30` once there is something. A change may come twice: drop what is not above the last "
        "(epoch, sequence) of its customer. Needs the scope customers:read."
    )
    answers: Json = {"200": {"description": "A page, or a stream", "content": content}}
    answers |= {status: {"$ref": f"#/components/responses/{status}"} for status in _errors()}
    return {"operationId": "followChanges", "summary": about, "parameters": parameters, "responses": answers}


def _texts() -> Json:
    of_item = {"item": _STRING, "state": {"enum": ["text", "none_known", "missing", "erased", "not_kept"]}}
    item = {"type": "object", "required": [*of_item, "text"], "properties": {**of_item, "text": _TEXT_OR_NULL}}
    properties = {
        **dict.fromkeys(("customer", "profile", "grade", "by"), _STRING),
        "vendor_id": _TEXT_OR_NULL,
        "grade": _TEXT_OR_NULL,
        "seq": {"type": "integer", "description": "of the reader's entry on the trail"},
        "items": {"type": "array", "items": item},
    }
    data = {"type": "object", "required": [*properties], "properties": properties}
    about = (
        "The texts of items of one profile, for who may read them; each request is on the trail, refused ones too. "
        "Needs the scope texts:read, and a key that names its person. An emergency is told to the owner."
    )
    body = {"type": "object", "required": ["data"], "properties": {"data": data}}
    answers: Json = {"200": {"description": "The texts", "content": {"application/json": {"schema": body}}}}
    answers |= {status: {"$ref": f"#/components/responses/{status}"} for status in _errors()}
    asked = {"application/json": {"schema": {"$ref": _REF.format(model="TextsAsked")}}}
    return {
        "operationId": "readTexts",
        "summary": about,
        "parameters": [_path("id"), *_always(())],
        "requestBody": {"required": True, "content": asked},
        "responses": answers,
    }


def _status() -> Json:
    service = {
        "type": "object",
        "required": ["service", "generation", "as_of", "behind"],
        "properties": {
            "service": _STRING,
            "generation": {"type": "integer"},
            "as_of": _TEXT_OR_NULL,
            "behind": {"type": "integer", "description": "records of the log that it does not show yet"},
        },
    }
    properties = {
        "services": {"type": "array", "items": service},
        "log_generation": {"type": "integer"},
        "inbox_generation": {"type": "integer"},
        "policies": {"type": "array", "items": _STRING},
    }
    data = {"type": "object", "required": list(properties), "properties": properties}
    return _operation("getStatus", "How far everybody has come. Needs the scope ops:read.", [*_always(())], data)


def _operation(name: str, about: str, parameters: list[Json], data: Json, page: Json | None = None) -> Json:
    body = {
        "type": "object",
        "required": ["data", "page", "freshness"],
        "properties": {
            "data": data,
            "page": page or {"type": "null"},
            "freshness": {"$ref": _REF.format(model="Freshness")},
        },
    }
    headers = {header: {"$ref": f"#/components/headers/{header}"} for header in _HEADERS}
    answers: Json = {
        "200": {"description": "The answer", "headers": headers, "content": {"application/json": {"schema": body}}},
        "304": {"description": "The answer that If-None-Match names is still right"},
    }
    answers |= {status: {"$ref": f"#/components/responses/{status}"} for status in _errors()}
    return {"operationId": name, "summary": about, "parameters": parameters, "responses": answers}


_HEADERS = {
    "Guanxi-Position": "token of the log: everything up to there is in the answer",
    "Guanxi-As-Of": "up to when the rows tell; missing while there are none",
    "Guanxi-Behind": "records known to be on the log that are not in the answer",
    "Guanxi-Waited-For": "with after= of the door: admitted, refused or duplicate",
    "ETag": "for If-None-Match; missing on confidential answers",
    "RateLimit": "units left, and seconds until all are back",
    "RateLimit-Policy": "units of a key and window",
}


def _errors() -> Json:
    """The error answers by status."""
    found: Json = {}
    for status in sorted({code.status for code in CODES.values()}):
        said = [f"`{name}`: {code.means}" for name, code in CODES.items() if code.status == status]
        schema = {"$ref": _REF.format(model="Problem")}
        found[str(int(status))] = {"description": "; ".join(said), "content": {MEDIA_TYPE: {"schema": schema}}}
    return found


def _always(fields: tuple[str, ...]) -> list[Json]:
    chosen = [_query("fields", _STRING, f"separated by commas, of {', '.join(fields)}")] if fields else []
    if not fields:
        chosen = [_query("fields", _STRING, "not taken here, passed over")]
    return [
        *chosen,
        _query("after", _STRING, "a position: of the door's answer, or Guanxi-Position of an earlier one"),
        _wait("for the position of `after`"),
        {"name": "If-None-Match", "in": "header", "schema": _STRING, "description": "ETag of an earlier answer"},
    ]


def _wait(what: str) -> Json:
    wait = f"wait=N: wait up to N seconds ({MAX_WAIT_SECONDS} at most) {what}"
    return {"name": "Prefer", "in": "header", "schema": _STRING, "description": wait}


def _filter(name: str, one: Filter, *, required: bool = False) -> Json:
    about = one.about or {"$gt": "later", "$lt": "earlier", "$gte": "at least", "$lte": "at most"}.get(one.op, "equal")
    if one.beside is not None:
        about += f"; together with {one.beside}"
    schema = _KINDS[one.kind]
    if one.many:
        schema = {"type": "array", "items": schema, "maxItems": 100}
    return _query(name, schema, about, required=required)


def _query(name: str, schema: Json, about: str, *, required: bool = False) -> Json:
    found = {"name": name, "in": "query", "schema": schema, "description": about}
    return found | ({"required": True} if required else {})


_SIZE = _query(
    "size", {"type": "integer", "minimum": 1, "maximum": MAX_SIZE, "default": DEFAULT_SIZE}, "rows of a page"
)


def _path(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": _KINDS[Kind.ID]}


def _name(path: str) -> str:
    return "list" + "".join(word.capitalize() for word in path.replace("/", "-").split("-"))


def _some_of(row: type[rows.Row]) -> Json:
    """A row of which `fields` may have left some."""
    return {"$ref": _REF.format(model=f"{row.__name__}Fields")}


def _schemas() -> Json:
    models = {one for one in vars(rows).values() if isinstance(one, type) and issubclass(one, rows.Row)} - {rows.Row}
    asked: list[tuple[type[rows.Row], JsonSchemaMode]] = [
        (one, "serialization") for one in sorted(models, key=lambda one: one.__name__)
    ]
    read: list[tuple[type[BaseModel], JsonSchemaMode]] = [*asked, (TextsAsked, "validation")]
    _, definitions = models_json_schema(read, ref_template=_REF)
    schemas: Json = dict(definitions["$defs"])
    shown: set[type[rows.Row]] = (
        {one.row for one in RESOURCES} | {one.row for one in TABLES} | {rows.Explanation, rows.Group}
    )
    for row in shown:
        some = {name: value for name, value in schemas[row.__name__].items() if name != "required"}
        schemas[f"{row.__name__}Fields"] = {**some, "title": f"{row.__name__}Fields"}
    schemas["CustomerFields"].pop("additionalProperties")  # include adds to it
    schemas["Page"] = {
        "type": "object",
        "required": ["size", "next"],
        "properties": {
            "size": {"type": "integer"},
            "next": {**_TEXT_OR_NULL, "description": "cursor of the next page; null, and only that, is the end"},
        },
    }
    schemas["Freshness"] = {
        "type": "object",
        "required": ["position", "as_of", "behind", "generations"],
        "properties": {
            "position": _STRING,
            "as_of": _TEXT_OR_NULL,
            "behind": {"type": "integer"},
            "generations": {"type": "object", "additionalProperties": {"type": "integer"}},
        },
    }
    schemas["Change"] = {
        "type": "object",
        "description": "a CloudEvent (docs/changes.md); more fields may come",
        "required": ["id", "type", "subject", "epoch", "sequence", "position", "data"],
        "properties": {
            "id": _STRING,
            "type": {"enum": list(TYPES)},
            "subject": {"type": "string", "description": "the customer's id"},
            "epoch": {"type": "integer", "description": "before sequence: it rises when customers are counted anew"},
            "sequence": {"type": "string", "description": "1, 2, 3 ... per customer, in 16 digits"},
            "position": {"type": "string", "description": "for `after`: up to where to read to see it"},
            "data": {"type": "object", "description": "the sections that it touches, or a decision's public fields"},
        },
    }
    schemas["Problem"] = {
        "type": "object",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": _STRING,
            "title": _STRING,
            "status": {"type": "integer"},
            "code": {"enum": sorted(CODES), "description": "for machines"},
            "detail": {"type": "string", "description": "what was wrong, and what to do"},
        },
    }
    schemas |= job_schemas() | subscription_schemas()
    return dict(sorted(schemas.items()))
