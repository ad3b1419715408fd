"""Light, quick, usable by all: weight, time to use, accessibility, phone, themes, policy."""

from importlib.resources import files
from typing import Any

import pytest

from tests.browser.running import Site

pytestmark = pytest.mark.browser
MOST_BYTES = 300_000
USABLE_WITHIN_MS = 2000
VIEWS = ("live", "people", "person", "journeys", "search", "groups", "review", "alerts")
PHONE = {"width": 390, "height": 844}


def fresh(chrome: Any, site: Site, **options: Any) -> Any:
    """A page that has never been here."""
    page = chrome.new_context(base_url=site.url, **options).new_page()
    page.transferred = []
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda event: page.transferred.append(event["encodedDataLength"]))
    return page


def ready(page: Any) -> None:
    page.wait_for_selector("#connection[data-state=live]")
    page.wait_for_selector(".tile .state[data-state=streaming]")


def test_it_is_usable_within_two_seconds(chrome: Any, site: Site) -> None:
    took = []
    for _ in range(3):
        page = fresh(chrome, site)
        page.goto("/", wait_until="commit")
        ready(page)
        took.append(page.evaluate("() => performance.now()"))
        page.context.close()
    print(f"usable after {', '.join(f'{ms:.0f}' for ms in took)} ms")
    assert min(took) < USABLE_WITHIN_MS


def test_it_transfers_less_than_three_hundred_kilobytes(chrome: Any, site: Site) -> None:
    page = fresh(chrome, site)
    # Pictures are live data, as many as somebody looks at; what is weighed is the page and its first answers.
    page.route("**/frame.jpg", lambda route: route.fulfill(status=204))
    page.goto("/")
    ready(page)
    page.wait_for_timeout(1000)
    print(f"transferred {sum(page.transferred)} bytes in {len(page.transferred)} answers")
    assert 0 < sum(page.transferred) < MOST_BYTES
    page.context.close()


def place_of(view: str, site: Site) -> str:
    return f"people/{site.persons()[0]['person_id']}" if view == "person" else view


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_serious(chrome: Any, site: Site, view: str, theme: str) -> None:
    page = fresh(chrome, site, color_scheme=theme, reduced_motion="reduce")
    page.goto("/")
    ready(page)
    page.evaluate("place => (location.hash = '#/' + place)", place_of(view, site))
    page.wait_for_timeout(600)
    page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text())
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")["violations"]
    serious = [
        (one["id"], one["help"], [node["html"][:160] for node in one["nodes"][:4]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []
    page.context.close()


@pytest.mark.parametrize("view", VIEWS)
def test_a_phone_shows_all_of_it_without_scrolling_sideways(chrome: Any, site: Site, view: str) -> None:
    page = fresh(chrome, site, viewport=PHONE, is_mobile=True, has_touch=True, device_scale_factor=2)
    page.goto("/")
    page.wait_for_selector("#connection[data-state=live]")
    page.evaluate("place => (location.hash = '#/' + place)", place_of(view, site))
    page.wait_for_timeout(600)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= PHONE["width"]
    bar = page.locator("#nav").bounding_box()
    assert bar["y"] + bar["height"] <= PHONE["height"] + 1
    page.context.close()


def test_the_theme_is_the_systems_until_it_is_chosen(chrome: Any, site: Site) -> None:
    page = fresh(chrome, site, color_scheme="dark")
    page.goto("/")
    ready(page)
    ground = "() => getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.keyboard.press("d")
    light = page.evaluate(ground)
    assert light != dark
    page.reload()
    assert page.evaluate(ground) == light
    page.context.close()


def test_the_policy_holds_against_a_script_in_the_page(chrome: Any, site: Site) -> None:
    page = fresh(chrome, site)
    page.goto("/")
    ran = page.evaluate(
        """() => new Promise(done => {
             document.addEventListener("securitypolicyviolation", () => done("refused"), { once: true });
             const script = document.createElement("script");
             try {
               script.textContent = "window.ran = true";
               document.body.append(script);
             } catch { done("refused"); }
             setTimeout(() => done(window.ran ? "ran" : "refused"), 500);
           })"""
    )
    assert ran == "refused"
    page.context.close()


WHERE = "() => document.activeElement.closest('nav, .tools, .wall, .where')?.className"


def test_everything_can_be_reached_by_keyboard(page: Any) -> None:
    page.wait_for_selector(".tile")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className") == "skip"
    page.keyboard.press("?")
    page.wait_for_selector("dialog .keys")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(WHERE))
    assert {"nav", "tools", "wall"} <= reached
