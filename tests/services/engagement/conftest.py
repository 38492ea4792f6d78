"""A world with one representative, and a reader of its views."""

import pytest

from tests.services.engagement.views import Reader
from tests.services.engagement.world import World


@pytest.fixture
def reader(mongo_uri: str, mongo_database: str) -> Reader:
    return Reader(mongo_uri, mongo_database)


@pytest.fixture
def world() -> World:
    world = World()
    world.register("2026-01-05")
    return world
