"""The HTTP door vouches for the API key by which an event came, so that who may only write the inbox cannot name one.

A header beside the record holds the key's id and a keyed hash of both; admission puts the id on the log when the hash
is right. Without a secret (GUANXI_PERSON_KEY) nothing is vouched for, and an actor is only what the sender claims.
"""

from hashlib import blake2b
from hmac import compare_digest

from services.ingest.wire import DOOR_KEY, Headers

HEADER = DOOR_KEY
MAX_SECRET_BYTES = 64
_PURPOSE = b"guanxi door key"


def vouch(key_id: str, value: bytes, secret: bytes) -> list[tuple[str, bytes]]:
    """The header for a record of this value; none without a secret."""
    return [(HEADER, b"%s.%s" % (key_id.encode(), _hash(key_id, value, secret)))] if secret else []


def vouched_key(headers: Headers, value: bytes | None, secret: bytes) -> str | None:
    """The id of the key by which a record came; None where nobody vouches for it."""
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
