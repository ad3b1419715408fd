"""The slider: the whole page as of then, and back."""

import re
import time
from typing import Any

import pytest

from tests.browser.running import Site, until

pytestmark = pytest.mark.browser
STEP_WITHIN_S = 1.0
#: Milliseconds from the slider to the page, usually.
JUMP_WITHIN_MS = 500
#: Moves the slider; once all that is asked about the moment is there and drawn, milliseconds until the first
#: request and until then.
JUMP = """share => new Promise(done => {
  const slider = document.querySelector("#replay input"), began = performance.now();
  performance.clearResourceTimings();
  slider.value = share * slider.max;
  slider.dispatchEvent(new Event("input"));
  const look = () => {
    const at = location.hash.split("at=")[1];
    const found = performance.getEntriesByType("resource").filter(one => one.name.includes(`at=${at}`));
    if (!["/cameras?", "/persons?", "/journeys?"].every(path => found.some(one => one.name.includes(path)))) {
      return requestAnimationFrame(look);
    }
    const first = Math.min(...found.map(one => one.startTime)) - began;
    requestAnimationFrame(() => requestAnimationFrame(() => done([first, performance.now() - began])));
  };
  look();
})"""
#: Steps that the page leaves out unless it is asked for them.
PLAIN = ("sampled", "seen")
#: Where a person's pictures are asked for.
CROPS = re.compile(r"/persons/[^/]+/crops")


def slide(page: Any, share: float) -> int:
    """The moment that the page then shows: another than before."""
    before = page.url
    page.locator("#replay input").evaluate(
        "(slider, share) => { slider.value = share * slider.max; slider.dispatchEvent(new Event('input')); }",
        share,
    )
    page.wait_for_function("before => location.href !== before && location.hash.includes('at=')", arg=before)
    return int(page.url.partition("at=")[2])


def shown(page: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll("#where .place")].map(place => [
             place.dataset.camera,
             [...place.querySelectorAll(".person > span:last-child")].map(n => n.textContent)]))"""
    )
    return {camera: sorted(names) for camera, names in found.items()}


def as_of(site: Site, moment: int) -> dict[str, list[str]]:
    cameras = site.get(f"/cameras?at={moment}")["cameras"]
    return {one["camera_id"]: sorted(one["person_labels"].values()) for one in cameras}


def shows(page: Any, site: Site, moment: int) -> None:
    then = as_of(site, moment)
    until(lambda: shown(page) == then, 10, lambda: (shown(page), then))


def test_the_page_shows_any_past_moment_and_comes_back(page: Any, site: Site) -> None:
    page.wait_for_selector("#where .place")
    page.keyboard.press("r")
    page.wait_for_selector("#replay:not([hidden])")
    page.wait_for_selector("#connection[data-state=past]")
    for share in (0.9, 0.35, 0.6):
        moment = slide(page, share)
        shows(page, site, moment)
        known = site.get(f"/persons?at={moment}")["total"]
        page.wait_for_selector(f"text={known} known")
    page.click("#replay >> text=live")
    page.wait_for_selector("#connection[data-state=live]")
    page.wait_for_selector("#replay", state="hidden")
    assert "at=" not in page.url


def history(site: Site, person_id: str, moment: int) -> list[Any]:
    """All its steps, as of ``moment``, newest first."""
    found, before = [], ""
    while True:
        answer = site.get(f"/persons/{person_id}/history?at={moment}&limit=400{before}")
        found += reversed(answer["steps"])
        if "next_before" not in answer:
            return found
        before = f"&before={answer['next_before']}"


def test_every_part_is_of_that_moment_and_nothing_can_be_changed(page: Any, site: Site) -> None:
    first = site.persons()[0]
    page.keyboard.press("r")
    page.wait_for_selector("#replay:not([hidden])")
    moment = slide(page, 0.25)
    page.evaluate("id => (location.hash = '#/people/' + id)", first["person_id"])
    page.wait_for_selector(".identity h1")
    assert page.locator(".identity button:visible").count() == 0
    plain = [one for one in history(site, first["person_id"], moment) if one["kind"] not in PLAIN]
    wanted = [one["kind"] for one in plain][:40]
    until(lambda: steps(page) == wanted, 30, lambda: (steps(page), wanted, page.url, moment))
    assert page.url.endswith(f"at={moment}"), "an address to hand on"


def steps(page: Any) -> list[str]:
    """Kinds of those shown; what changed of their looks is a list of its own, where anything did."""
    found: list[str] = page.locator("ol.steps li").evaluate_all("all => all.map(one => one.dataset.kind)")
    return found


def test_what_was_busy_when_asked_about_the_past_is_asked_again(page: Any, site: Site) -> None:
    """Of the past no news comes by which it would be: a part of the page stayed empty."""
    page.keyboard.press("r")
    page.wait_for_selector("#replay:not([hidden])")
    slide(page, 0.6)
    page.expected.append("status of 503")
    refused: set[str] = set()

    def busy_at_first(route: Any) -> None:
        kind = "history" if "/history?" in route.request.url else "cameras"
        if kind in refused:
            route.continue_()
        else:
            refused.add(kind)
            route.fulfill(status=503, json={"detail": "busy"})

    page.route(re.compile(r"/(history|cameras)\?.*at="), busy_at_first)
    page.evaluate("id => (location.hash = '#/people/' + id)", site.persons()[0]["person_id"])
    page.wait_for_selector(".steps li")
    page.evaluate("() => (location.hash = '#/live')")
    shows(page, site, slide(page, 0.7))
    assert refused == {"history", "cameras"}


def test_an_address_with_a_moment_opens_it(page: Any, site: Site) -> None:
    span = site.get("/timeline")
    moment = (span["first_at"] + span["last_at"]) // 2
    page.goto(f"/#/live?at={moment}")
    page.reload()
    page.wait_for_selector("#connection[data-state=past]")
    page.wait_for_selector("#where .place")
    shows(page, site, moment)


def test_it_plays(page: Any, site: Site) -> None:
    def length() -> int:
        span = site.get("/timeline")
        return int(span["last_at"] - span["first_at"])

    until(lambda: length() > 60_000, 90, lambda: f"{length()} ms of a past: played through at once")
    page.keyboard.press("r")
    page.wait_for_selector("#replay:not([hidden])")
    before = slide(page, 0.1)
    page.click("#replay >> role=button[name=Play]")
    page.wait_for_timeout(2500)
    page.click("#replay >> role=button[name=Pause]")
    assert int(page.url.partition("at=")[2]) >= before + 10_000


def test_pictures_that_waited_their_turn_were_asked_for_in_the_past(page: Any, site: Site) -> None:
    until(lambda: len(site.get("/persons")["persons"]) > 5, 60)
    held: list[Any] = []
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/crops?" in request.url else None)
    page.route(CROPS, lambda route: held.append(route))  # Playwright takes no builtin
    page.reload(wait_until="domcontentloaded")
    page.evaluate("() => { location.hash = '#/people'; }")
    page.wait_for_function("() => document.querySelectorAll('.portrait').length > 5")
    until(lambda: page.wait_for_timeout(50) or len(held) >= 4, 10, lambda: f"{len(held)} pictures asked for")
    opened(page)
    slide(page, 0.1)
    for one in held[:]:
        one.fulfill(json={"crops": []})
    page.wait_for_timeout(500)
    assert asked == []


def opened(page: Any) -> None:
    page.keyboard.press("r")
    page.wait_for_selector("#replay:not([hidden])")
    page.wait_for_timeout(500)


def test_a_jump_of_the_slider_waited_before_it_asked(page: Any, site: Site) -> None:
    """For 120 ms, in case that somebody went on dragging."""
    opened(page)
    took = []
    for share in (0.83, 0.21, 0.55, 0.34, 0.95, 0.11, 0.72, 0.47, 0.63):
        took.append(page.evaluate(JUMP, share))
        page.wait_for_timeout(200)
    first, whole = (sorted(times) for times in zip(*took, strict=True))
    print(
        f"jump of the slider: median {whole[4]:.0f} ms, asked after {first[4]:.0f}; longest {whole[-1]:.0f}"
    )
    assert first[4] < 60
    assert whole[4] < JUMP_WITHIN_MS


def test_a_slider_in_motion_showed_nothing_until_it_stood_still(page: Any, site: Site) -> None:
    opened(page)
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url) if "/cameras?at=" in sent.url else None)
    page.evaluate(
        """async () => {
          const slider = document.querySelector("#replay input");
          for (let step = 1; step <= 40; step++) {
            slider.value = slider.max * (0.3 + step / 100);
            slider.dispatchEvent(new Event("input"));
            await new Promise(done => setTimeout(done, 50));
          }
        }"""
    )
    assert 3 <= len(set(asked)) <= 20, asked
    page.wait_for_timeout(1000)  # where it stands still is asked about last
    assert asked[-1].endswith(page.url.partition("at=")[2])
    shows(page, site, int(page.url.partition("at=")[2]))


def test_what_is_asked_about_a_moment_is_given_up_for_the_next(page: Any, site: Site) -> None:
    """An answer that did not come held up the slider, and one that came late was for nothing."""
    opened(page)
    page.evaluate(
        """() => {
          const real = window.fetch;
          window.heldUp = true;
          window.givenUp = [];
          window.fetch = (url, options) => {
            if (!window.heldUp || !url.startsWith("/persons?")) return real(url, options);
            return new Promise((_, refused) => options.signal.addEventListener("abort", () => {
              window.givenUp.push(url);
              refused(options.signal.reason);
            }));
          };
        }"""
    )
    slow = slide(page, 0.4)
    page.evaluate("() => { window.heldUp = false; }")
    moment = slide(page, 0.7)
    assert [url for url in page.evaluate("() => window.givenUp") if f"at={slow}" in url]
    shows(page, site, moment)
    page.wait_for_selector(f"text={site.get(f'/persons?at={moment}')['total']} known")


def test_a_step_of_the_slider_is_quick(site: Site) -> None:
    """Of the API: moments all over the log, each asked for the first time."""
    span = site.get("/timeline")
    took = []
    for i in range(12):
        moment = span["first_at"] + (span["last_at"] - span["first_at"]) * (7 * i % 12) // 12 + i
        began = time.monotonic()
        site.get(f"/cameras?at={moment}")
        site.get(f"/persons?at={moment}")
        took.append(time.monotonic() - began)
    took.sort()
    print(
        f"step of the slider: median {took[6]:.3f} s, longest {took[-1]:.3f} s over {span['events']} events"
    )
    assert took[6] < STEP_WITHIN_S
