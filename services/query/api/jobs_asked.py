"""The jobs that may be asked for, read strictly; and what an API key must be able to do for each. Pure."""

from collections.abc import Sequence
from datetime import date
from re import fullmatch
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from services import SERVICES
from services.query.api.parameters import Asked, check_names, given, read_list, shown
from services.query.api.problems import refusal
from services.query.api.resources import FOLDED, Resource
from shared.events.nearest import nearest
from shared.events.refusal import Reason
from shared.jobs import KINDS
from shared.keys import Scope

MAX_QUERY_CHARS = 8 * 1024
"""Of an export's filters: 100 ids of 64 characters fit, as in the address of a list."""
MAX_POLICY_CHARS = 256 * 1024
"""Of a policy, as of a policy file."""
MAX_MAPPING_CHARS = 256 * 1024
"""Of a mapping, as of a mapping file."""
MAX_BODY_BYTES = 1024 * 1024
"""Of a request for a job: a policy whose characters are all written as escapes is larger than the policy."""
MAX_NAME_CHARS, MAX_NEW_CHARS = 200, 2_000
PATH = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"
"""Of a field of an event, from its top."""
Document = dict[str, Any]
Format = Literal["csv", "ndjson", "parquet"]
CHECKS = ("log", *SERVICES.folding, "views")


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class ExportAsked(_Asked):
    """All rows of a list, as a file."""

    kind: Literal["export"]
    resource: Annotated[str, Field(max_length=100, examples=["customers"], description="a list of this API")]
    format: Format = "csv"
    query: Annotated[
        str,
        Field(
            max_length=MAX_QUERY_CHARS,
            examples=["tier=strategic&fields=customer,tier"],
            description="filters, sort and fields, as in the address of the list",
        ),
    ] = ""


class VerifyAsked(_Asked):
    """Folds the log again and compares, as `guanxi verify` does."""

    kind: Literal["verify"]
    checks: Annotated[
        list[Annotated[str, Field(max_length=40)]],
        Field(max_length=20, description=f"some of {', '.join(CHECKS)}; all without"),
    ] = []
    sample: Annotated[
        str | None,
        Field(
            pattern=r"^([1-9][0-9]{0,8}|[1-9][0-9]?(\.[0-9]{1,3})?%|0\.[0-9]{1,3}%|100%)$",
            description="how many customers, such as 200, or a share such as 5%; all without",
        ),
    ] = None
    customer: Annotated[
        str | None, Field(min_length=1, max_length=200, description="this one alone, in place of a sample")
    ] = None


class SimulateAsked(_Asked):
    """Decides again over the log by another policy, as `guanxi policy simulate` does."""

    kind: Literal["simulate"]
    policy: Annotated[str, Field(min_length=1, max_length=MAX_POLICY_CHARS, description="the text of a policy file")]
    on: Annotated[date | None, Field(description="its first day; without, it was always in force")] = None


class ImportPreviewAsked(_Asked):
    """Reads a file that was dropped into the console, proposes a mapping where none is given, and says what would
    become of each row. Nothing is sent.
    """

    kind: Literal["import_preview"]
    upload: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", description="the file's id")]
    mapping: Annotated[
        str | None, Field(min_length=1, max_length=MAX_MAPPING_CHARS, description="the text of a mapping file")
    ] = None


class ImportAsked(_Asked):
    """Sends what a file holds that was dropped into the console, as who asks; not as history (`--backfill`)."""

    kind: Literal["import"]
    upload: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", description="the file's id")]
    mapping: Annotated[
        str | None, Field(min_length=1, max_length=MAX_MAPPING_CHARS, description="none for a file of events")
    ] = None


class AdoptAsked(_Asked):
    """Adopts a policy that was tried, as `guanxi policy adopt` does."""

    kind: Literal["adopt"]
    policy: Annotated[str, Field(min_length=1, max_length=MAX_POLICY_CHARS, description="the text of a policy file")]
    on: Annotated[date, Field(description="the first day on which it decides")]
    latest: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_NAME_CHARS,
            examples=["default-cny/1"],
            description="the version that was the last to be adopted when this one was tried: `latest` of the trial",
        ),
    ]


class FixAsked(_Asked):
    """Corrects refused events, or leaves them as they are, and sends them again under their own source and id, as
    `guanxi rejected fix` does.
    """

    kind: Literal["fix"]
    send: Annotated[bool, Field(description="false: nothing is sent; the result says what would pass")] = False
    positions: Annotated[
        list[Annotated[str, Field(pattern=r"^[0-9]{1,9}/[0-9]{1,9}/[0-9]{1,18}$")]],
        Field(max_length=100, description="these alone, such as 1/3/42"),
    ] = []
    reason: Annotated[Reason | None, Field(description="those that were refused for it")] = None
    field: Annotated[str | None, Field(max_length=MAX_NAME_CHARS, description="of these, those of this field")] = None
    source: Annotated[str | None, Field(max_length=MAX_NAME_CHARS, description="of these, those of it")] = None
    change: Annotated[
        Literal["none", "rename", "replace", "set", "remove"], Field(description="what is done to `path`")
    ] = "none"
    path: Annotated[str | None, Field(pattern=PATH, max_length=MAX_NAME_CHARS, examples=["data.currency"])] = None
    old: Annotated[str | None, Field(max_length=MAX_NAME_CHARS, description="the value that is replaced")] = None
    new: Annotated[
        Annotated[str, Field(max_length=MAX_NEW_CHARS)] | int | None,
        Field(description="the value in its place, or the path's new name"),
    ] = None


JobAsked = ExportAsked | VerifyAsked | SimulateAsked | AdoptAsked | ImportPreviewAsked | ImportAsked | FixAsked
_ANY: TypeAdapter[JobAsked] = TypeAdapter(
    Annotated[JobAsked, Field(discriminator="kind")], config=ConfigDict(defer_build=True)
)


def read_body(body: bytes) -> JobAsked:
    """A request's body. Raises Refusal."""
    try:
        asked = _ANY.validate_json(body, strict=False)
    except ValidationError as error:
        raise _bad(error) from None
    _check(asked)
    return asked


def read_stored(parameters: Any) -> JobAsked:
    """What a stored job asks for. Raises Refusal."""
    try:
        asked = _ANY.validate_python(parameters)
    except ValidationError as error:
        raise _bad(error) from None
    _check(asked)
    return asked


def _bad(error: ValidationError) -> Exception:
    """The first thing that is wrong, without what was sent."""
    found = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = [str(part) for part in found["loc"] if part not in KINDS]
    message = found["msg"][0].lower() + found["msg"][1:]
    if found["type"] == "json_invalid" or not where:
        return refusal("bad_body", f"the body is no job: {message}")
    return refusal("bad_body", f"{shown('.'.join(where))}: {message}", parameter=".".join(where)[:100])


def _check(asked: JobAsked) -> None:
    if isinstance(asked, ExportAsked):
        read_export(asked)
    if isinstance(asked, FixAsked):
        _check_fix(asked)
    if isinstance(asked, VerifyAsked):
        if asked.customer is not None and asked.sample is not None:
            raise refusal("bad_value", "a job checks a sample or one customer; leave one out", parameter="customer")
        for name in asked.checks:
            if name not in CHECKS:
                raise refusal(
                    "bad_value", f"there is no check {shown(name)}; there are {', '.join(CHECKS)}", parameter="checks"
                )


def _check_fix(asked: FixAsked) -> None:
    """Raises Refusal, at the field that is wrong."""
    if asked.reason is None and not asked.positions:
        raise refusal("bad_value", "say which: a reason, or positions", parameter="reason")
    if asked.change != "none" and asked.path is None:
        raise refusal("bad_value", "needed", parameter="path")
    if asked.change == "replace" and asked.old is None:
        raise refusal("bad_value", "needed", parameter="old")
    if asked.change in {"replace", "set", "rename"} and asked.new in {None, ""}:
        raise refusal("bad_value", "needed", parameter="new")
    if asked.change == "rename" and not fullmatch(PATH, str(asked.new)):
        raise refusal("bad_value", "a field such as data.currency", parameter="new")


def read_export(asked: ExportAsked, places: int = 2) -> tuple[Resource, Asked]:
    """The list that is exported, and its filters; places: of the currency in which money is sorted. Raises Refusal."""
    resource = next((one for one in FOLDED if one.name == asked.resource), None)
    if resource is None:
        names = [one.name for one in FOLDED]
        near = nearest(asked.resource, names)
        what = f"did you mean {near!r}?" if near else f"there are {', '.join(names)}"
        raise refusal("bad_value", f"there is no list {shown(asked.resource)}; {what}", parameter="resource")
    found = given(asked.query.removeprefix("?").encode())
    many = {name for name, filter_ in resource.filters.items() if filter_.many}
    check_names(found, {*resource.filters, "sort", "fields"}, many)  # an export has no pages, and waits for nothing
    for name in ("sort", "fields"):
        if len(found.get(name, ())) > 1:
            raise refusal("repeated_parameter", f"{name} is given several times; give it once")
    return resource, read_list(resource, found, places)


def scopes_of(asked: JobAsked) -> Sequence[Scope]:
    """What a key needs for it."""
    if isinstance(asked, ImportPreviewAsked | ImportAsked):
        return (Scope.EVENTS_WRITE,)
    if isinstance(asked, AdoptAsked):
        return (Scope.OPS_WRITE,)
    if isinstance(asked, FixAsked):
        return (Scope.OPS_WRITE, Scope.EVENTS_WRITE) if asked.send else (Scope.OPS_READ,)
    if not isinstance(asked, ExportAsked):
        return (Scope.OPS_READ,)
    resource, _ = read_export(asked)
    return (Scope.EXPORTS_READ, Scope.CONFIDENTIAL_READ) if resource.confidential else (Scope.EXPORTS_READ,)


def asks_all_rows(asked: JobAsked) -> bool:
    """Whether its result tells of all customers, or changes any, so that a key for some of them may not have it."""
    return not isinstance(asked, ExportAsked)
