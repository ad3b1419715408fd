"""A site that asks for keys: an API of its own on the same log and views, signed in by the page."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from api.access.keys import KeyFile
from api.commands import now_ms
from reid.runtime.settings import Settings
from tests.browser.running import Site
from tests.browser.test_replay import as_of, shown
from tests.integration.processes import process

pytestmark = pytest.mark.browser


class Guarded(NamedTuple):
    """``keys``: by role."""

    url: str
    keys: dict[str, str]

    def get(self, path: str, key: str | None = None) -> tuple[int, Any]:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, headers=headers)) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, None


@pytest.fixture(scope="module")
def guarded(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    servers = json.loads((site.home / "run" / "endpoints.json").read_text())
    past = json.loads((site.home / "run" / "past.ready").read_text())["url"]
    settings = Settings(
        home=tmp_path_factory.mktemp("guarded"),
        kafka_bootstrap_servers=servers["kafka"],
        redis_url=servers["redis"],
        past_url=past,
    )
    file = KeyFile(settings.keys_path)
    keys = {role: file.create(role, role, ("global",), now_ms())[1] for role in ("viewer", "operator")}
    crops = {"SAFEROOM_CROPS": "on", "SAFEROOM_CROPS_STORE": str(site.home / "crops")}
    with process("api.server", "api", settings, SAFEROOM_PAST_URL=past, **crops) as running:
        yield Guarded(running.facts["url"], keys)


@pytest.fixture
def page(chrome: Any, guarded: Guarded) -> Iterator[Any]:
    """Opened, and asked for a key. Chromium itself tells of every 401; nothing else may be told."""
    context = chrome.new_context(base_url=guarded.url, viewport={"width": 1360, "height": 850})
    made = context.new_page()
    wrong: list[str] = []
    made.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
    made.on("pageerror", lambda error: wrong.append(str(error)))
    yield made
    context.close()
    assert [text for text in wrong if "401" not in text and "WebSocket" not in text] == []


def sign_in(page: Any, key: str) -> None:
    page.fill("dialog input[type=password]", key)
    page.click("dialog >> text=Sign in")


def test_nothing_is_told_without_a_key(guarded: Guarded, site: Site) -> None:
    moment = site.get("/timeline")["last_at"]
    for path in ("/persons", f"/persons?at={moment}", "/cameras", "/timeline", "/alerts", "/review"):
        assert guarded.get(path) == (401, None), path
        assert guarded.get(path, "srk_000000000000_wrong") == (401, None), path
        assert guarded.get(path, guarded.keys["viewer"])[0] == 200, path


def test_a_key_signs_in_and_is_kept_nowhere(page: Any, guarded: Guarded) -> None:
    page.goto("/")
    sign_in(page, "srk_000000000000_wrong")
    page.wait_for_selector("dialog input[type=password]")
    sign_in(page, guarded.keys["operator"])
    page.wait_for_selector("#connection[data-state=live]")
    page.wait_for_selector(".tile .state[data-state=streaming]")
    assert page.locator("dialog").count() == 0
    stored = page.evaluate("() => JSON.stringify([localStorage, sessionStorage, document.cookie])")
    assert guarded.keys["operator"] not in stored and "srk_" not in stored
    page.reload()
    page.wait_for_selector("#connection[data-state=live]")
    assert page.locator("dialog").count() == 0, "the session goes on"
    page.click("#nav a[href='#/people']")
    page.wait_for_selector(".portrait img")


def test_a_viewer_sees_and_changes_nothing(page: Any, guarded: Guarded, site: Site) -> None:
    page.goto("/")
    sign_in(page, guarded.keys["viewer"])
    page.wait_for_selector("#connection[data-state=live]")
    person = site.persons()[0]
    page.evaluate("id => (location.hash = '#/people/' + id)", person["person_id"])
    page.wait_for_selector(".identity h1")
    assert page.locator(".identity button:visible").count() == 0
    # With the page's session, but not by the page: Chromium would tell of the refusal as an error.
    refused = page.request.post(f"/persons/{person['person_id']}/rename", data={"label": "x"})
    assert refused.status == 403 and "operator" in refused.text()
    assert site.person(person["person_id"])["label"] == person["label"]


def test_the_past_is_shown_to_who_may_see_it(page: Any, guarded: Guarded, site: Site) -> None:
    span = site.get("/timeline")
    moment = (span["first_at"] + span["last_at"]) // 2
    page.goto(f"/#/live?at={moment}")
    sign_in(page, guarded.keys["viewer"])
    page.wait_for_selector("#connection[data-state=past]")
    page.wait_for_selector("#where .place")
    page.wait_for_function(
        "names => [...document.querySelectorAll('#where .person > span:last-child')].length === names",
        arg=sum(map(len, as_of(site, moment).values())),
    )
    assert shown(page) == as_of(site, moment)


def signed_in(context: Any, key: str) -> Any:
    page = context.new_page()
    page.goto("/")
    page.wait_for_selector("dialog input[type=password], #connection[data-state=live]")
    if page.locator("dialog").count():
        sign_in(page, key)
    page.wait_for_selector(".tile .names")
    return page


def test_signing_out_ends_the_session_in_every_tab(chrome: Any, guarded: Guarded) -> None:
    context = chrome.new_context(base_url=guarded.url, viewport={"width": 1360, "height": 850})
    one, other = (signed_in(context, guarded.keys["operator"]) for _ in range(2))
    one.click("button[aria-label='Sign out operator (operator)']")
    for page in (one, other):
        page.wait_for_selector("dialog input[type=password]")
        assert page.locator(".tile, .person").count() == 0, "nobody is shown any more"
    assert [cookie["name"] for cookie in context.cookies()] == []
    assert one.request.get("/persons").status == 401
    sign_in(one, guarded.keys["viewer"])
    one.wait_for_selector("button[aria-label='Sign out viewer (viewer)']")
    context.close()


def test_where_nobody_is_asked_there_is_nothing_to_sign_out_of(chrome: Any, site: Site) -> None:
    page = chrome.new_context(base_url=site.url).new_page()
    page.goto("/")
    page.wait_for_selector("#connection[data-state=live]")
    assert page.locator("#tools button").count() > 1
    assert page.locator("button[aria-label^='Sign out']").count() == 0
    page.context.close()
