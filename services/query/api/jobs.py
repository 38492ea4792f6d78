"""`/v1/jobs`: long jobs are asked for here, looked at, cancelled, and their results fetched; the worker does them.

A job belongs to the API key that asked for it: another's is not there. What the key may do is looked at when it asks,
again when the job starts, and again when the result is fetched.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack
from hashlib import sha256
from http import HTTPStatus
from typing import Any, NamedTuple

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from services.query.api import rights
from services.query.api.asking import Asking
from services.query.api.jobs_asked import MAX_BODY_BYTES, asks_all_rows, read_body, read_stored, scopes_of
from services.query.api.parameters import ALWAYS, check_names
from services.query.api.problems import refusal
from services.query.limits import MAX_DOWNLOADS, MAX_DOWNLOADS_PER_KEY
from shared.jobs import MAX_OPEN_PER_KEY, Job, Requester
from shared.keys import ApiKey
from shared.limits import WorkPlaces
from shared.mongo.jobs import Queue, new_id
from shared.problems import retry_after

PATH = "/v1/jobs"
ONE, RESULT = f"{PATH}/{{id}}", f"{PATH}/{{id}}/result"
IDEMPOTENCY_KEY = "idempotency-key"
MAX_IDEMPOTENCY_KEY_CHARS = 255
AGAIN_SECONDS = 2
"""After which somebody who waits for a job may look again."""
TEXTS = ("policy", "mapping")
Document = dict[str, Any]


class Served(NamedTuple):
    """A path that is answered here. cost: in units."""

    path: str
    work: Callable[[Asking], Awaitable[Response]]
    methods: tuple[str, ...]
    cost: float


class Jobs:
    """Answers for jobs."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._downloads = WorkPlaces(MAX_DOWNLOADS, MAX_DOWNLOADS_PER_KEY)

    def served(self) -> tuple[Served, ...]:
        """Its paths."""
        return (
            Served(PATH, self._all, ("GET", "POST"), 5.0),
            Served(ONE, self._one, ("GET", "DELETE"), 1.0),
            Served(RESULT, self._result, ("GET",), 20.0),
        )

    async def _all(self, asking: "Asking") -> Response:
        check_names(asking.asked, ALWAYS)
        if asking.request.method == "POST":
            return await self._ask(asking)
        return _answer([shown(job) for job in await self._queue.of(asking.key.id)])

    async def _ask(self, asking: "Asking") -> Response:
        body = await _read(asking.request)
        asked = read_body(body)
        for scope in scopes_of(asked):
            rights.check_scope(asking.key, scope)
        if asks_all_rows(asked):
            rights.check_all(asking.rows)
        key = asking.key
        parameters = asked.model_dump(mode="json")
        fingerprint = sha256(to_json(parameters)).hexdigest()
        job = Job(
            id=id_of(asking.request, key) or new_id(),
            kind=asked.kind,
            requester=Requester(key=key.id, scopes=key.scopes, rows=key.rows),
            parameters=parameters,
            asked=fingerprint,
            created_at=await self._queue.now(),
        )
        queued = await self._queue.add(job)
        if queued is None:
            hint = f"this API key has {MAX_OPEN_PER_KEY} jobs that wait or run; wait for one, or cancel one"
            raise refusal("too_many_jobs", hint, retry_after(AGAIN_SECONDS))
        if queued.asked != fingerprint:
            raise refusal("idempotency_mismatch", "this Idempotency-Key was sent with another job; send a new one")
        headers = {"Location": f"{PATH}/{queued.id}", **retry_after(AGAIN_SECONDS)}
        return _answer(shown(queued), HTTPStatus.ACCEPTED, headers)

    async def _one(self, asking: "Asking") -> Response:
        check_names(asking.asked, ALWAYS)
        job_id, key = asking.request.path_params["id"], asking.key.id
        if asking.request.method == "DELETE":
            job = await self._queue.cancel(job_id, key)
        else:
            job = await self._queue.get(job_id, key)
        if job is None:
            raise rights.not_found()
        said = shown(job)
        texts = {name: job.result[name] for name in TEXTS if name in job.result} if job.result else {}
        whole = {**said, "parameters": job.parameters, "result": said["result"] and {**said["result"], **texts}}
        return _answer(whole, headers=retry_after(AGAIN_SECONDS) if job.open else {})

    async def _result(self, asking: "Asking") -> Response:
        check_names(asking.asked, ALWAYS)
        key = asking.key
        job = await self._queue.get(asking.request.path_params["id"], key.id)
        if job is None or job.requester.rows != key.rows:
            raise rights.not_found()
        for scope in scopes_of(read_stored(job.parameters)):
            rights.check_scope(key, scope)
        if job.result is None:
            headers = retry_after(AGAIN_SECONDS) if job.open else {}
            raise refusal("job_not_done", f"the job is {job.status}, and has no result", headers)
        if not self._downloads.free_for(key.id):
            hint = f"{MAX_DOWNLOADS_PER_KEY} results are being sent to this key; wait for one"
            raise refusal("too_many_requests", hint, retry_after(AGAIN_SECONDS))
        result = job.result
        headers = {
            "Content-Length": str(result["bytes"]),
            "Content-Disposition": f'attachment; filename="{result["filename"]}"',
            "Guanxi-Sha256": result["sha256"],
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        if result.get("position"):
            headers["Guanxi-Position"] = result["position"]
        return StreamingResponse(self._pieces(job, key.id), headers=headers, media_type=result["media_type"])

    async def _pieces(self, job: Job, key: str) -> AsyncIterator[bytes]:
        with ExitStack() as held:
            held.enter_context(self._downloads.one(key))
            async for piece in self._queue.pieces(job):
                yield piece


def id_of(request: Request, key: ApiKey) -> str | None:
    """Of what is asked for: by the Idempotency-Key, so that the same request sent again makes nothing twice; None
    without it. Raises Refusal.
    """
    sent = request.headers.get(IDEMPOTENCY_KEY)
    if sent is None:
        return None
    if not 0 < len(sent) <= MAX_IDEMPOTENCY_KEY_CHARS:
        raise refusal("bad_value", f"Idempotency-Key has 1 to {MAX_IDEMPOTENCY_KEY_CHARS} characters")
    return sha256(f"{key.id}\n{sent}".encode()).hexdigest()[:32]


async def _read(request: Request) -> bytes:
    """The body, never more of it than is taken. Raises Refusal."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise refusal("body_too_large", f"a job is asked for in at most {MAX_BODY_BYTES // 1024} KiB")
    return bytes(body)


def shown(job: Job) -> Document:
    """What leaves of a job: not who works on it, nor the text of a policy or mapping, which may be long."""
    parameters: Mapping[str, Any] = {name: value for name, value in job.parameters.items() if name not in TEXTS}
    result = None
    if job.result is not None:
        result = {name: value for name, value in job.result.items() if name not in {"pieces", *TEXTS}}
    return {
        "id": job.id,
        "kind": job.kind,
        "status": job.status,
        "parameters": parameters,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "expires_at": job.expires_at,
        "attempts": job.attempts,
        "cancelling": job.cancel and job.open,
        "progress": job.progress.model_dump(),
        "error": job.error,
        "result": result,
    }


def _answer(data: Any, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    said = {"Cache-Control": "no-store", **(headers or {})}
    return Response(to_json({"data": data}), status, said, "application/json")
