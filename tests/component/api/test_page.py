"""The files of the page: whole, within their budget, under a policy that lets nothing else in."""

import re
from pathlib import PurePosixPath

import pytest

from api.page import ASSETS
from tests.component.api.client import TestClient

#: Of the promise to be below 300 kB in all, what the page itself may weigh unpacked.
BUDGET = 200_000
#: Whatever would make markup of a label, or run text as code.
UNSAFE = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|javascript:"
)
SCRIPTS = [name for name in ASSETS if name.endswith(".js")]


def test_it_loads_nothing_from_elsewhere(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert {policy[kind] for kind in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert not re.search(r"<script>|<style>|\sstyle=|\son\w+=", answer.text), "nothing inline"
    for name, asset in ASSETS.items():
        text = asset.body.decode().replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text and "https:" not in text, name


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_makes_markup_of_text(name: str) -> None:
    assert not UNSAFE.search(ASSETS[name].body.decode())


def test_whatever_a_file_names_is_there(client: TestClient) -> None:
    linked = re.findall(r'(?:href|src)="(/page/[^"]+)"', ASSETS["index.html"].body.decode())
    assert len(linked) >= 6
    for script in SCRIPTS:
        for imported in re.findall(r'from "(\./[^"]+)"', ASSETS[script].body.decode()):
            linked.append(f"/page/{PurePosixPath(script).parent / imported}")
    for path in sorted(set(linked)):
        assert client.get(path).status_code == 200, path


def test_it_is_light_and_its_modules_are_small() -> None:
    assert sum(len(asset.body) for asset in ASSETS.values()) < BUDGET
    for name in SCRIPTS:
        assert ASSETS[name].body.count(b"\n") <= 200, name


def test_a_browser_keeps_a_file_until_it_changes(client: TestClient) -> None:
    first = client.get("/page/js/main.js", headers={"accept-encoding": "gzip"})
    assert first.headers["content-encoding"] == "gzip" and first.content == ASSETS["js/main.js"].body
    assert first.headers["cache-control"] == "no-cache"
    again = client.get("/page/js/main.js", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    plain = client.get("/page/js/main.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers and plain.content == first.content


@pytest.mark.parametrize("name", ["nothing.js", "../page.py", "..%2f..%2fpyproject.toml", "js/", ""])
def test_no_other_file_is_served(client: TestClient, name: str) -> None:
    assert client.get(f"/page/{name}").status_code == 404


def test_it_knows_what_this_api_offers(described: TestClient) -> None:
    routes = described.get("/page/routes.json").json()["routes"]
    assert {"/persons", "/persons/{person_id}/history", "/timeline"} <= set(routes)
    assert "/page/routes.json" not in routes
