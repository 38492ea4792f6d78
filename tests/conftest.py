"""What tests share: one Kafka and one MongoDB per session, names of one's own per test, how hard Hypothesis tries.

The servers start when the first test asks for them (local.stack chooses and says which) and end with the session,
however that ends. Tests that ask for them carry the marker `real`.
"""

import contextlib
import os
import secrets
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import settings as hypothesis_settings
from pymongo import MongoClient

from local.stack.backing import Backing, backing
from local.stack.choose import FOR_TESTS
from local.stack.errors import StackError

# The quick one tries the same examples each time: what turns red was changed. `make laws` tries new ones.
hypothesis_settings.register_profile("quick", max_examples=50, deadline=None, print_blob=True, derandomize=True)
hypothesis_settings.register_profile("thorough", max_examples=2000, deadline=None, print_blob=True)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

_SAID = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    # A shell's background job ignores Ctrl-C, and hands that down to all that tests start and then interrupt.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[_SAID] = []
    if getattr(config.option, "numprocesses", None) and "not real" not in config.option.markexpr:
        _start_for_workers(config)


def _start_for_workers(config: pytest.Config) -> None:
    """One pair of servers for all of xdist's workers, which find them in their environment."""
    running = contextlib.ExitStack()
    config.add_cleanup(running.close)
    portal = running.enter_context(start_blocking_portal())
    with contextlib.suppress(StackError):  # the workers meet it again, and skip or fail
        servers = running.enter_context(_started(portal, config.stash[_SAID]))
        os.environ.update(servers.environment())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    terminalreporter.section("servers under test")
    for line in config.stash[_SAID] or ["No test of this run asked for Kafka or MongoDB"]:
        terminalreporter.write_line(line)


def _is_set(name: str) -> bool:
    return os.environ.get(name, "") not in {"", "0"}


@contextlib.contextmanager
def _started(portal: BlockingPortal, said: list[str]) -> Iterator[Backing]:
    """Raises StackError, and notes what is not tested, when they can't be had."""
    try:
        started = portal.wrap_async_context_manager(backing(said.append, order=FOR_TESTS, real_kafka_only=True))
        servers = started.__enter__()
    except StackError as error:
        said.append(f"NOT TESTED, what needs a real Kafka and MongoDB: {error}")
        raise
    said.append(f"Tested with {servers.kafka.what} and {servers.mongo.what}")
    try:
        yield servers
    finally:
        started.__exit__(None, None, None)


@pytest.fixture(scope="session")
def portal() -> Iterator[BlockingPortal]:
    """An event loop in a thread of its own, for what outlives the loop of a single test."""
    with start_blocking_portal() as running:
        yield running


@pytest.fixture(scope="session")
def stack(portal: BlockingPortal, pytestconfig: pytest.Config) -> Iterator[Backing]:
    """A real Kafka and a real MongoDB, the same for the whole session.

    Where they can't be had, tests that need them are skipped with the reason; with GUANXI_REQUIRE_REAL_KAFKA=1
    they fail.
    """
    with contextlib.ExitStack() as running:
        try:
            servers = running.enter_context(_started(portal, pytestconfig.stash[_SAID]))
        except StackError as error:
            if _is_set("GUANXI_REQUIRE_REAL_KAFKA"):
                pytest.fail(f"a real Kafka and a real MongoDB are required here: {error}", pytrace=False)
            pytest.skip(str(error))
        yield servers


@pytest.fixture(scope="session")
def kafka_bootstrap(stack: Backing) -> str:
    return stack.kafka_bootstrap


@pytest.fixture(scope="session")
def mongo_uri(stack: Backing) -> str:
    return stack.mongo_uri


@pytest.fixture
def mongo_database(mongo_uri: str) -> Iterator[str]:
    """The name of a database of the test's own; it is dropped afterwards."""
    name = f"test_{secrets.token_hex(6)}"
    yield name
    client: MongoClient[dict[str, Any]] = MongoClient(mongo_uri)
    with client:
        client.drop_database(name)


@pytest.fixture
def topic_prefix(kafka_bootstrap: str, portal: BlockingPortal) -> Iterator[str]:
    """What the names of the test's own topics begin with; they are deleted afterwards."""
    prefix = f"test-{secrets.token_hex(6)}."
    yield prefix
    portal.call(_delete_topics, kafka_bootstrap, prefix)


async def _delete_topics(bootstrap: str, prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        topics = [name for name in await admin.list_topics() if name.startswith(prefix)]
        if topics:
            await admin.delete_topics(topics)
    finally:
        await admin.close()


@pytest.fixture
def stack_settings(stack: Backing, mongo_database: str, topic_prefix: str) -> dict[str, str]:
    """The environment (shared/settings.py) of a service that works on the test's own database and topics."""
    return {
        **stack.environment(),
        "GUANXI_MONGO_DATABASE": mongo_database,
        "GUANXI_TOPIC_PREFIX": topic_prefix,
    }
