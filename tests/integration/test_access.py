"""Who may, on a real server: keys of the command line, an issuer on loopback, WebSockets, bound addresses."""

import http.server
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from api.server import listen, server_of, url_of
from reid.runtime.settings import Settings
from tests.component.api.access import AUDIENCE, ISSUER, Provider, bearer
from tests.integration.processes import ROOT, process, start

pytestmark = pytest.mark.integration


class Published(http.server.ThreadingHTTPServer):
    """A provider's keys at ``/jwks``. ``asked``: how often."""

    def __init__(self, provider: Provider) -> None:
        super().__init__(("127.0.0.1", 0), _Keys)
        self.provider, self.asked = provider, 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/jwks"


class _Keys(http.server.BaseHTTPRequestHandler):
    server: Published

    def do_GET(self) -> None:
        self.server.asked += 1
        body = self.server.provider.jwks().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def published() -> Iterator[Published]:
    with Published(Provider()) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join(5)


def saferoom(settings: Settings, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "deploy.cli", *arguments, "--home", str(settings.home)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=30)


@pytest.fixture
def keys(settings: Settings) -> dict[str, str]:
    made = {}
    for role in ("viewer", "admin"):
        done = saferoom(settings, "keys", "create", "--name", role, "--role", role, "--sites", "global,annex")
        assert done.returncode == 0, done.stderr
        made[role] = done.stdout.strip()
    return made


@pytest.fixture
def url(
    settings: Settings, topics: str, clean_redis: str, keys: dict[str, str], published: Published
) -> Iterator[str]:
    asking = settings.model_copy(
        update={"oidc_issuer": ISSUER, "oidc_audience": AUDIENCE, "oidc_jwks": published.url}
    )
    started = threading.Event()
    server = server_of(asking, started.set)
    with closing(listen("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],), name="api")
        thread.start()
        assert started.wait(10)
        yield url_of(listener)
        server.should_exit = True
        thread.join(10)
    assert not thread.is_alive()


def test_keys_of_the_command_line(url: str, settings: Settings, keys: dict[str, str]) -> None:
    assert httpx.get(f"{url}/persons").status_code == 401
    assert httpx.get(f"{url}/persons", headers=bearer(keys["viewer"])).status_code == 200
    assert httpx.post(f"{url}/persons/reset", headers=bearer(keys["viewer"])).status_code == 403
    listed = saferoom(settings, "keys", "list", "--json").stdout
    assert '"name":"viewer"' in listed and "sha256" not in listed
    assert not any(key in listed or key in settings.keys_path.read_text() for key in keys.values())
    assert saferoom(settings, "keys", "revoke", "viewer").returncode == 0
    assert httpx.get(f"{url}/persons", headers=bearer(keys["viewer"])).status_code == 401
    again = saferoom(settings, "keys", "revoke", "viewer")
    assert again.returncode == 2 and "no active key" in again.stderr


def test_tokens_and_a_provider_that_changes_its_keys(
    url: str, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asks(token: str) -> int:
        return httpx.get(f"{url}/whoami", headers=bearer(token)).status_code

    first = published.provider.token(time.time())
    assert [asks(first) for _ in range(3)] == [200] * 3
    assert published.asked == 1, "keys are kept"
    published.provider = Provider("k2")
    second = published.provider.token(time.time())
    assert asks(second) == 401 and published.asked == 1
    monkeypatch.setattr("api.access.oidc.AGAIN_S", 0.0)
    assert (asks(second), asks(first)) == (200, 401)


def test_websockets_by_header_cookie_and_ticket(url: str, keys: dict[str, str]) -> None:
    address = url.replace("http", "ws") + "/ws"
    for refused in (address, f"{address}?key=x", f"{address}?key={keys['viewer']}"):
        with pytest.raises(InvalidStatus) as error, connect(refused):
            pass
        assert error.value.response.status_code == 401
    with connect(address, additional_headers=bearer(keys["viewer"])) as socket:
        socket.ping().wait(5)
    with httpx.Client(base_url=url) as client:
        session = client.post("/session", headers=bearer(keys["viewer"])).json()
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        assert client.get("/whoami").json()["name"] == "viewer"
    for allowed, headers in ((address, {"Cookie": cookie}), (f"{address}?key={session['ticket']}", {})):
        with connect(allowed, additional_headers=headers) as socket:
            socket.ping().wait(5)


def test_an_api_bound_elsewhere_needs_keys(settings: Settings, topics: str, clean_redis: str) -> None:
    child = start("api.server", settings, SAFEROOM_API_HOST="0.0.0.0")
    _, said = child.communicate(timeout=30)
    assert child.returncode != 0 and "saferoom keys create" in said
    assert saferoom(settings, "keys", "create", "--name", "desk").returncode == 0
    with process("api.server", "api", settings, SAFEROOM_API_HOST="0.0.0.0") as api:
        assert httpx.get(f"{api.facts['url']}/config").status_code == 401
        assert httpx.get(f"{api.facts['url']}/healthz").status_code == 200


def test_an_api_on_loopback_says_that_access_is_off(
    settings: Settings, topics: str, clean_redis: str
) -> None:
    with process("api.server", "api", settings) as api:
        assert httpx.get(f"{api.facts['url']}/config").json()["access"]["auth"] == "off"
        _, said = api.stop()
        assert "access is off" in said
