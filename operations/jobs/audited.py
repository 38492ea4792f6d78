"""What a job changes comes into the audit log as the command would: before and after, with who asked for it."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

from operations.jobs.made import Work
from shared.audit import BEGUN, ENDED, Entry
from shared.mongo.audit import add

USER = "worker"
"""In place of the user of the operating system, who asked for nothing."""


def asker(work: Work) -> str:
    """Who asked, as the log names them."""
    return work.key.person or work.key.id


@asynccontextmanager
async def audited(work: Work, command: str, *arguments: str) -> AsyncIterator[None]:
    """An entry before the block and one after it. Raises Transient where MongoDB does not take the first: then nothing
    is changed.
    """
    run, host = f"{work.job.id}-{work.job.attempts}", socket.gethostname()
    begun = Entry(run, BEGUN, work.now, datetime.now(UTC), USER, host, asker(work), command, arguments)
    await add(work.database, begun)
    code = 1
    try:
        yield
        code = 0
    finally:
        await add(work.database, replace(begun, what=ENDED, at=datetime.now(UTC), exit_code=code))
