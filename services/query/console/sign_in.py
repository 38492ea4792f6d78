"""Links, sessions and forms of the console: what is secret of them, and how it is checked. Pure.

A link's secret and a session's are 32 random bytes, of which only a hash is stored. A cookie is signed besides, so that
one of another deployment, or one that somebody made up, never reaches the store.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b, sha256
from hmac import compare_digest
from typing import Any
from urllib.parse import urlsplit

from services.query.console.roles import Person

LINK_LASTS = timedelta(minutes=10)
"""To be carried from a terminal to a browser."""
ATTEMPT_SECONDS = 600
"""To come back from the company's own sign-in."""
SESSION_LASTS = timedelta(hours=12)
"""A working day; then somebody signs in again, whatever they do."""
MAX_SESSIONS = 20
"""Of one person: the oldest ends where another begins."""
_SECRET_BYTES = 32
_MAX_COOKIE_CHARS = 200
_COOKIE, _FORM, _WRITER = b"console cookie", b"console form", b"console writer"
KEPT = "Guanxi-Kept"
"""Of what may be kept in a browser without a network: whose it is, and until when (static/worker.js)."""


class NotSignedInError(Exception):
    """What is shown instead, by its name: `provider` (it does not answer as it should), `attempt` (another browser's,
    an old one, or none of ours), `declined` (the provider says no), `role` (nobody has given them one here).
    """


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in. id: the hash by which it is stored."""

    id: str
    person: Person
    begun_at: datetime
    expires_at: datetime


class Keys:
    """What signs cookies and forms, made from the keys that seal cursors: the first signs, all open."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)

    def cookie(self, secret: str) -> str:
        """The cookie's text for a session's secret."""
        return f"{secret}.{_mac(self._keys[0], _COOKIE, secret)}"

    def secret(self, cookie: str | None) -> str | None:
        """The session's secret in a cookie; None where none of our keys signed it."""
        if not cookie or len(cookie) > _MAX_COOKIE_CHARS or not cookie.isascii():
            return None
        secret, _, mac = cookie.partition(".")
        good = [compare_digest(mac, _mac(key, _COOKIE, secret)) for key in self._keys]
        return secret if any(good) else None

    def token(self, session: Session) -> str:
        """What each form of a session carries."""
        return _mac(self._keys[0], _FORM, session.id)

    def is_token(self, token: str, session: Session) -> bool:
        """Whether a form is of this session."""
        return token.isascii() and any(compare_digest(token, _mac(key, _FORM, session.id)) for key in self._keys)


def _mac(key: bytes, purpose: bytes, text: str) -> str:
    return blake2b(text.encode(), key=key[:64], person=purpose, digest_size=16).hexdigest()


def new_secret() -> str:
    """Of a link or a session."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def stored_as(secret: str) -> str:
    """What is kept of a secret: it is random, so one round protects it."""
    return sha256(secret.encode()).hexdigest()


def is_own(origin: str | None, own: str) -> bool:
    """Whether a request that changes something comes from our own pages. own: scheme, host and port as people have
    them in their browser. A browser always says where a form comes from; without it, it is none of ours.
    """
    if not origin:
        return False
    sent, ours = urlsplit(origin), urlsplit(own)
    return (sent.scheme, sent.netloc.lower()) == (ours.scheme, ours.netloc.lower()) and bool(sent.netloc)


def writer_of(session: Session) -> str:
    """Whose what a browser keeps is: the same in all of somebody's sessions, and nothing to be read from."""
    return blake2b(session.person.id.encode(), digest_size=12, person=_WRITER).hexdigest()


def kept(session: Session) -> dict[str, str]:
    """The header of a page that a browser may keep for as long as the session lasts, in milliseconds."""
    return {KEPT: f"{writer_of(session)} {int(session.expires_at.timestamp() * 1000)}"}


def cookie_name(*, tls: bool) -> str:
    """With TLS one that browsers take from this host alone, and only encrypted."""
    return "__Host-guanxi" if tls else "guanxi"


def person_stored(person: Person) -> dict[str, Any]:
    """As links and sessions keep it."""
    return {
        "id": person.id,
        "role": person.role,
        "whose": person.whose,
        "representative": person.representative,
    }


def person_read(stored: Mapping[str, Any]) -> Person:
    """From what is kept."""
    return Person(stored["id"], stored["role"], stored.get("whose"), stored.get("representative"))
