"""The HTTP door vouches for the API key of an event, so that someone who can only write the inbox can't claim a key.

A header of the record contains the key's id and a keyed hash of both; admission writes the id to the log if the hash is
right. Without a secret (GUANXI_PERSON_KEY) the door vouches for nothing, and an actor is only what the sender claims.
"""

from hashlib import blake2b
from hmac import compare_digest

from services.ingest.doors.kafka.wire import DOOR_KEY, Headers

HEADER = DOOR_KEY
MAX_SECRET_BYTES = 64
_PURPOSE = b"guanxi door key"


def vouch(key_id: str, value: bytes, secret: bytes) -> list[tuple[str, bytes]]:
    """The header for a record with this value; none without a secret."""
    return [(HEADER, b"%s.%s" % (key_id.encode(), _hash(key_id, value, secret)))] if secret else []


def vouched_key(headers: Headers, value: bytes | None, secret: bytes) -> str | None:
    """The id of the key that sent a record; None if the door does not vouch for it."""
    for name, text in headers:
        if name == HEADER and text and secret:
            key_id, _, found = text.partition(b".")
            if key_id.isalnum() and compare_digest(found, _hash(key_id.decode("ascii"), value or b"", secret)):
                return key_id.decode("ascii")
    return None


def _hash(key_id: str, value: bytes, secret: bytes) -> bytes:
    keyed = blake2b(key=secret[:MAX_SECRET_BYTES], person=_PURPOSE, digest_size=16)
    keyed.update(key_id.encode() + b"\0" + value)
    return keyed.hexdigest().encode()
