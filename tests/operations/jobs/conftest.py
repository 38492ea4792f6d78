"""One yard for all tests of jobs; each begins with an empty queue."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from anyio.from_thread import BlockingPortal

from tests.operations.jobs.yard import Yard


@pytest.fixture(scope="package")
def a_yard(mongo_uri: str, portal: BlockingPortal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    made = Yard(mongo_uri, tmp_path_factory.mktemp("jobs"))
    portal.call(made.set_up)
    yield made
    made.client.drop_database(made.name)
    made.client.close()


@pytest.fixture
def yard(a_yard: Yard) -> Iterator[Yard]:
    a_yard.empty_queue()
    yield a_yard
    a_yard.stop_workers()


@pytest.fixture
async def client(yard: Yard) -> AsyncIterator[httpx.AsyncClient]:
    async with yard.asking() as asking:
        yield asking
