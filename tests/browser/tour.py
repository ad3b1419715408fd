"""The pictures of docs/tour.md, on the simulated site: ``make tour`` (some minutes)."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import platformdirs

from reid.runtime.servers.jars import kafka_version, locked
from tests.browser.running import Site, browser, missing, running_site, until

FOLDER = Path("docs/tour")
#: Before the first picture, so that there are visits and journeys to see.
WALKED_S = 90
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
#: WebP: sharp text, and each picture well below 150 kB.
QUALITY = 82


def main() -> int:
    reason = missing()
    if reason is not None:
        sys.stderr.write(f"{reason}\n")
        return 1
    FOLDER.mkdir(exist_ok=True)
    jars = Path(platformdirs.user_cache_path("saferoom")) / f"kafka-{kafka_version(locked())}"
    with (
        tempfile.TemporaryDirectory() as home,
        browser() as chrome,
        running_site(Path(home), jars, "--people", 8, "--seed", 3) as site,
    ):
        until(lambda: _span_s(site) > WALKED_S, 600)
        for theme in ("light", "dark"):
            with opened(chrome, site, theme, DESK) as page:
                views(page, site, theme)
        with opened(chrome, site, "light", PHONE) as page:
            save(page, "phone")
    return 0


def _span_s(site: Site) -> float:
    span = site.get("/timeline")
    return ((span["last_at"] or 0) - (span["first_at"] or 0)) / 1000


@contextmanager
def opened(chrome: Any, site: Site, theme: str, viewport: dict[str, int]) -> Iterator[Any]:
    context = chrome.new_context(base_url=site.url, viewport=viewport, color_scheme=theme)
    page = context.new_page()
    page.goto("/")
    page.wait_for_selector("#connection[data-state=live]")
    page.wait_for_selector(".tile .names .person")
    page.wait_for_selector("#notice", state="hidden")
    yield page
    context.close()


def views(page: Any, site: Site, theme: str) -> None:
    """Each picture in one theme only: the live view and a person in both."""
    save(page, f"live-{theme}")
    best = max(site.persons(), key=lambda one: (len(one["cameras"]), one["num_embeddings"]))
    go(page, f"people/{best['person_id']}")
    save(page, f"person-{theme}")
    if theme == "dark":
        return
    go(page, "people")
    save(page, "people")
    rows = page.locator("li.row")
    rows.nth(3).drag_to(rows.nth(0))
    page.wait_for_selector("dialog")
    save(page, "merge")
    page.keyboard.press("Escape")
    go(page, "journeys")
    save(page, "journeys")
    go(page, "search")
    page.click("text=Like a known person")
    page.fill("dialog input", best["person_id"])
    page.keyboard.press("Enter")
    page.wait_for_selector(".result .portrait img")
    page.wait_for_timeout(1000)
    save(page, "search")
    until(lambda: site.get("/review")["items"], 300)
    go(page, "review")
    page.wait_for_selector(".question .portrait.tall img")
    save(page, "review")
    go(page, "live")
    page.keyboard.press("r")
    page.wait_for_selector("#replay:not([hidden])")
    page.locator("#replay input").evaluate(
        "e => { e.value = 0.6 * e.max; e.dispatchEvent(new Event('input')); }"
    )
    page.wait_for_timeout(1500)
    save(page, "replay")


def go(page: Any, view: str) -> None:
    page.evaluate("view => (location.hash = '#/' + view)", view)
    page.wait_for_timeout(1500)


def save(page: Any, name: str) -> None:
    picture = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    cv2.imwrite(str(FOLDER / f"{name}.webp"), picture, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    print(f"{name}.webp {(FOLDER / f'{name}.webp').stat().st_size // 1000} kB")


if __name__ == "__main__":
    sys.exit(main())
