"""API keys: who may send events and of which sources, who may read what, and whose rows.

The file contains only hashes. A secret is 32 random bytes, so one round of SHA-256 protects it: nothing can be guessed
that a slow hash would protect, and every request can afford it.
"""

import hmac
import logging
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

import yaml
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from shared.console import SOURCE as CONSOLE
from shared.errors import Malformed
from shared.yaml_lines import load, read_text

log = logging.getLogger(__name__)

MAX_KEYS = 1000
MAX_KEYS_FILE_BYTES = 1024 * 1024
MAX_KEYS_FILE_PARTS = 200_000
"""More than so many bytes can hold without aliases."""
EVERYTHING, OWN, TEAM = "all", "own", "team"


class Scope(StrEnum):
    """What a key may do."""

    EVENTS_WRITE = "events:write"
    ACCESS_GRANT = "access:grant"
    CUSTOMERS_READ = "customers:read"
    CONFIDENTIAL_READ = "confidential:read"
    NAMES_READ = "names:read"
    EXPORTS_READ = "exports:read"
    SUBSCRIPTIONS_MANAGE = "subscriptions:manage"
    TEXTS_READ = "texts:read"
    TEXTS_EXECUTIVE = "texts:executive"
    TEXTS_STEWARD = "texts:steward"
    TRAIL_READ = "trail:read"
    OPS_READ = "ops:read"
    OPS_WRITE = "ops:write"


_TOKEN = re.compile(r"gx_([a-z0-9]{4,32})_([A-Za-z0-9_-]{20,128})")
NOBODY = "sha256:" + "0" * 64
"""The hash compared when the id is unknown, so that timing does not reveal which ids exist."""


class ApiKey(BaseModel):
    """One key in the file. `sources`: each exact, or a prefix followed by `*`; `"*"` alone allows all. `rows`: whose
    customers it reads: `all`, those of one representative (`own:R-001`), or those of a team (`team:east`).
    `representative`: the person whose key it is, who reads texts with it; `person`: who is signed in to the console.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{4,32}$")]
    hash: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
    sources: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = ()
    created: AwareDatetime
    expires: AwareDatetime | None = None
    revoked: AwareDatetime | None = None
    events_per_second: Annotated[float, Field(ge=0.1, le=1_000_000)] | None = None
    """Its own limit; None: the common limit (GUANXI_EVENTS_PER_SECOND)."""
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)] = (Scope.EVENTS_WRITE,)
    rows: Annotated[
        str,
        # No {0,127}: a hundred times all that is printed takes a tenth of a second to compile, at each start.
        StringConstraints(pattern=r"^(all|(own|team):[^\p{C}\p{Z}][^\p{C}]*)$", max_length=len("team:") + 128),
    ] = EVERYTHING
    representative: Annotated[str, StringConstraints(pattern=r"^[^\p{C}\p{Z}][^\p{C}]*$", max_length=128)] | None = None
    person: Annotated[str, Field(min_length=1, max_length=200)] | None = None

    @field_validator("sources")
    @classmethod
    def _star_at_the_end(cls, sources: tuple[str, ...]) -> tuple[str, ...]:
        for source in sources:
            if "*" in source[:-1]:
                raise ValueError(f"{source!r}: a * is allowed only at the end")
        return sources

    @model_validator(mode="after")
    def _has_sources(self) -> Self:
        if Scope.EVENTS_WRITE in self.scopes and not self.sources:
            raise ValueError("a key that may send events (events:write) names the sources that it may send")
        return self

    def may(self, scope: Scope) -> bool:
        """Whether the key has a scope."""
        return scope in self.scopes

    @property
    def reads_as(self) -> str | None:
        """The representative who reads texts with it."""
        kind, _, whose = self.rows.partition(":")
        return self.representative or (whose if kind == OWN else None)

    @property
    def reader(self) -> str:
        """Who reads, as the trail has it: a representative's id; who is signed in and is none; else the key."""
        return self.reads_as or (f"person:{self.person}" if self.person else f"key:{self.id}")

    def may_send(self, source: str) -> bool:
        """Whether this key may send events of this source. The console's is no key's, whatever it may send."""
        if source == CONSOLE:
            return source in self.sources
        return any(source.startswith(s[:-1]) if s.endswith("*") else source == s for s in self.sources)

    def active(self, now: datetime) -> bool:
        """Whether the key is neither revoked nor expired."""
        return self.revoked is None and (self.expires is None or now < self.expires)


class _KeysFile(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    keys: Annotated[tuple[ApiKey, ...], Field(max_length=MAX_KEYS)] = ()

    @field_validator("keys")
    @classmethod
    def _once(cls, keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
        if len({key.id for key in keys}) < len(keys):
            raise ValueError("two keys have the same id")
        if any(CONSOLE in key.sources for key in keys):
            raise ValueError(f"the source {CONSOLE} is the console's: no key may send it")
        return keys


def hash_secret(secret: str) -> str:
    """The hash of a secret, as in the file."""
    return "sha256:" + sha256(secret.encode()).hexdigest()


def read_keys(path: Path) -> tuple[ApiKey, ...]:
    """The keys in a YAML (or JSON) file; none if there is no file. Raises Malformed with what is wrong and where."""
    if not path.exists():
        return ()
    document = load(read_text(path, MAX_KEYS_FILE_BYTES), str(path), MAX_KEYS_FILE_PARTS, MAX_KEYS_FILE_BYTES)
    try:
        return _KeysFile.model_validate({} if document.value is None else document.value).keys
    except ValidationError as error:
        raise document.invalid(error) from None


def dump_keys(keys: Iterable[ApiKey]) -> str:
    """The text of a key file."""
    rows = [key.model_dump(mode="json", exclude_none=True) for key in keys]
    head = "# API keys of guanxi; change it with `guanxi keys`. It contains hashes, not secrets.\n"
    return head + yaml.safe_dump({"keys": rows}, sort_keys=False, allow_unicode=True)


class Denied(NamedTuple):
    """Why there is no valid key: for logs and metrics, not for the answer. `key_id`: as sent, if it looks like one."""

    why: Literal["missing", "malformed", "unknown", "wrong_secret", "revoked", "expired"]
    key_id: str = "-"


@dataclass(frozen=True, slots=True)
class _Seen:
    """What distinguishes versions of the file."""

    inode: int
    size: int
    modified_ns: int


class ApiKeys:
    """The keys of a file, read again when it changes, so that keys rotate without a restart.

    If the file can't be read after a change, the previous keys stay valid and the error is logged once: a typo must not
    lock out every upstream. Raises Malformed if it can't be read at the start.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._look()
        self._keys = _by_id(read_keys(path))
        if not self._keys:
            log.warning("%s: no API keys, so every request is answered 401; create one with `guanxi keys create`", path)

    def find(self, authorization: str | None, now: datetime) -> "ApiKey | Denied":
        """The active key in an Authorization header, or what is wrong with it. Compares in constant time."""
        self._reload()
        if not authorization:
            return Denied("missing")
        scheme, _, token = authorization.partition(" ")
        match = _TOKEN.fullmatch(token.strip())
        if scheme.lower() != "bearer" or match is None:
            return Denied("malformed")
        key = self._keys.get(match[1])
        same = hmac.compare_digest(hash_secret(match[2]), key.hash if key else NOBODY)
        if key is None:
            return Denied("unknown", match[1])
        if not same:
            return Denied("wrong_secret", key.id)
        if not key.active(now):
            return Denied("expired" if key.revoked is None else "revoked", key.id)
        return key

    def active(self, key_id: str, now: datetime) -> ApiKey | None:
        """The key of this id, if it is active: for work that goes on after the request."""
        self._reload()
        key = self._keys.get(key_id)
        return key if key is not None and key.active(now) else None

    def _reload(self) -> None:
        seen = self._look()
        if seen == self._seen:
            return
        self._seen = seen
        if seen is None:
            log.error("%s is missing; the keys read before stay valid", self._path)
            return
        try:
            self._keys = _by_id(read_keys(self._path))
        except Malformed as error:
            log.error("%s; the keys read before stay valid", error)  # noqa: TRY400 - the text says all
        else:
            log.info("%s: reloaded, %d keys", self._path, len(self._keys))

    def _look(self) -> _Seen | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return _Seen(status.st_ino, status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def _by_id(keys: Iterable[ApiKey]) -> Mapping[str, ApiKey]:
    return {key.id: key for key in keys}
