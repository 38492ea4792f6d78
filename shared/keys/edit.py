"""Edits the file of API keys: one writer at a time; readers see either the old file or the new one."""

import fcntl
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from shared.errors import Malformed
from shared.keys import EVERYTHING, ApiKey, Scope, dump_keys, hash_secret, read_keys

_ID_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Letters and digits that are not confused when read aloud."""
_ID_CHARS = 8
_SECRET_BYTES = 32
_NEW_FILE_MODE = 0o600


def create_key(
    path: Path,
    sources: Sequence[str],
    *,
    now: datetime,
    expires: datetime | None = None,
    events_per_second: float | None = None,
    scopes: Sequence[str] = (Scope.EVENTS_WRITE,),
    rows: str = EVERYTHING,
    representative: str | None = None,
) -> tuple[ApiKey, str]:
    """Add a key; returns it and its token, which is not stored. Raises Malformed for a bad source, scope or file."""
    unknown = next((scope for scope in scopes if scope not in set(Scope)), None)
    if unknown is not None:
        raise Malformed(f"no scope {unknown!r}; there are {', '.join(Scope)}")
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    name = "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_CHARS))
    try:
        key = ApiKey(
            id=name,
            hash=hash_secret(secret),
            sources=tuple(sources),
            created=now.replace(microsecond=0),
            expires=expires,
            events_per_second=events_per_second,
            scopes=tuple(Scope(scope) for scope in scopes),
            rows=rows,
            representative=representative,
        )
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = f"{first['loc'][0]}: " if first["loc"] else ""
        raise Malformed(f"{where}{first['msg']}") from None
    _edit(path, lambda keys: (*keys, key))
    return key, f"gx_{name}_{secret}"


def revoke_key(path: Path, key_id: str, *, now: datetime) -> ApiKey:
    """Revoke a key permanently; doing it twice changes nothing. Raises Malformed if there is no such key."""
    revoked: list[ApiKey] = []

    def change(keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
        edited = [
            key.model_copy(update={"revoked": key.revoked or now.replace(microsecond=0)}) if key.id == key_id else key
            for key in keys
        ]
        revoked.extend(key for key in edited if key.id == key_id)
        if not revoked:
            raise Malformed(f"{path}: no key {key_id!r}")
        return tuple(edited)

    _edit(path, change)
    return revoked[0]


def _edit(path: Path, change: Callable[[tuple[ApiKey, ...]], tuple[ApiKey, ...]]) -> None:
    with _locked(path):
        text = dump_keys(change(read_keys(path)))
        mode = path.stat().st_mode & 0o777 if path.exists() else _NEW_FILE_MODE
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(mode)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """A lock on a separate file, as the key file itself is replaced."""
    try:
        with path.with_name(f".{path.name}.lock").open("w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise Malformed(f"{path}: {error.strerror}") from None
