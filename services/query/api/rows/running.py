"""Rows of how the system fares: fates of events, refusals, findings, jobs."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from services.query.api.rows.base import Json, Row


class Fate(Row):
    """What became of an event."""

    source: str
    id: str
    status: Literal["accepted", "refused", "duplicate"]
    accepted_at: Annotated[
        str | None, Field(description="token of where it stands, on the inbox or the log; wait with after=")
    ]
    code: Annotated[str | None, Field(description="why it was refused")]
    field: Annotated[str | None, Field(description="dotted path of what was wrong")]
    hint: str | None
    judged_at: datetime | None
    folded_by: Annotated[list[str], Field(description="services that show it already")]
    customer: Annotated[str | None, Field(description="of a record with an id of its own; so are those below")]
    record: Annotated[list[str] | None, Field(description="the record's business id")]
    revision: Annotated[int | None, Field(description="of the record; also of a representative's")]
    recorded_at: Annotated[datetime | None, Field(description="when it came to the log")]
    revised: Annotated[Json | None, Field(description="the revision that has replaced it")]
    voided: Annotated[Json | None, Field(description="the revision that has voided it")]
    decisions: Annotated[
        list[Json] | None,
        Field(description="of tiering that it set off; null for keys that may not read all customers"),
    ]


class Rejection(Row):
    """What admission refused, for 30 days: the last refusal of each event. What came right since is listed still; its
    fate says so.
    """

    id: Annotated[str, Field(description="of the refusal")]
    at: Annotated[datetime, Field(description="when it came to the inbox")]
    position: Annotated[str, Field(description="on the inbox, as `guanxi rejected` takes it", examples=["1/3/42"])]
    code: Annotated[str, Field(description="why (docs/integrators.md)")]
    field: Annotated[str, Field(description="dotted path of what was wrong; empty for the event as a whole")]
    hint: str
    source: Annotated[str | None, Field(description="null where none could be read")]
    event: Annotated[str | None, Field(description="the event's id; null where none could be read")]
    subject: str | None


class Finding(Row):
    """What `guanxi doctor` found when it was last run."""

    at: Annotated[datetime, Field(description="when it was run")]
    check: str
    found: Literal["wrong", "warning", "unchecked", "ok"]
    what: Annotated[str, Field(description="with figures")]
    why: Annotated[str | None, Field(description="why it matters; null where nothing is wrong")]
    do: Annotated[str | None, Field(description="what to do; null where nothing is wrong")]


class JobProgress(Row):
    """How far a job is."""

    done: int
    total: Annotated[int, Field(description="0 while nobody knows")]
    text: Annotated[str, Field(description="of the step that it is at")]


class JobError(Row):
    """Why a job failed, or why it is tried again."""

    code: str
    detail: str


class Job(Row):
    """A long job."""

    id: str
    kind: Literal["export", "verify", "simulate", "adopt", "import_preview", "import", "fix"]
    status: Literal["queued", "running", "done", "failed", "cancelled"]
    parameters: Annotated[Json, Field(description="as asked for; a list leaves out the text of a policy")]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: Annotated[datetime | None, Field(description="when it and its result are removed")]
    attempts: int
    cancelling: Annotated[bool, Field(description="it is to end, and its worker has not ended it yet")]
    progress: JobProgress
    error: JobError | None
    result: Annotated[
        Json | None,
        Field(
            description="what its result is: bytes, sha256, filename, media_type; of an export also rows, position, "
            "exact, columns; of verify, differences and the first findings; of simulate, the summary"
        ),
    ]
