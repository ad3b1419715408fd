"""Merge, undo, "not this person", rename, forget: done on the page, true in the API."""

import itertools
from typing import Any

import pytest

from tests.browser.running import Site, until

pytestmark = pytest.mark.browser


def pair(site: Site) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two persons who were never seen at once, and so may be one: tried, and undone."""
    for one, other in itertools.permutations(site.persons(), 2):
        ids = one["person_id"], other["person_id"]
        if site.post("/persons/merge", {"person_id1": ids[0], "person_id2": ids[1]}) == 200:
            assert site.post("/persons/split", {"person_id": ids[0], "absorbed_id": ids[1]}) == 200
            return site.person(ids[0]), site.person(ids[1])
    raise AssertionError("everybody was seen with everybody")


def refused_pair(site: Site) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Two persons who were seen in one frame."""
    for one, other in itertools.combinations(site.persons(), 2):
        ids = one["person_id"], other["person_id"]
        status = site.post("/persons/merge", {"person_id1": ids[0], "person_id2": ids[1]})
        if status == 409:
            return one, other
        if status == 200:
            assert site.post("/persons/split", {"person_id": ids[0], "absorbed_id": ids[1]}) == 200
    return None


def known(site: Site) -> set[str]:
    return {one["person_id"] for one in site.persons()}


def open_people(page: Any) -> None:
    page.evaluate("() => (location.hash = '#/people')")
    page.wait_for_selector("li.row")
    page.select_option("select[aria-label=Order]", "name")


def row(page: Any, person: dict[str, Any]) -> Any:
    return page.locator(f"li.row[data-id='{person['person_id']}']")


def test_one_dragged_onto_another_becomes_the_other_and_can_be_undone(page: Any, site: Site) -> None:
    one, other = pair(site)
    open_people(page)
    row(page, other).drag_to(row(page, one))
    page.wait_for_selector(f"dialog h2:text-is('Merge {other['label']} into {one['label']}?')")
    page.click("dialog >> text=Merge >> nth=-1")
    page.wait_for_selector(f".toast:has-text('{other['label']} is {one['label']} now')")
    assert other["person_id"] not in known(site)
    row(page, other).wait_for(state="detached")
    page.click(".toast >> text=Undo")
    page.wait_for_selector(".toast:has-text('of its own again')")
    assert {one["person_id"], other["person_id"]} <= known(site)
    row(page, other).wait_for()


def test_a_merge_by_keyboard_is_undone_in_the_history(page: Any, site: Site) -> None:
    one, other = pair(site)
    open_people(page)
    row(page, other).locator("a").focus()
    page.keyboard.press("m")
    page.fill("dialog input", one["person_id"])
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"dialog h2:text-is('Merge {other['label']} into {one['label']}?')")
    page.locator("dialog button.primary").focus()
    page.keyboard.press("Enter")
    until(lambda: other["person_id"] not in known(site), 10)
    page.evaluate("id => (location.hash = '#/people/' + id)", one["person_id"])
    # Of this merge: the site may have merged others into the same person by itself.
    merge = page.locator(f".steps li[data-kind=merged]:has(p:text-is('Merged with {other['label']}'))")
    merge.first.locator("text=Undo").click()
    until(lambda: other["person_id"] in known(site), 10)
    page.wait_for_selector(".steps li[data-kind=merge_undone]")
    merge.locator("button").first.wait_for(state="detached")


def test_who_was_merged_leads_to_whom_it_is_now(page: Any, site: Site) -> None:
    """Its page said no more than that nobody has this id: links and bookmarks ended there."""
    page.expected.append("status of 404")
    one, other = pair(site)
    ids = one["person_id"], other["person_id"]
    assert site.post("/persons/merge", {"person_id1": ids[0], "person_id2": ids[1]}) == 200
    page.evaluate("id => (location.hash = '#/people/' + id)", ids[1])
    page.wait_for_selector(f"strong:text-is('{other['label']} is {one['label']} now')")
    page.wait_for_selector(".steps li[data-kind=merged_into]")
    widths = [page.locator(part).first.bounding_box()["width"] for part in (".steps", ".empty")]
    assert widths[0] > widths[1] / 2, "its history stood in the narrow column of the card that is not there"
    assert not page.locator(".steps button").count(), "nobody is taken from somebody who is not there"
    page.click(f".empty a.person[data-id='{ids[0]}']")
    page.wait_for_selector(f"h1:text-is('{one['label']}')")
    assert site.post("/persons/split", {"person_id": ids[0], "absorbed_id": ids[1]}) == 200


def test_a_refused_merge_says_why(page: Any, site: Site) -> None:
    page.expected.append("status of 409")
    one, other = until(lambda: refused_pair(site), 90)
    open_people(page)
    row(page, other).drag_to(row(page, one))
    page.click("dialog button.primary")
    page.wait_for_selector(".toast[data-kind=bad]")
    assert {one["person_id"], other["person_id"]} <= known(site)


def test_a_new_name_is_everywhere_and_can_be_undone(page: Any, site: Site) -> None:
    person = site.persons()[0]
    open_people(page)
    row(page, person).locator("button").click()
    page.click("role=menuitem[name='Rename …']")
    page.fill("dialog input", "Night nurse")
    page.keyboard.press("Enter")
    page.wait_for_selector(".toast:has-text('is called Night nurse now')")
    assert site.person(person["person_id"])["label"] == "Night nurse"
    row(page, person).locator("text=Night nurse").wait_for()
    page.click(".toast >> text=Undo")
    until(lambda: site.person(person["person_id"])["label"] == person["label"], 10)


def test_a_track_that_was_somebody_else_is_taken_away(page: Any, site: Site) -> None:
    def recognised() -> Any:
        """A person with a track that was not their first."""
        for person in site.persons():
            steps = site.get(f"/persons/{person['person_id']}/history?limit=500")["steps"]
            bound = [step for step in steps if step["kind"] == "bound" and not step["merged_in"]]
            if len(bound) > 2:
                return person, bound[-1]["track"]
        return None

    person, track = until(recognised, 120)
    page.evaluate("id => (location.hash = '#/people/' + id)", person["person_id"])
    step = page.locator(
        f".steps li[data-kind=bound]:has-text('{track['camera_id']}, track {track['tracker_id']}')"
    )
    step.first.locator("text=Not this person").click()
    page.wait_for_selector(f"dialog h2:text-is('Not {person['label']}?')")
    page.click("dialog button.primary")
    page.wait_for_selector(".steps li[data-kind=track_rejected]")
    steps = site.get(f"/persons/{person['person_id']}/history?limit=500")["steps"]
    assert [s["tracks"] for s in steps if s["kind"] == "track_rejected"][-1] == [track]


def test_who_is_forgotten_is_gone(page: Any, site: Site) -> None:
    person = min(site.persons(), key=lambda one: one["last_seen"])
    page.evaluate("id => (location.hash = '#/people/' + id)", person["person_id"])
    page.click(".identity >> text=Forget")
    page.keyboard.press("Escape")
    assert person["person_id"] in known(site), "cancelled"
    page.click(".identity >> text=Forget")
    page.click("dialog button.danger")
    until(lambda: person["person_id"] not in known(site), 10)
    page.wait_for_url("**/#/people")
    row(page, person).wait_for(state="detached")
