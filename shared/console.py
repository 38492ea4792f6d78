"""How the console sends events: through the HTTP door, by requests that `query` signs (docs/adr/0027).

The signature covers the body, in which each event names its `actor`, so that what the log says of who did it in the
console can't be claimed by anybody else. The door and admission refuse events of this source without it. Pure.
"""

import re
from hashlib import blake2b, sha256
from hmac import compare_digest

SOURCE = "guanxi/console"
"""Of events that people enter in the console."""
KEY_ID = "console"
"""As the log calls what vouches for them, where other events have the id of an API key."""
IMPORT_KEY_ID = "import"
"""The same for files that are dropped into the console: the worker sends and signs them, with a secret of its own."""
HEADER = "guanxi-signature"
SIGNED_SECONDS = 60
"""How old a signature may be, and how far ahead: the clocks of two machines. Sent again it is a duplicate anyway."""
MAX_SECRET_BYTES = 64
_PURPOSE = b"console signs"
_SIGNED = re.compile(r"at=([0-9]{1,12}) body=([0-9a-f]{64}) mac=([0-9a-f]{32})")


def sign(body: bytes, at_seconds: int, secret: bytes) -> str:
    """The header of a request with this body. at_seconds: since 1970."""
    said = f"at={at_seconds} body={sha256(body).hexdigest()}"
    return f"{said} mac={_mac(said, secret)}"


def signed_body(header: str, now_seconds: float, secret: bytes) -> str | None:
    """The SHA-256 that a header's body must have, as hexadecimal digits; None for a header that is not query's."""
    match = _SIGNED.fullmatch(header)
    if match is None or not secret or abs(now_seconds - int(match[1])) > SIGNED_SECONDS:
        return None
    return match[2] if compare_digest(match[3], _mac(header.rpartition(" ")[0], secret)) else None


def is_body(body: bytes, digest: str) -> bool:
    """Whether this is the body that was signed."""
    return compare_digest(sha256(body).hexdigest(), digest)


def _mac(said: str, secret: bytes) -> str:
    return blake2b(said.encode(), key=secret[:MAX_SECRET_BYTES], person=_PURPOSE, digest_size=16).hexdigest()
