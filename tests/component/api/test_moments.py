"""``?at=``: which requests are handed to the past, how, and what comes back."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import HTTPException

from api.elsewhere import LIMITS
from api.moments import SITE, ElsewhereMoments, moment_of, moments_of
from api.server import serving
from reid.errors import Unavailable
from reid.runtime.ready import mark_ready
from reid.runtime.settings import Settings
from tests.component.api.client import TestClient
from tests.component.api.world import World
from tests.unit.projections.story import START

SPAN = {"first_at": START, "last_at": START + 9, "events": 2, "bucket_ms": 1000, "buckets": []}


class Elsewhere:
    """What the other process was asked, and what it answers."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.answer = httpx.Response(200, json={"persons": []})
        self.span = httpx.Response(200, json=SPAN)
        self.away = False
        self.site: str | None = "global"

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.away:
            raise httpx.ConnectError("refused")
        answer = self.span if request.url.path == "/timeline" else self.answer
        answer.headers.pop(SITE, None)
        if self.site is not None:
            answer.headers[SITE] = self.site
        return answer


@pytest.fixture
def elsewhere() -> Elsewhere:
    return Elsewhere()


@pytest.fixture
def client(elsewhere: Elsewhere, api_settings: Settings) -> Iterator[TestClient]:
    past = ElsewhereMoments(lambda: "http://127.0.0.1:9/", api_settings.site_id)
    past._client = httpx.AsyncClient(transport=httpx.MockTransport(elsewhere.handle))
    with World(api_settings, past=past).client() as made:
        yield made


def test_a_get_with_a_moment_is_answered_by_the_past(client: TestClient, elsewhere: Elsewhere) -> None:
    answer = client.get("/persons?camera_id=a%2Fb&at=2025-11-05T12:10:58Z", headers={"x-other": "1"})
    assert (answer.status_code, answer.json()) == (200, {"persons": []})
    (asked,) = elsewhere.asked
    assert str(asked.url) == "http://127.0.0.1:9/persons?camera_id=a%2Fb&at=2025-11-05T12:10:58Z"
    assert "x-other" not in asked.headers


def test_the_past_was_handed_the_keys_of_who_asks(client: TestClient, elsewhere: Elsewhere) -> None:
    said = {"authorization": "Bearer k", "x-api-key": "k", "cookie": "saferoom_session=1"}
    assert client.get(f"/persons?key=ticket&at={START}&k%65y=ticket", headers=said).status_code == 200
    (asked,) = elsewhere.asked
    assert asked.url.query.decode() == f"at={START}"
    assert not {*said, "cookie"} & asked.headers.keys()


def test_a_name_with_an_umlaut_is_handed_on_as_it_came(client: TestClient, elsewhere: Elsewhere) -> None:
    """It was a 500."""
    said = "Jürgen".encode()
    assert client.get(f"/persons?at={START}", headers={"X-Asked-By": said}).status_code == 200
    assert (b"x-asked-by", said) in [(name.lower(), value) for name, value in elsewhere.asked[0].headers.raw]


def test_its_refusals_come_back_as_they_are(client: TestClient, elsewhere: Elsewhere) -> None:
    elsewhere.answer = httpx.Response(404, json={"detail": "no person a in the gallery"})
    answer = client.get(f"/persons/a?at={START}")
    assert (answer.status_code, answer.json()["detail"]) == (404, "no person a in the gallery")


@pytest.mark.parametrize("path", [f"/persons?at={START}", f"/persons/a?at={START}", "/timeline"])
def test_the_past_of_another_site_was_told_to_whom_this_one_let_in(
    client: TestClient, elsewhere: Elsewhere, path: str
) -> None:
    """Two sites of one machine share a state directory, and a past: a caller of the one saw the other's."""
    elsewhere.site = "annex%20%C3%A9"
    answer = client.get(path)
    assert answer.status_code == 501
    assert "is of annex é. Start `saferoom past`" in answer.json()["detail"]
    elsewhere.site = None
    answer = client.get(path)
    assert (answer.status_code, "does not say of which" in answer.json()["detail"]) == (501, True)


def test_an_error_of_a_proxy_before_the_past_is_no_other_site(
    client: TestClient, elsewhere: Elsewhere
) -> None:
    elsewhere.site, elsewhere.answer = None, httpx.Response(502, json={"detail": "bad gateway"})
    assert client.get(f"/persons?at={START}").status_code == 502


async def test_a_connection_that_ends_as_it_is_used_is_no_outage() -> None:
    """The past closes what is idle for five seconds; a request that met the closing was a 503 on the page."""
    span = json.dumps(SPAN).encode()
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n%b: global\r\n\r\n%b" % (
        len(span),
        SITE.encode(),
        span,
    )
    connections = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers, and hangs up when it is asked again."""
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(once, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    past = ElsewhereMoments(lambda: f"http://127.0.0.1:{port}", "global")
    try:
        assert [(await past.timeline()).events for _ in range(2)] == [2, 2]
        assert connections == 2
        # Who hangs up on a new connection as well is away.
        server.close()
        with pytest.raises(Unavailable, match="the past is away"):
            await past.timeline()
    finally:
        server.close()
        await past.close()


def test_an_idle_connection_ends_here_before_it_ends_there() -> None:
    there = serving(None, lambda: None).config.timeout_keep_alive
    assert (LIMITS.keepalive_expiry or there) < there


def test_what_names_no_moment_stays_here(client: TestClient, elsewhere: Elsewhere) -> None:
    assert client.get("/persons?camera_id=at").status_code == 200
    merge, at_once = {"person_id1": "a", "person_id2": "b"}, {"Prefer": "respond-async"}
    assert client.post("/persons/merge?that=1", json=merge, headers=at_once).status_code == 202
    assert elsewhere.asked == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/persons/merge", {"person_id1": "a", "person_id2": "b"}),
        ("POST", "/persons/a/rename", {"label": "Ada"}),
        ("DELETE", "/persons/a", None),
        ("POST", "/search", {"attributes": "upper:red", "purpose": "why"}),
    ],
)
def test_a_change_of_the_past_was_made_now(
    api_settings: Settings, elsewhere: Elsewhere, method: str, path: str, body: object
) -> None:
    """`DELETE /persons/a?at=…` forgot the person of today, for good."""
    world = World(api_settings)
    with world.client() as client:
        answer = client.request(method, f"{path}?at={START}", json=body)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert "the past can't be changed" in answer.json()["detail"]
    assert world.commands.sent == []


@pytest.mark.parametrize("at", ["", "soon", "-5", "253402300800000", "9" * 40, "0001-01-01T00:00:00", "²"])
def test_no_moment_is_refused(client: TestClient, elsewhere: Elsewhere, at: str) -> None:
    answer = client.get("/persons", params={"at": at})
    assert answer.status_code == 422 and "give a time such as" in answer.json()["detail"]
    assert elsewhere.asked == []


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1762344658197", 1_762_344_658_197),
        ("2025-11-05T12:10:58.197Z", 1_762_344_658_197),
        ("2025-11-05T13:10:58.197+01:00", 1_762_344_658_197),
        ("2025-11-05T12:10:58.197", 1_762_344_658_197),
        ("2025-11-05 12:10", 1_762_344_600_000),
    ],
)
def test_moments_are_rfc_3339_or_milliseconds(text: str, moment: int) -> None:
    assert moment_of(text) == moment


@pytest.mark.parametrize("offset", ["01:00", "0100", "01"])
def test_a_plus_that_was_not_escaped_made_no_moment(
    client: TestClient, elsewhere: Elsewhere, offset: str
) -> None:
    """It arrives as a space, here and at the past, to which it is handed on as it came."""
    assert client.get(f"/persons?at=2025-11-05T13:10:58.197+{offset}").status_code == 200
    assert client.get("/persons?at=2025-11-05+13:10").status_code == 200
    assert len(elsewhere.asked) == 2
    for begun in ("2025-11-05T13:10:58.197", "2025-11-05 13:10:58.197"):
        assert moment_of(f"{begun} {offset}") == 1_762_344_658_197


def test_what_tells_of_now_said_that_kafka_is_away(client: TestClient, elsewhere: Elsewhere) -> None:
    """`/readyz?at=1`: 503, no such topic. `/whoami?at=1` told everybody that access is off."""
    for path in ("/healthz", "/readyz", "/whoami", "/timeline", "/commands/none"):
        answer = client.get(f"{path}?at={START}")
        assert (answer.status_code, answer.json()["detail"]) == (
            422,
            f"{path} tells of now: ask without `at`",
        )
    for path in ("/", "/page/routes.json", "/openapi.json"):
        assert client.get(f"{path}?at={START}").content == client.get(path).content
    assert elsewhere.asked == []


def test_look_alikes_of_the_past_were_called_an_outage(client: TestClient, elsewhere: Elsewhere) -> None:
    """503, as if it helped to ask again: a search is written to the audit, and the past is written."""
    answer = client.get(f"/persons/a/similar?at={START}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "")
    assert "the past is not searched" in answer.json()["detail"]
    assert elsewhere.asked == []


def test_a_past_that_is_away_says_so(client: TestClient, elsewhere: Elsewhere) -> None:
    elsewhere.away = True
    for path in ("/persons?at=1", "/timeline"):
        answer = client.get(path)
        assert answer.status_code == 503 and "saferoom past" in answer.json()["detail"]


def test_without_a_past_the_live_api_goes_on(world: World) -> None:
    with world.client() as client:
        for path in ("/persons?at=1", "/timeline"):
            answer = client.get(path)
            assert answer.status_code == 501 and "SAFEROOM_PAST_URL" in answer.json()["detail"]
        assert client.get("/persons").status_code == 200


def test_a_picture_of_somebody_forgotten_was_given_as_of_then(
    client: TestClient, elsewhere: Elsewhere
) -> None:
    """Until the file went, minutes later at worst: then, the person was not forgotten yet."""
    elsewhere.answer = httpx.Response(200, content=b"a face", headers={"content-type": "image/jpeg"})
    assert client.get(f"/crops/{'a' * 64}.jpg?at={START}").status_code == 404
    assert elsewhere.asked == []


def test_the_timeline_is_the_pasts(client: TestClient, elsewhere: Elsewhere) -> None:
    assert client.get("/timeline").json() == SPAN
    elsewhere.span = httpx.Response(503, json={"detail": "the log is being read"})
    answer = client.get("/timeline")
    assert (answer.status_code, answer.json()) == (503, {"detail": "the log is being read"})


async def test_the_past_of_this_state_directory_is_found(make_settings: Any) -> None:
    settings: Settings = make_settings()
    with pytest.raises(HTTPException):
        await moments_of(settings).timeline()
    mark_ready(settings, "past", url="http://127.0.0.1:1")
    assert moments_of(settings)._where() == "http://127.0.0.1:1"
    assert moments_of(make_settings(past_url="http://past:8100"))._where() == "http://past:8100"


def test_every_get_of_the_views_is_described_with_it(described: TestClient) -> None:
    paths = described.get("/openapi.json").json()["paths"]
    with_at = {
        path
        for path, operations in paths.items()
        if any(one["name"] == "at" for one in operations.get("get", {}).get("parameters", ()))
    }
    assert {"/persons", "/persons/{person_id}", "/cameras", "/persons/stats"} <= with_at
    of_now = {"/timeline", "/healthz", "/readyz", "/whoami", "/commands/{command_id}"}
    assert not with_at & {*of_now, "/persons/{person_id}/similar", "/crops/{sha256}.jpg"}


def test_refusals_of_a_moment_were_not_described(described: TestClient) -> None:
    paths = described.get("/openapi.json").json()["paths"]
    for path, operations in paths.items():
        asked = path.replace("{", "").replace("}", "")
        for method, operation in operations.items():
            answer = described.request(method, asked, params={"at": "1"}, json={})
            assert str(answer.status_code) in operation["responses"], (method, path, answer.status_code)
