"""A site in memory, before a real Chromium: for what the simulated site shows by chance alone."""

import dataclasses
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np

from api.server import listen, serving, url_of
from reid.contracts.pictures import Picture, PictureBox
from tests.browser.running import until
from tests.component.api.world import World
from tests.unit.projections.logs import report
from tests.unit.projections.story import SITE, START, status


@contextmanager
def served(world: World) -> Iterator[str]:
    """The address at which ``world`` is answered, until the block ends."""
    with listen("127.0.0.1", 0) as listener:
        started = threading.Event()
        server = serving(world.app, started.set)
        answering = threading.Thread(target=server.run, args=([listener],), daemon=True)
        answering.start()
        try:
            until(started.is_set, 30)
            yield url_of(listener)
        finally:
            server.should_exit = True
            answering.join(30)


@contextmanager
def opened(
    chrome: Any, url: str, place: str = "/", expected: tuple[str, ...] = (), **look: Any
) -> Iterator[Any]:
    """A page that has never been here, at ``place``. Nothing may go wrong in it but what has a part of
    ``expected`` in it."""
    context = chrome.new_context(base_url=url, **({"viewport": {"width": 1360, "height": 850}} | look))
    page = context.new_page()
    wrong: list[str] = []
    page.answers = []  # (path, status)
    page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("response", lambda said: page.answers.append((said.url.removeprefix(url), said.status)))
    page.goto(place)
    yield page
    context.close()
    assert [text for text in wrong if not any(one in text for one in expected)] == []


def reporting(world: World, *cameras: str) -> None:
    """They stream, and each shows a picture of somebody unknown."""
    report(world.store, [status(camera, at=world.now) for camera in cameras])
    jpeg = cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1].tobytes()
    boxes = (PictureBox("nobody", (8.0, 8.0, 16.0, 32.0)),)
    shown = {c: Picture(SITE, c, "s1", START, 64, 48, boxes, jpeg) for c in cameras}
    context = world.app.state.context
    world.app.state.context = dataclasses.replace(context, pictures=_Always(shown.get))


class _Always:
    """`api.pictures.Pictures` that never grow old."""

    def __init__(self, latest: Callable[[str], Picture | None]) -> None:
        self.latest = latest

    async def close(self) -> None:
        return None
