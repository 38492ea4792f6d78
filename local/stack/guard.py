"""Runs one command and ends it when whoever asked for it is gone.

Started by local.stack.process as a plain script (standard library only, `python -I -S guard.py ...`).
Standard input is the lifeline: while the asker lives it holds the other end open; when it closes it, or dies
in whatever way (SIGKILL included), the command's process group is ended. Should the guard itself be killed,
Linux kills the command.

Tells on standard output `pid <n>` when the command runs and `exit <code>` when it has ended (negative: by
that signal).
"""

import argparse
import contextlib
import ctypes
import os
import select
import selectors
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def _die_with_guard() -> None:
    """In the child, before exec: SIGKILL when the guard is gone. Elsewhere the lifeline alone serves."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _tell(line: str) -> None:
    with contextlib.suppress(OSError):  # nobody may be listening any more
        os.write(1, f"{line}\n".encode())


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _wait_for_end(child: subprocess.Popen[bytes], lifeline: int, woken: int) -> bool:
    """Returns when the command has ended by itself (True), the lifeline has closed or SIGTERM has come."""
    with selectors.DefaultSelector() as selector:
        selector.register(lifeline, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while child.poll() is None:
            for key, _ in selector.select():
                received = os.read(key.fd, 64)
                if key.fd == lifeline and not received:
                    return False
                if key.fd == woken and signal.SIGTERM in received:
                    return False
    return True


def _end(child: subprocess.Popen[bytes], stop_signal: signal.Signals, grace_s: float) -> int:
    if child.poll() is None:
        _signal_group(child.pid, stop_signal)
        deadline = time.monotonic() + grace_s
        while child.poll() is None and time.monotonic() < deadline:
            select.select((), (), (), 0.02)  # sleep() fails under libfaketime, which tests move clocks with
    _signal_group(child.pid, signal.SIGKILL)  # what it left behind in its group too
    return child.wait()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--signal", type=lambda name: signal.Signals[name], default=signal.SIGTERM)
    parser.add_argument("--grace-s", type=float, default=10.0)
    parser.add_argument("--remove", type=Path, action="append", default=[], help="folder to remove after")
    parser.add_argument("--finally", dest="last", action="append", default=[], help="word of a last command")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()

    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    with options.log.open("ab") as log:
        try:
            child = subprocess.Popen(
                options.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_guard,  # noqa: PLW1509  (the guard has one thread)
            )
        except OSError as error:
            log.write(f"{options.command[0]}: {error}\n".encode())
            _tell("exit 127")
            return 127
    _tell(f"pid {child.pid}")
    by_itself = _wait_for_end(child, lifeline=0, woken=woken)
    code = _end(child, options.signal, options.grace_s)
    if options.last:
        subprocess.run(options.last, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    for folder in () if by_itself else options.remove:
        shutil.rmtree(folder, ignore_errors=True)
    _tell(f"exit {code}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
