"""One running site and one Chromium for all; a fresh page for each test, whose console must stay silent."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.running import Site, browser, missing, running_site, until

#: Broken by whoever walks through: alerts come by themselves.
RULES = """
zones: {the shop: room2}
rules:
- {name: room2 is closed, kind: restricted, zone: the shop, severity: critical}
"""


@pytest.fixture(scope="session")
def chrome() -> Iterator[Any]:
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    with browser() as made:
        yield made


@pytest.fixture(scope="session")
def site(chrome: Any, tmp_path_factory: pytest.TempPathFactory, kafka_jars: Path) -> Iterator[Site]:
    """Four cameras, eight people; the tests begin when some of them are known."""
    home = tmp_path_factory.mktemp("site")
    rules = home / "alerts.yaml"
    rules.write_text(RULES)
    with running_site(home, kafka_jars, "--people", 8, "--seed", 3, "--alerts", rules) as made:
        until(lambda: len(made.persons()) >= 6, 120, lambda: (home / "demo.log").read_text()[-2000:])
        yield made


@pytest.fixture
def page(chrome: Any, site: Site) -> Iterator[Any]:
    """A page at the live view, connected. Afterwards nothing may have gone wrong in it."""
    context = chrome.new_context(base_url=site.url, viewport={"width": 1360, "height": 850})
    made = context.new_page()
    wrong: list[str] = []
    made.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
    made.on("response", lambda said: said.ok or print(f"{said.status} {said.request.method} {said.url}"))
    made.on("pageerror", lambda error: wrong.append(str(error)))
    made.on("request", lambda asked: _ours(asked.url, site.url) or wrong.append(f"asks for {asked.url}"))
    made.expected = []  # parts of what Chromium writes to the console because a test asks for it
    made.goto("/")
    made.wait_for_selector("#connection[data-state=live]")
    yield made
    context.close()
    assert [text for text in wrong if not any(one in text for one in made.expected)] == []


def _ours(url: str, base: str) -> bool:
    return url.startswith((base, base.replace("http", "ws"), "blob:" + base))
