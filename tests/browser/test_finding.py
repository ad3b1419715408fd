"""Search, review, groups, alerts and flows, each on the real stack."""

import base64
from typing import Any

import cv2
import numpy as np
import pytest

from tests.browser.running import Site

pytestmark = pytest.mark.browser


def open_view(page: Any, view: str) -> None:
    page.click(f"#nav a[href='#/{view}']")
    page.wait_for_selector(f"#nav a[href='#/{view}'][aria-current=page]")


def test_others_like_a_person_are_found_with_scores_and_pictures(page: Any, site: Site) -> None:
    person = max(site.persons(), key=lambda one: one["num_embeddings"])
    open_view(page, "search")
    page.click("text=Like a known person")
    page.fill("dialog input", person["person_id"])
    page.keyboard.press("Enter")
    page.wait_for_selector(".result")
    scores = [float(text) for text in page.locator(".result strong").all_inner_texts()]
    assert scores == sorted(scores, reverse=True) and 0 <= scores[-1] <= scores[0] <= 1
    page.wait_for_selector(".result .portrait img")
    page.wait_for_selector("text=/results? among \\d+ persons? in \\d+ ms/")


def test_a_picture_is_made_small_and_searched_with_its_purpose(page: Any, tmp_path: Any) -> None:
    """What the page sends: the answer to a picture is the embedder's, which the demo does not start."""
    large = tmp_path / "large.png"
    cv2.imwrite(str(large), np.full((3000, 1500, 3), 127, np.uint8))
    asked: list[Any] = []

    def answer(route: Any) -> None:
        asked.append(route.request.post_data_json)
        route.fulfill(json={"results": [], "searched": 3, "ms": 1.0})

    page.route("**/search", answer)
    open_view(page, "search")
    page.fill("label:has-text('Purpose') input", "lost child")
    page.set_input_files("input[type=file]", str(large))
    page.wait_for_selector("text=0 results among 3 persons")
    (body,) = asked
    assert body["purpose"] == "lost child" and "person_id" not in body
    sent = cv2.imdecode(np.frombuffer(base64.b64decode(body["image"]), np.uint8), cv2.IMREAD_COLOR)
    assert sent is not None and sent.shape == (1024, 512, 3)


@pytest.mark.parametrize(("key", "answer"), [("y", "yes"), ("n", "no")])
def test_a_question_is_answered_once(page: Any, site: Site, key: str, answer: str) -> None:
    """Of two real persons; that the site doubts is not to be waited for: the question is the test's own."""
    one, other = site.persons()[:2]
    question = {
        "item_id": "5a0d", "kind": "automatic_merge", "at": 1_762_344_990_215, "track": None,
        "person_id": one["person_id"], "label": one["label"], "score": 0.72, "runner_up_score": 0.41,
        "other_id": other["person_id"], "other_label": other["label"], "threshold": 0.7, "camera_id": "room2",
    }  # fmt: skip
    waiting, said = [question], []

    def take(route: Any) -> None:
        said.append(route.request.post_data_json)
        waiting.clear()
        route.fulfill(json={"status": "answered"})

    page.route("**/review", lambda route: route.fulfill(json={"items": waiting}))
    page.route("**/review/5a0d", take)
    open_view(page, "review")
    page.wait_for_selector("[data-item='5a0d'] .measure >> text=0.72")
    page.keyboard.press(key)
    page.wait_for_selector("text=Nothing in doubt")
    assert said == [{"answer": answer}]


def test_flows_and_times_are_those_of_the_api(page: Any, site: Site) -> None:
    open_view(page, "journeys")
    page.wait_for_selector(".heat td")
    flows = site.get("/analytics/flows")
    names = page.locator(".heat thead th").all_inner_texts()[1:]
    assert names == flows["cameras"]
    assert page.locator(".heat td").count() == len(names) ** 2
    page.wait_for_selector("text=/typically/")


@pytest.mark.parametrize("view", ["groups", "alerts"])
def test_an_empty_section_says_what_will_be_there(page: Any, view: str) -> None:
    open_view(page, view)
    page.wait_for_selector(".card .empty strong, .card .card")


def test_an_alert_is_shown_with_its_evidence_and_acknowledged(page: Any) -> None:
    """The site of these tests breaks no rule: the API's answer is given by the test."""
    alert = {
        "alert_id": "a1", "rule": "night", "kind": "forbidden_camera", "severity": "high",
        "message": "Visitor-A in room4 at night", "zone": None, "camera_id": "room4", "person_id": "p",
        "label": "Visitor-A", "opened_at": 1_762_344_658_197, "last_at": 1_762_344_668_197, "closed_at": None,
        "state": "open", "acknowledged_at": None, "acknowledged_by": "", "evidence": {"score": 0.91},
    }  # fmt: skip
    shown = [alert]
    page.route("**/alerts?*", lambda route: route.fulfill(json={"alerts": shown, "next_cursor": None}))

    def acknowledge(route: Any) -> None:
        shown.clear()
        route.fulfill(json={"status": "acknowledged"})

    page.route("**/alerts/a1/acknowledge", acknowledge)
    page.route("**/persons/p/crops*", lambda route: route.fulfill(json={"crops": []}))
    open_view(page, "alerts")
    card = page.locator(".alert")
    card.locator("text=Visitor-A in room4 at night").wait_for()
    assert "score: 0.91" in card.inner_text()
    card.locator("text=Acknowledge").click()
    card.wait_for(state="detached")
    page.wait_for_selector("text=Nothing unusual")
