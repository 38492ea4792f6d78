"""A checked system for the tests of each module, which plant what stays on its log; its topics go with it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from anyio.from_thread import BlockingPortal

from local.stack.backing import Backing
from tests.conftest import _delete_topics
from tests.operations.verify.world import World, a_world


@pytest.fixture(scope="module")
def world(stack: Backing, portal: BlockingPortal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with _world(stack, portal, tmp_path_factory) as made:
        yield made


@contextmanager
def _world(stack: Backing, portal: BlockingPortal, folders: pytest.TempPathFactory) -> Iterator[World]:
    with portal.wrap_async_context_manager(a_world(stack, folders.mktemp("services"))) as made:
        yield made
    portal.call(_delete_topics, stack.kafka_bootstrap, made.settings.topic_prefix)
