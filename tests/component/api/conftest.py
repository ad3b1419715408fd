from collections.abc import Iterator

import pytest

from reid.runtime.settings import Settings
from tests.component.api.client import TestClient
from tests.component.api.world import World
from tests.unit.projections.story import walk


@pytest.fixture(scope="session")
def api_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The same for all: reading them takes longer than most of these tests."""
    return Settings(home=tmp_path_factory.mktemp("home"), api_port=0, command_timeout=1.0)


@pytest.fixture(scope="session")
def described(api_settings: Settings) -> Iterator[TestClient]:
    """For tests that read its description alone: to make one takes longer than most of these tests."""
    with World(api_settings).client() as made:
        yield made


@pytest.fixture
def world(api_settings: Settings) -> World:
    """Two persons: ``a`` was in room1 and is in room2; ``b`` is in room3."""
    made = World(api_settings)
    made.happens(*walk("a", 0, "Visitor-A", "room1", "room2"), *walk("b", 1, "Visitor-B", "room3"))
    return made


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    with world.client() as made:
        yield made
