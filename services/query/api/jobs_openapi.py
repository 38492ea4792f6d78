"""The reference of `/v1/jobs`."""

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import JsonSchemaMode, models_json_schema

from services.query.api.jobs import ONE, PATH, RESULT
from services.query.api.jobs_asked import (
    AdoptAsked,
    ExportAsked,
    FixAsked,
    ImportAsked,
    ImportPreviewAsked,
    SimulateAsked,
    VerifyAsked,
)
from shared.jobs import KEPT, MAX_OPEN_PER_KEY

Json = dict[str, Any]
_REF = "#/components/schemas/{model}"
_ASKED = (ExportAsked, VerifyAsked, SimulateAsked, AdoptAsked, ImportPreviewAsked, ImportAsked, FixAsked)
_JOB: Json = {"$ref": _REF.format(model="Job")}
_ID: Json = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
_STRING: Json = {"type": "string"}
_FILES = ("text/csv", "application/x-ndjson", "application/vnd.apache.parquet", "application/json")


def sent_once(what: str) -> Json:
    """The header by which the same request sent again is the same job or subscription."""
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        "description": f"the same key with the same body is the same {what}, however often it is sent",
    }


def job_paths(always: list[Json], errors: Mapping[str, Json]) -> Json:
    """The paths; always: parameters that each takes; errors: answers that each may give."""
    key = sent_once("job")
    asked: Json = {
        "oneOf": [{"$ref": _REF.format(model=one.__name__)} for one in _ASKED],
        "discriminator": {"propertyName": "kind"},
    }
    many = _answer("Your jobs, the newest first", {"type": "array", "items": _JOB})
    ask = f"Ask for a job; a key has at most {MAX_OPEN_PER_KEY} that wait or run. export needs exports:read "
    ask += "(confidential lists also confidential:read); verify and simulate need ops:read and all rows; "
    ask += "import_preview and import, of a file that was dropped into the console, need events:write and all rows; "
    ask += (
        "adopt needs ops:write and all rows; fix needs ops:read, and to send ops:write and events:write, and all rows."
    )
    file = {media: {"schema": _STRING} for media in _FILES}
    done = {"200": {"description": "The file", "content": file}}
    return {
        PATH: {
            "get": _operation("listJobs", "Your jobs, the newest first.", always, {"200": many}, errors),
            "post": {
                **_operation("createJob", ask, [key, *always], {"202": _answer("Queued", _JOB)}, errors),
                "requestBody": {"required": True, "content": {"application/json": {"schema": asked}}},
            },
        },
        ONE: {
            "get": _operation("getJob", "One of your jobs.", [_ID, *always], {"200": _answer("The job", _JOB)}, errors),
            "delete": _operation(
                "cancelJob",
                "Cancel one of your jobs; one that is over stays as it is.",
                [_ID, *always],
                {"200": _answer("The job as it is then", _JOB)},
                errors,
            ),
        },
        RESULT: {
            "get": _operation(
                "getJobResult",
                f"The result of a job that is done, for {KEPT.days * 24} hours.",
                [_ID, *always],
                done,
                errors,
            )
        },
    }


def job_schemas() -> Json:
    """Of what may be asked for."""
    asked: list[tuple[Any, JsonSchemaMode]] = [(one, "validation") for one in _ASKED]
    _, definitions = models_json_schema(asked, ref_template=_REF)
    found: Json = definitions["$defs"]
    return found


def _operation(name: str, about: str, parameters: list[Json], answers: Json, errors: Mapping[str, Json]) -> Json:
    return {"operationId": name, "summary": about, "parameters": parameters, "responses": {**answers, **errors}}


def _answer(about: str, data: Json) -> Json:
    body = {"type": "object", "required": ["data"], "properties": {"data": data}}
    return {"description": about, "content": {"application/json": {"schema": body}}}
