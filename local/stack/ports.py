"""Free ports of 127.0.0.1."""

import fcntl
import os
import secrets
import socket
from functools import cache

from guanxi.current import cache_folder

# Below the range from which Linux and macOS take the ports of outgoing connections: a port from there could
# be gone between our look and the server's bind.
_FIRST, _LAST = 20_000, 32_000
_TRIES = 200
_given: set[int] = set()


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(wanted: int | None = None) -> int:
    """`wanted` if it is free, else any free one that no stack of this user was given: its server may take a while to
    listen, and stacks start side by side. A port is given back when the process that asked for it ends.
    """
    if wanted is not None and is_free(wanted):
        return wanted
    for _ in range(_TRIES):
        # Not `random`: tests seed it, and two of them would draw the same.
        port = _FIRST + secrets.randbelow(_LAST - _FIRST)
        if port not in _given and _claimed(port) and is_free(port):
            _given.add(port)
            return port
    raise OSError(f"no free port between {_FIRST} and {_LAST} on 127.0.0.1")


def _claimed(port: int) -> bool:
    """A byte of a file for each port: locked by whoever was given it."""
    try:
        fcntl.lockf(_claims(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


@cache
def _claims() -> int:
    """Open for as long as the process runs: closing it would give all ports back."""
    return os.open(cache_folder() / "ports", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
