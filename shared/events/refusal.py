"""Why a record was refused, as a value: a code for machines, the field, and a hint for people."""

from dataclasses import dataclass
from enum import StrEnum

MAX_HINT_CHARS = 300


class Reason(StrEnum):
    """Codes of refusals. They are public (HTTP answers, `guanxi.rejected`, refused-rows files): never rename one."""

    NOT_JSON = "not_json"
    NOT_UTF8 = "not_utf8"
    DUPLICATE_KEY = "duplicate_key"
    TOO_DEEP = "too_deep"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    EMPTY = "empty"
    NOT_CLOUDEVENT = "not_cloudevent"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    UNKNOWN_TYPE = "unknown_type"
    INTERNAL_TYPE = "internal_type"
    MISSING_FIELD = "missing_field"
    INVALID_FIELD = "invalid_field"
    INVALID_ID = "invalid_id"
    INVALID_TIME = "invalid_time"
    NAIVE_TIME = "naive_time"
    TOO_OLD = "too_old"
    IN_FUTURE = "in_future"
    INVALID_AMOUNT = "invalid_amount"
    INEXACT_AMOUNT = "inexact_amount"
    AMBIGUOUS_AMOUNT = "ambiguous_amount"
    UNKNOWN_CURRENCY = "unknown_currency"
    FOUR_EYES = "four_eyes"
    SELF_APPROVED = "self_approved"
    STEWARDS_ONLY = "stewards_only"
    KEY_MISMATCH = "key_mismatch"
    INVALID_HEADER = "invalid_header"
    CONFLICTING_REPEAT = "conflicting_repeat"
    SUBJECT_CHANGED = "subject_changed"
    SUPERSEDED = "superseded"
    TOO_MANY_REVISIONS = "too_many_revisions"
    SOURCE_NOT_ALLOWED = "source_not_allowed"
    CUSTOMER_IS_LIVE = "customer_is_live"
    CUSTOMER_HAS_HISTORY = "customer_has_history"
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal.

    reason: the code; field: a dotted path into the event ("" for the event as a whole); hint: what was found and
    what to do, in one sentence, never a stack trace and never longer than 300 characters.
    """

    reason: Reason
    field: str
    hint: str

    def __post_init__(self) -> None:
        if len(self.hint) > MAX_HINT_CHARS:
            object.__setattr__(self, "hint", self.hint[: MAX_HINT_CHARS - 1] + "…")
