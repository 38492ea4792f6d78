"""Where the next page begins, sealed: nobody can make one up, change it, or carry it to another query or key.

A cursor holds the last row's place, the query's fingerprint, the API key and the generations of the rows; so pages go
on through the same rows even when the views have been swapped meanwhile. It is encrypted too: its ids stay private.
"""

import binascii
import json
import secrets
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.errors import Malformed

KEY_BYTES = 32
MAX_KEYS = 2
MAX_CHARS = 4096
"""Of a cursor: three ids of 128 characters each, at four bytes, and the rest stay far below."""
_NONCE_BYTES, _KEY_ID_BYTES = 12, 4


@dataclass(frozen=True, slots=True)
class Cursor:
    """query: fingerprint of resource, filters and order; api_key: whose; generations: of each service's rows; after:
    the values of the order's fields at the last row; leaf: the last row's, inside an id that may have more rows, else
    None.
    """

    query: str
    api_key: str
    generations: Mapping[str, int]
    after: tuple[Any, ...]
    leaf: tuple[Any, ...] | None = None


class Seals:
    """Seals with the first key, opens with either."""

    def __init__(self, keys: list[bytes]) -> None:
        if not 0 < len(keys) <= MAX_KEYS or any(len(key) != KEY_BYTES for key in keys):
            raise Malformed(f"GUANXI_CURSOR_KEYS: one or two lines, each {KEY_BYTES} bytes in base64")
        self.keys = tuple(keys)
        """For what else is made of them."""
        self._by_id = {_key_id(key): AESGCM(key) for key in keys}
        self._first = _key_id(keys[0])

    @classmethod
    def read(cls, text: str | None) -> "Seals":
        """From the setting; without one, by a key of this process alone. Raises Malformed."""
        if text is None:
            return cls([secrets.token_bytes(KEY_BYTES)])
        try:
            return cls([b64decode(line, validate=True) for line in text.split()])
        except binascii.Error:
            raise Malformed("GUANXI_CURSOR_KEYS: not base64") from None

    def seal(self, cursor: Cursor) -> str:
        """The token."""
        said = [cursor.query, cursor.api_key, dict(cursor.generations), cursor.after, cursor.leaf]
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._by_id[self._first].encrypt(nonce, json.dumps(said).encode(), self._first)
        return urlsafe_b64encode(self._first + nonce + sealed).rstrip(b"=").decode()

    def open(self, token: str) -> Cursor:
        """The cursor of a token. Raises Malformed for what none of the keys has sealed."""
        try:
            if len(token) > MAX_CHARS:
                raise ValueError
            packed = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
            if urlsafe_b64encode(packed).rstrip(b"=").decode() != token:
                raise ValueError
            key_id, nonce = packed[:_KEY_ID_BYTES], packed[_KEY_ID_BYTES : _KEY_ID_BYTES + _NONCE_BYTES]
            opened = self._by_id[key_id].decrypt(nonce, packed[_KEY_ID_BYTES + _NONCE_BYTES :], key_id)
        except (ValueError, KeyError, InvalidTag):
            raise Malformed("the cursor was cut or changed, or the key that sealed it is gone; begin again") from None
        query, api_key, generations, after, leaf = json.loads(opened)
        return Cursor(query, api_key, generations, tuple(after), None if leaf is None else tuple(leaf))


def _key_id(key: bytes) -> bytes:
    return blake2b(key, digest_size=_KEY_ID_BYTES, person=b"guanxi cursor").digest()
