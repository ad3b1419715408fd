"""Who is where: on the wall, in the list, in the person's own page, as it happens."""

import json
import os
import signal
import time
from typing import Any

import pytest

from tests.browser.running import Site, until

pytestmark = pytest.mark.browser
SHOWN_WITHIN_MS = 1000
#: In the page: when a name was first told to it for a camera, and when it first stood in that camera's list.
WATCH = """
() => {
  window.told = {}; window.shown = {};
  const socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/ws");
  socket.onmessage = event => {
    const { type, camera_id, person_labels } = JSON.parse(event.data);
    if (type !== "person_labels") return;
    for (const label of Object.values(person_labels)) window.told[`${label} ${camera_id}`] ??= Date.now();
  };
  const look = () => {
    for (const place of document.querySelectorAll("#where .place"))
      for (const row of place.querySelectorAll("li .person > span:last-child"))
        window.shown[`${row.textContent} ${place.dataset.camera}`] ??= Date.now();
  };
  const all = { subtree: true, childList: true, characterData: true };
  new MutationObserver(look).observe(document.getElementById("where"), all);
  look();
}
"""


def labels_shown(page: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll(".tile")].map(tile => [tile.dataset.camera,
             [...tile.querySelectorAll(".names .person > span:last-child")].map(n => n.textContent)]))"""
    )
    return found


def test_the_wall_shows_who_is_before_each_camera(page: Any, site: Site) -> None:
    page.wait_for_selector(".tile .names .person")

    def agrees() -> bool:
        told = {c["camera_id"]: sorted(c["person_labels"].values()) for c in site.get("/cameras")["cameras"]}
        return told == {camera: sorted(names) for camera, names in labels_shown(page).items()}

    until(agrees, 15, lambda: labels_shown(page))
    assert page.locator(".tile .state[data-state=streaming]").count() == 4


def test_who_comes_is_shown_within_a_second(page: Any) -> None:
    page.wait_for_selector("#where .place")
    page.evaluate(WATCH)
    page.wait_for_timeout(1500)
    before = set(page.evaluate("() => Object.keys(window.told)"))
    until(lambda: len(set(page.evaluate("() => Object.keys(window.shown)")) - before) >= 4, 120)
    told, shown = page.evaluate("() => [window.told, window.shown]")
    late = {name: shown[name] - told[name] for name in shown if name in told and name not in before}
    assert late and max(late.values()) < SHOWN_WITHIN_MS, late


def test_somebody_who_walks_on_has_one_journey(page: Any, site: Site) -> None:
    page.evaluate("() => (location.hash = '#/journeys')")
    page.wait_for_selector(".journey")
    walked: dict[str, str] = {}

    def somebody_walked() -> Any:
        """Who is seen by the API on another camera than before."""
        for person in site.persons():
            here = person["current_camera"]
            if here and walked.setdefault(person["person_id"], here) != here:
                return person
        return None

    person = until(somebody_walked, 120)
    began = time.monotonic()
    id_, here = person["person_id"], person["current_camera"]
    journey = page.locator(f".journey[data-id='{id_}']").first
    leg = journey.locator(f".leg.now[data-camera='{here}']")
    leg.wait_for(timeout=SHOWN_WITHIN_MS)
    assert time.monotonic() - began < SHOWN_WITHIN_MS / 1000
    cameras = journey.locator(".leg").evaluate_all("legs => legs.map(leg => leg.dataset.camera)")
    assert {walked[id_], here} <= set(cameras), "one journey through both"


def test_pictures_have_the_boxes_of_those_who_are_there(page: Any) -> None:
    page.wait_for_selector(".tile .view img:not([hidden])", timeout=30_000)
    page.wait_for_selector(".tile .boxes rect", state="attached", timeout=60_000)
    page.wait_for_selector(".tile .tag", timeout=60_000)


def test_it_connects_again_by_itself(page: Any, site: Site) -> None:
    page.expected += [
        "ERR_CONNECTION", "ERR_SOCKET", "ERR_INCOMPLETE", "ERR_CONTENT_LENGTH", "WebSocket connection",
    ]  # fmt: skip
    page.wait_for_selector(".tile .state[data-state=streaming]")
    os.kill(int(json.loads((site.home / "run" / "api.ready").read_text())["pid"]), signal.SIGKILL)
    page.wait_for_selector("#connection[data-state=lost]")
    page.wait_for_selector("#connection[data-state=live]", timeout=60_000)
    page.wait_for_selector("#notice", state="hidden")


def test_a_connection_that_tells_nothing_any_more_is_left_behind(page: Any, site: Site) -> None:
    """It stayed "Live" and showed who had been there when the phone fell asleep."""
    page.add_init_script(
        """window.sockets = 0;
           window.WebSocket = class extends WebSocket {
             constructor(...given) {
               super(...given);
               const number = ++window.sockets;
               const drop = event => window.deaf === number && event.stopImmediatePropagation();
               this.addEventListener("message", drop);
             }
           };"""
    )
    page.reload()
    page.wait_for_selector("#connection[data-state=live]")
    page.wait_for_timeout(12_000)
    assert page.evaluate("() => window.sockets") == 1, "one that tells all is kept"
    page.evaluate("() => { window.deaf = 1; }")
    page.wait_for_function("() => window.sockets === 2", timeout=60_000)
    page.wait_for_selector("#connection[data-state=live]")

    def agrees() -> bool:
        told = {c["camera_id"]: sorted(c["person_labels"].values()) for c in site.get("/cameras")["cameras"]}
        return told == {camera: sorted(names) for camera, names in labels_shown(page).items()}

    until(agrees, 15, lambda: labels_shown(page))


def test_an_answer_that_ended_in_the_middle_was_an_error_of_the_page(page: Any, site: Site) -> None:
    """The API was killed as it answered: nobody caught what reading the rest raised."""
    page.wait_for_selector("#notice", state="hidden")
    page.evaluate(
        """() => {
          window.whole = window.fetch;
          const cut = () => new ReadableStream({ start: answer => {
            answer.enqueue(new TextEncoder().encode('{"cameras": ['));
            setTimeout(() => answer.error(new TypeError("network error")), 50);
          } });
          window.fetch = (url, options) => url.startsWith("/cameras") && !url.includes("/frame")
            ? Promise.resolve(new Response(cut())) : window.whole(url, options);
        }"""
    )
    page.wait_for_selector("#notice:has-text('The API is away')")
    page.evaluate("() => { window.fetch = window.whole; }")
    page.wait_for_selector("#notice", state="hidden")


def test_a_person_is_found_by_name_camera_and_presence(page: Any, site: Site) -> None:
    page.keyboard.press("2")
    page.wait_for_selector("li.row")
    page.keyboard.press("/")
    page.wait_for_function("() => document.activeElement.id === 'search'")
    names = page.locator("li.row .person > span:last-child")
    wanted = min(site.persons(), key=lambda one: len(one["label"]))["label"]
    page.keyboard.type(wanted.lower())
    named = [one["label"] for one in site.persons() if wanted in one["label"]]
    until(lambda: sorted(names.all_inner_texts()) == sorted(named), 5, names.all_inner_texts)
    page.fill("#search", "")
    page.select_option("select[aria-label='Seen by camera']", "room2")

    def those_of_room2() -> bool:
        seen = [one["label"] for one in site.persons() if "room2" in one["cameras"]]
        return sorted(names.all_inner_texts()) == sorted(seen)

    until(those_of_room2, 10, names.all_inner_texts)
    page.select_option("select[aria-label='Seen by camera']", "")
    page.check("text=Here now")
    page.wait_for_function(
        "() => [...document.querySelectorAll('li.row')].every(row => row.querySelector('.chip.here'))"
    )


def test_whose_best_picture_is_gone_is_shown_by_the_next(page: Any, site: Site) -> None:
    """Initials stood there, and an empty picture among the others."""
    found = {one["person_id"]: site.get(f"/persons/{one['person_id']}/crops") for one in site.persons()}
    person, crops = next((id_, crops["crops"]) for id_, crops in found.items() if len(crops["crops"]) > 1)
    gone = crops[0]["url"]
    page.expected.append("status of 404")
    page.route(f"**{gone}", lambda route: route.fulfill(status=404, json={"detail": "no crop"}))
    page.evaluate("id => (location.hash = '#/people/' + id)", person)
    page.reload()
    page.wait_for_selector(".identity .portrait img")
    page.wait_for_function(
        """() => { const all = [...document.querySelectorAll('.crops img')];
                   return all.length && all.every(one => one.src.startsWith('blob:')); }"""
    )


def test_a_person_has_a_page_of_its_own(page: Any, site: Site) -> None:
    person = max(site.persons(), key=lambda one: len(one["cameras"]))
    page.evaluate("id => (location.hash = '#/people/' + id)", person["person_id"])
    page.wait_for_selector(f"h1:text-is('{person['label']}')")
    page.wait_for_selector(".steps li")
    # Who walked much has many steps: the first of them is there for whoever asks for older ones.
    registered = page.locator(".steps li[data-kind=registered]")
    while not registered.count():
        shown = page.locator(".steps li").count()
        page.click("text=Older steps")
        page.wait_for_function("n => document.querySelectorAll('.steps li').length > n", arg=shown)
    page.wait_for_selector(".steps li:has-text('needed 0.')")  # decisions with their evidence
    assert page.locator(".steps:has-text('–, needed')").count() == 0, (
        "of nobody to compare with there is no score"
    )
    page.wait_for_selector(".lanes rect", state="attached")
    page.wait_for_selector(".legs .leg")
    page.wait_for_selector(".alike li .bar")
    page.wait_for_selector(".crops img[src^='blob:']")
    page.wait_for_selector(".identity .portrait img")
    page.expected.append("status of 404")
    page.evaluate("() => (location.hash = '#/people/nobody')")
    page.wait_for_selector("text=Not in the gallery")
