"""Exceptions, named by the action that they need (architecture.md: refusals are values, these are not)."""


class GuanxiError(Exception):
    """Base of all errors that guanxi raises on purpose; its text is meant for people."""

    final = False
    """Whether trying again is pointless."""


class Malformed(GuanxiError):  # noqa: N818 - named by what must be done, not by what it is
    """The record can never be processed: refuse or quarantine it, and go on."""


class Transient(GuanxiError):  # noqa: N818
    """A store or broker did not answer: retry with backoff, a bounded number of times, then stop."""


class Moved(Transient):
    """Somebody else has moved the stored position, or an earlier commit went through after all: read it again."""


class Undone(Transient):
    """Nothing of it was stored, for certain: somebody else wrote the same at that moment. At once again is right."""


class Stop(GuanxiError):  # noqa: N818
    """Going on would break a promise: stop loudly and do not become ready."""

    final = True


MAX_WORDS_CHARS = 200


def in_short(error: object) -> str:
    """A driver's error without the screenful that MongoDB's appends: its topology, all time-outs, the whole answer."""
    text = str(error)
    for rest in (" (configured", ", Timeout: ", ", full error: "):
        text = text.partition(rest)[0]
    return text[:MAX_WORDS_CHARS]
