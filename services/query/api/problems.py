"""The errors of the API: each code once, with its status and what it means (docs/readers.md lists them)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from shared.problems import Problem


class Code(NamedTuple):
    """One documented error."""

    status: HTTPStatus
    means: str


CODES: dict[str, Code] = {
    "unknown_parameter": Code(HTTPStatus.BAD_REQUEST, "a query parameter that this resource does not have"),
    "repeated_parameter": Code(HTTPStatus.BAD_REQUEST, "a query parameter that may be given once"),
    "bad_value": Code(HTTPStatus.BAD_REQUEST, "a parameter's value is not of its kind, or out of its range"),
    "filter_not_indexed": Code(HTTPStatus.BAD_REQUEST, "no index serves these filters together, or in this order"),
    "filter_missing": Code(HTTPStatus.BAD_REQUEST, "this resource is read by a filter, and none of those was given"),
    "unknown_sort": Code(HTTPStatus.BAD_REQUEST, "this resource is not sorted so; no index has that order"),
    "unknown_field": Code(HTTPStatus.BAD_REQUEST, "`fields` or `include` names what this resource does not have"),
    "bad_id": Code(
        HTTPStatus.BAD_REQUEST, "the path holds what is no id: bytes that are not UTF-8, or over 128 characters"
    ),
    "bad_cursor": Code(HTTPStatus.BAD_REQUEST, "the cursor was cut or changed, or sealed by a key that is gone"),
    "cursor_mismatch": Code(HTTPStatus.BAD_REQUEST, "the cursor belongs to another query, or to another API key"),
    "bad_position": Code(HTTPStatus.BAD_REQUEST, "`after` is not a position, or one that this system has not reached"),
    "on_in_future": Code(HTTPStatus.BAD_REQUEST, "`on` or `known_at` has not come yet"),
    "bad_body": Code(HTTPStatus.BAD_REQUEST, "the body is not the JSON that is asked for here"),
    "unauthorized": Code(HTTPStatus.UNAUTHORIZED, "no valid API key"),
    "scope_missing": Code(HTTPStatus.FORBIDDEN, "the API key has not the scope that this resource asks for"),
    "rows_not_all": Code(HTTPStatus.FORBIDDEN, "figures over all customers are for keys that may read all rows"),
    "text_denied": Code(
        HTTPStatus.FORBIDDEN, "no right to these texts; `why` says what is missing. It is on the trail"
    ),
    "not_found": Code(HTTPStatus.NOT_FOUND, "there is nothing here that this API key may read"),
    "method_not_allowed": Code(HTTPStatus.METHOD_NOT_ALLOWED, "this method is not taken here; see Allow"),
    "job_not_done": Code(HTTPStatus.CONFLICT, "the job has no result: it waits, runs, failed or was cancelled"),
    "idempotency_mismatch": Code(
        HTTPStatus.UNPROCESSABLE_ENTITY, "the `Idempotency-Key` was sent before with another request"
    ),
    "body_too_large": Code(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is larger than is taken here"),
    "too_many_jobs": Code(HTTPStatus.TOO_MANY_REQUESTS, "this API key has as many open jobs as it may"),
    "replaying": Code(HTTPStatus.CONFLICT, "the subscription is being replayed, or backfilled, already"),
    "too_many_subscriptions": Code(
        HTTPStatus.TOO_MANY_REQUESTS, "this API key, or the system, has as many subscriptions as it may"
    ),
    "cursor_expired": Code(
        HTTPStatus.GONE, "the rows that the cursor pages through were rebuilt over a day ago; begin again"
    ),
    "position_expired": Code(
        HTTPStatus.GONE, "`after` is of an inbox or a log before the present one; read without it"
    ),
    "reset": Code(
        HTTPStatus.GONE,
        "changes can't be followed from there on: read everything again with `after` = `position`, then from `next`",
    ),
    "too_many_requests": Code(
        HTTPStatus.TOO_MANY_REQUESTS, "too many requests at once, or more cost a second than allowed"
    ),
    "headers_too_large": Code(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "address and headers have more than 16 KiB, or 100 lines"
    ),
    "request_timeout": Code(HTTPStatus.REQUEST_TIMEOUT, "the headers did not arrive in time"),
    "too_many_pipelined": Code(HTTPStatus.BAD_REQUEST, "too many requests were sent ahead of an answer"),
    "not_http": Code(HTTPStatus.BAD_REQUEST, "this is not HTTP/1.1"),
    "internal": Code(HTTPStatus.INTERNAL_SERVER_ERROR, "an error on our side, logged"),
    "not_yet": Code(HTTPStatus.SERVICE_UNAVAILABLE, "what `after` speaks of is not all visible yet; ask again"),
    "too_many_waiting": Code(HTTPStatus.SERVICE_UNAVAILABLE, "too many requests wait for a position; ask again"),
    "too_slow": Code(
        HTTPStatus.SERVICE_UNAVAILABLE, "the query took too long; ask for fewer rows or with another filter"
    ),
    "too_many_streams": Code(
        HTTPStatus.SERVICE_UNAVAILABLE, "too many follow changes at this process; come back later"
    ),
    "no_trail": Code(
        HTTPStatus.SERVICE_UNAVAILABLE, "the trail can't be written now, and without it no text is shown; ask again"
    ),
    "unavailable": Code(HTTPStatus.SERVICE_UNAVAILABLE, "MongoDB or Kafka does not answer; ask again"),
}


class Refusal(Exception):  # noqa: N818 - it carries the answer
    """Ends the work on a request with an error answer."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def refusal(code: str, detail: str, headers: Mapping[str, str] | None = None, **members: Any) -> Refusal:
    """The refusal with a documented code; detail: what was found and what to do, one sentence."""
    return Refusal(Problem(CODES[code].status, code, detail, headers or {}, members))
