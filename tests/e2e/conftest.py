"""Topics of the end-to-end proofs go with them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal

from local.stack.backing import Backing
from tests.conftest import _delete_topics
from tests.e2e.world import World, a_world

MakeWorld = Callable[[Path], AbstractContextManager[World]]


@pytest.fixture(scope="module")
def make_world(stack: Backing, portal: BlockingPortal) -> MakeWorld:
    """A stack of services in a folder, for as long as a block."""

    @contextmanager
    def make(folder: Path) -> Iterator[World]:
        with portal.wrap_async_context_manager(a_world(stack, folder)) as world:
            yield world
        portal.call(_delete_topics, stack.kafka_bootstrap, world.settings.topic_prefix)

    return make
