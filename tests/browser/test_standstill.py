"""What the page says when the API is there, and what it shows stands still all the same."""

from pathlib import Path
from typing import Any

import pytest

from api.deciding import Standstill
from reid.runtime.settings import Settings
from tests.browser.served import opened, reporting, served
from tests.component.api.world import World
from tests.unit.projections.story import walk

pytestmark = pytest.mark.browser
STALE = "#connection[data-state=stale]:has-text('Out of date')"
LIVE = "#connection[data-state=live]"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(Settings(home=tmp_path, api_port=0, command_timeout=1.0))
    made.happens(*walk("a", 0, "Visitor-A", "room1"))
    reporting(made, "room1", "room2")
    return made


def test_the_mark_said_live_while_redis_was_away(chrome: Any, world: World) -> None:
    with served(world) as url, opened(chrome, url, expected=("503",)) as page:
        page.wait_for_selector(LIVE)
        world.reader.away = True
        page.wait_for_selector(STALE)
        page.wait_for_selector("#notice:has-text('Redis is away')")
        world.reader.away = False
        page.wait_for_selector(LIVE)
        page.wait_for_selector("#notice", state="hidden")


def test_the_mark_said_live_while_no_camera_was_heard_of_any_more(chrome: Any, world: World) -> None:
    """Kafka was away, or the projector hung: who was where stood still, and nothing said so."""
    with served(world) as url, opened(chrome, url) as page:
        page.wait_for_selector(LIVE)
        world.now += 20_000
        page.wait_for_selector(STALE)
        page.wait_for_selector("#notice:has-text('No camera has reported since')")
        page.keyboard.press("2")
        page.wait_for_selector("h1:has-text('People')")
        assert page.locator(STALE).is_visible(), "in every section"
        reporting(world, "room2")
        page.wait_for_selector(LIVE)
        page.wait_for_selector("#notice", state="hidden")


def test_the_mark_said_live_while_nobody_decided(chrome: Any, world: World) -> None:
    """The worker was dead: cameras reported, the API answered, and names stood still."""
    with served(world) as url, opened(chrome, url, expected=("503",)) as page:
        page.wait_for_selector(LIVE)
        world.log.stands = [Standstill(0, 40, 16.0)]
        page.wait_for_selector(STALE)
        page.wait_for_selector("#notice:has-text('none was decided for 16 s')")
        world.log.stands = []
        page.wait_for_selector(LIVE)
        page.wait_for_selector("#notice", state="hidden")
