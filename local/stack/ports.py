"""Free ports of 127.0.0.1."""

import random
import socket

# Below the range from which Linux and macOS take the ports of outgoing connections: a port from there could
# be gone between our look and the server's bind.
_FIRST, _LAST = 20_000, 32_000
_TRIES = 200


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(wanted: int | None = None) -> int:
    """`wanted` if it is free, else any free one."""
    if wanted is not None and is_free(wanted):
        return wanted
    for _ in range(_TRIES):
        port = random.randrange(_FIRST, _LAST)  # noqa: S311  (not a secret)
        if is_free(port):
            return port
    raise OSError(f"no free port between {_FIRST} and {_LAST} on 127.0.0.1")
