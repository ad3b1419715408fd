"""Who may: each route by each role, from the API's own description; and every way to say who one is."""

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from api.access import guard
from api.access.gate import Gate
from api.access.guard import routes_of
from api.access.keys import KeyFile
from api.access.limits import Buckets
from api.access.oidc import AGAIN_S, FRESH_S, BadToken, Issuer, PublishedKeys
from api.access.roles import Role
from api.system import _send
from reid.errors import ConfigError, Unavailable
from reid.runtime.settings import Settings
from tests.browser.served import served
from tests.component.api.access import AUDIENCE, ISSUER, ROLES, Provider, bearer, guarded
from tests.component.api.client import TestClient
from tests.component.api.world import World

LOOPBACK = {"api_host": "127.0.0.1"}


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, dict[str, str]]:
    return guarded(tmp_path_factory.mktemp("access"))


@pytest.fixture
def world(one: tuple[World, dict[str, str]]) -> World:
    return one[0]


@pytest.fixture
def keys(one: tuple[World, dict[str, str]]) -> dict[str, str]:
    return one[1]


@pytest.fixture(scope="module")
def client(one: tuple[World, dict[str, str]]) -> Iterator[TestClient]:
    with one[0].client() as made:
        yield made


def test_every_route_declares_who_may_use_it(world: World) -> None:
    undeclared = [route.path for route in routes_of(world.app.routes) if route.access is None]
    assert not undeclared, f"without @needs(Role.…), so closed to all: {undeclared}"


def test_what_changes_something_is_never_open_to_viewers(world: World) -> None:
    for path, operations in world.app.openapi()["paths"].items():
        for method, operation in operations.items():
            if method not in ("get", "head") and path != "/session":
                assert Role[operation["x-role"]] >= Role.operator, (method, path)
    assert world.app.openapi()["paths"]["/persons/reset"]["post"]["x-role"] == "admin"
    assert world.app.openapi()["paths"]["/persons/{person_id}"]["delete"]["x-role"] == "admin"


def test_each_route_by_each_role(client: TestClient, world: World, keys: dict[str, str]) -> None:
    """Bodies are left out: who may not is refused before anything is read, and who may gets to the fault."""
    asked = 0
    for path, operations in client.get("/openapi.json").json()["paths"].items():
        for method, operation in operations.items():
            needed = Role[operation["x-role"]]
            for who in ("", *ROLES, "elsewhere"):
                headers = bearer(keys[who]) if who else {}
                url = path.replace("{person_id}", "nobody").replace("{command_id}", "none")
                answer = client.request(method, url, headers=headers)
                asked += 1
                if needed is Role.open:
                    assert answer.status_code not in (401, 403), (method, path, who)
                elif not who:
                    assert answer.status_code == 401, (method, path)
                    assert answer.headers["www-authenticate"].startswith("Bearer")
                elif who == "elsewhere" or Role[who] < needed:
                    assert answer.status_code == 403, (method, path, who)
                else:
                    assert answer.status_code not in (401, 403), (method, path, who, answer.text)
                if needed is not Role.open:
                    assert {"401", "403", "429"} <= operation["responses"].keys()
    assert asked >= 5 * 18


def test_an_undeclared_route_is_closed_to_everybody(tmp_path: Path) -> None:
    world, keys = guarded(tmp_path)
    world.app.add_api_route("/new", lambda: "secret")
    with world.client() as client:
        for who in ROLES:
            answer = client.get("/new", headers=bearer(keys[who]))
            assert (answer.status_code, "declares no access" in answer.text) == (403, True)
        assert client.get("/nowhere").status_code == 404
        assert client.put("/persons", headers=bearer(keys["admin"])).status_code == 405


def test_an_undeclared_route_is_closed_while_access_is_off_too(api_settings: Settings) -> None:
    world = World(api_settings)
    world.app.add_api_route("/new", lambda: "secret")
    with world.client() as client:
        assert client.get("/new").status_code == 403
        assert client.get("/whoami").json()["role"] == "admin"
        assert "access is off" in client.get("/whoami").json()["notice"]
        assert client.post("/session").json()["ticket"] is None


def test_what_stays_open(client: TestClient) -> None:
    for path in ("/", "/healthz", "/readyz", "/openapi.json"):
        assert client.get(path).status_code in (200, 503), path


def test_a_key_in_either_header(client: TestClient, keys: dict[str, str]) -> None:
    for headers in (bearer(keys["operator"]), {"X-API-Key": keys["operator"]}):
        assert client.get("/whoami", headers=headers).json() == {
            "name": "operator",
            "role": "operator",
            "sites": ["global"],
            "auth": "on",
            "expires_at": None,
            "notice": None,
        }
    wrong = keys["operator"][:-1] + ("A" if keys["operator"][-1] != "A" else "B")
    for bad in (wrong, "srk_000000000000_" + "x" * 43, "nonsense", ""):
        assert client.get("/whoami", headers={"X-API-Key": bad}).status_code == 401
    assert client.get("/whoami", headers={"Authorization": "Basic eDp5"}).status_code == 401


def test_the_log_keeps_the_caller_not_what_it_says_of_itself(
    client: TestClient, world: World, keys: dict[str, str]
) -> None:
    for said, kept in (({}, "operator"), ({"X-Asked-By": "admin"}, "operator for admin")):
        client.post(
            "/persons/a/rename",
            json={"label": "Alice"},
            headers=bearer(keys["operator"]) | said | {"Prefer": "respond-async"},
        )
        assert world.commands.sent[-1].issued_by == kept


def test_a_revoked_or_ended_key_counts_no_more(tmp_path: Path) -> None:
    world, keys = guarded(tmp_path)
    file = KeyFile(tmp_path / "keys.json")
    short = file.create("short", "viewer", ("*",), world.now, world.now + 1000)[1]
    with world.client() as client:
        client.headers = bearer(keys["viewer"])
        begun = client.post("/session").json()
        cookies = dict(client.cookies)
        assert cookies and client.get("/whoami", headers=bearer(short)).status_code == 200
        world.now += 1000
        assert client.get("/whoami", headers=bearer(short)).status_code == 401
        file.revoke("viewer", world.now)
        assert client.get("/whoami").status_code == 401
        client.headers = {}
        assert client.get("/whoami").status_code == 401, "its session goes with it"
        client.cookies.clear()
        assert client.get(f"/whoami?key={begun['ticket']}").status_code == 401
        (tmp_path / "keys.json").write_text("{broken")
        refused = client.get("/whoami", headers=bearer(keys["admin"]))
        assert (refused.status_code, "keys file" in refused.text) == (503, True)


def test_a_session_by_cookie_and_a_ticket_for_addresses(tmp_path: Path) -> None:
    world, keys = guarded(tmp_path, session_hours=1)
    with world.client() as client:
        answer = client.post("/session", headers=bearer(keys["operator"]))
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Max-Age=3600" in cookie
        assert client.get("/whoami").json()["name"] == "operator"
        foreign = client.post("/persons/reset", headers={"Origin": "http://evil.example"})
        assert foreign.status_code == 403, "a cookie is no use to a page of another origin"
        ticket = answer.json()["ticket"]
        assert client.delete("/session").status_code == 204
        assert client.get("/whoami").status_code == 401
        assert client.get(f"/whoami?key={ticket}").json()["name"] == "operator"
        changes = client.post(f"/persons/a/rename?key={ticket}", json={"label": "x"})
        assert changes.status_code == 401, "a ticket only reads"
        assert "ticket" in client.get(f"/whoami?key={keys['operator']}").json()["detail"]
        client.cookies.set("saferoom_session", ticket)
        assert client.get("/whoami").status_code == 401, "a ticket is no session"
        client.cookies.clear()
        world.now += 5 * 60_000
        assert client.get(f"/whoami?key={ticket}").status_code == 401
        client.cookies.set("saferoom_session", cookie.split(";")[0].partition("=")[2])
        assert client.get("/whoami").status_code == 200
        world.now += 3_600_000
        assert client.get("/whoami").status_code == 401


def test_websockets_ask_too_and_end_with_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "RECHECK_S", 0.01)
    world, keys = guarded(tmp_path)
    with world.client() as client:
        for bad in ({}, bearer(keys["elsewhere"]), bearer("x")):
            with pytest.raises(Exception) as refused, client.websocket_connect("/ws", headers=bad):
                pass
            assert getattr(refused.value, "status_code", 0) in (401, 403), refused.value
        ticket = client.post("/session", headers=bearer(keys["viewer"])).json()["ticket"]
        client.cookies.clear()
        with client.websocket_connect(f"/ws?key={ticket}") as socket:
            assert socket.receive_json()["type"] == "person_labels"
        with client.websocket_connect("/ws", headers=bearer(keys["viewer"])) as socket:
            KeyFile(tmp_path / "keys.json").revoke("viewer", world.now)
            with pytest.raises(WebSocketDisconnect) as ended:
                while True:
                    socket.receive_json()
            assert ended.value.code == 1008


def test_a_socket_whose_key_ended_just_as_a_message_had_gone_stayed_open_for_ever() -> None:
    class Labels:
        """One change, and never another."""

        def __init__(self) -> None:
            self.left = [("room1", {"7": "Visitor-A"})]

        async def next(self) -> tuple[str, dict[str, str]]:
            return self.left.pop() if self.left else await asyncio.Future()

    class Socket:
        async def send_json(self, message: object) -> None:
            sending.cancel()

    async def ends() -> None:
        nonlocal sending
        sending = asyncio.create_task(_send(Socket(), Labels(), asyncio.Lock()))  # type: ignore[arg-type]
        assert (await asyncio.wait({sending}, timeout=2))[0]

    sending: asyncio.Task[None]
    asyncio.run(ends())
    assert sending.cancelled()


def test_too_many_requests_of_one_caller(tmp_path: Path) -> None:
    world, keys = guarded(tmp_path, rate_limit=0.01, rate_burst=10)
    with world.client() as client:
        viewer = bearer(keys["viewer"])
        assert [client.get("/whoami", headers=viewer).status_code for _ in range(11)] == [200] * 10 + [429]
        assert int(client.get("/whoami", headers=viewer).headers["retry-after"]) in range(90, 101)
        assert client.get("/whoami", headers=bearer(keys["admin"])).status_code == 200
        attempts = [client.get("/whoami", headers=bearer("guess")).status_code for _ in range(3)]
        assert attempts == [401, 401, 429], "guesses of one address are slowed down"
        assert client.get("/healthz").status_code == 200


def test_a_bucket_fills_again() -> None:
    buckets = Buckets(rate=2.0, burst=4.0)
    assert [buckets.take("a", 1, 0.0) for _ in range(5)] == [0, 0, 0, 0, 0.5]
    assert buckets.take("a", 1, 0.5) == 0
    assert buckets.take("b", 100, 0.0) == 0, "what costs more than a full bucket takes a full one"
    assert buckets.take("b", 1, 0.0) > 0
    assert Buckets(0, 1).take("a", 1e9, 0.0) == 0


# --- when the API may start


def test_bound_elsewhere_it_needs_keys_or_an_issuer(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.7", "api.example"):
        with pytest.raises(ConfigError, match="saferoom keys create"):
            World(Settings(home=tmp_path, api_host=host))
    for host in ("127.0.0.1", "::1", "localhost", "127.8.8.8"):
        World(Settings(home=tmp_path, api_host=host))
    World(Settings(home=tmp_path, api_host="0.0.0.0", auth="loopback"))
    with pytest.raises(ConfigError, match="SAFEROOM_AUTH=on"):
        World(Settings(home=tmp_path, auth="on"))
    with pytest.raises(ConfigError, match="SAFEROOM_OIDC_AUDIENCE"):
        World(Settings(home=tmp_path, oidc_issuer=ISSUER))
    KeyFile(tmp_path / "keys.json").create("desk", "viewer", ("global",), 0)
    World(Settings(home=tmp_path, api_host="0.0.0.0"))


def test_the_file_of_keys(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "deep" / "keys.json")
    made, text = file.create("desk", "viewer", ("global", "annex"), 5)
    assert text not in file.path.read_text() and file.path.stat().st_mode & 0o077 == 0
    assert (file.caller(text, 6) or pytest.fail()).sites == ("global", "annex")
    for name, role, sites in (("desk", "viewer", ("a",)), ("", "viewer", ("a",)), ("x", "boss", ("a",))):
        with pytest.raises(ConfigError):
            file.create(name, role, sites, 6)
    with pytest.raises(ConfigError, match="site"):
        file.create("x", "viewer", (), 6)
    with pytest.raises(ConfigError, match="no active key"):
        file.revoke("nobody", 6)
    assert file.revoke(made.id, 7).revoked_at is None and file.caller(text, 8) is None
    assert KeyFile(file.path).read()[0].revoked_at == 7


# --- tokens of an identity provider


def issuer(jwks: Path, role_claim: str = "saferoom_role") -> Issuer:
    return Issuer(ISSUER, AUDIENCE, PublishedKeys(str(jwks)), role_claim, "saferoom_sites")


def test_tokens_of_the_issuer(tmp_path: Path) -> None:
    provider, now = Provider(), time.time()
    jwks = tmp_path / "jwks.json"
    jwks.write_text(provider.jwks())
    world, _ = guarded(tmp_path, oidc_issuer=ISSUER, oidc_audience=AUDIENCE, oidc_jwks=str(jwks))
    world.now = round(now * 1000)
    with world.client() as client:
        good = client.get("/whoami", headers=bearer(provider.token(now))).json()
        assert (good["name"], good["role"], good["sites"]) == ("someone", "operator", ["global"])
        for ends in (round(now * 1000) + 60_000, 10**20):
            in_ms = client.get("/whoami", headers=bearer(provider.token(now, exp=ends)))
            assert (in_ms.status_code, in_ms.json()["expires_at"][:10]) == (200, "9999-12-31"), "it was a 500"
        elsewhere = provider.token(now, saferoom_sites="annex hall")
        assert client.get("/whoami", headers=bearer(elsewhere)).status_code == 403
        client.post("/session", headers=bearer(provider.token(now, exp=now + 60)))
        assert client.get("/whoami").status_code == 200
        world.now += 61_000
        assert client.get("/whoami").status_code == 401, "a session ends with the token that began it"


def refused(tmp_path: Path, token: str) -> str:
    with pytest.raises(BadToken) as error:
        asyncio.run(issuer(tmp_path / "jwks.json").caller(token))
    return str(error.value)


def test_tokens_that_count_for_nothing(tmp_path: Path) -> None:
    provider, other, now = Provider(), Provider("k2"), time.time()
    (tmp_path / "jwks.json").write_text(provider.jwks())
    assert "expired" in refused(tmp_path, provider.token(now, exp=now - 60))
    assert "ssuer" in refused(tmp_path, provider.token(now, iss="https://other.example"))
    assert "udience" in refused(tmp_path, provider.token(now, aud="other"))
    assert "exp" in refused(tmp_path, provider.token(now, exp=None))
    assert "names none of" in refused(tmp_path, provider.token(now, saferoom_role="boss"))
    assert "names none of" in refused(tmp_path, provider.token(now, saferoom_role="open"))
    assert "does not publish" in refused(tmp_path, other.token(now))
    forged = Provider("k1").token(now)
    assert "Signature" in refused(tmp_path, forged)
    public = json.loads(provider.jwks())["keys"][0]
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "x", "exp": now + 60, "saferoom_role": "admin"}
    by_secret = jwt.encode(claims, public["x"], "HS256", headers={"kid": "k1"})
    assert refused(tmp_path, by_secret)
    assert refused(tmp_path, jwt.encode(claims, None, "none", headers={"kid": "k1"}))
    assert refused(tmp_path, "not.a.token")


def test_a_key_that_said_no_algorithm_was_taken_for_one_of_rs256_alone(tmp_path: Path) -> None:
    """RFC 7517 leaves `alg` open; tokens by RS384, RS512 and PS, which are said to be taken, were refused."""
    now, private = time.time(), rsa.generate_private_key(65537, 2048)
    public = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True) | {"kid": "r1"}
    secret = {"kty": "oct", "kid": "o1", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "x", "exp": now + 60, "saferoom_role": "viewer"}

    def signed(by: str, key: Any = private, kid: str = "r1") -> str:
        return jwt.encode(claims, key, by, headers={"kid": kid})

    def published(**more: str) -> None:
        (tmp_path / "jwks.json").write_text(json.dumps({"keys": [public | more, secret]}))

    published()
    for by in ("RS256", "RS384", "RS512", "PS256", "PS512"):
        assert asyncio.run(issuer(tmp_path / "jwks.json").caller(signed(by))).name == "x"
    # What is no algorithm of the key's kind, or a shared secret, is refused, and no 500.
    rest = signed("RS256").partition(".")[2]
    for named in (
        {"alg": "ES256", "kid": "r1"},
        {"alg": "EdDSA", "kid": "r1"},
        {"alg": "RS256", "kid": "o1"},
    ):
        forged = base64.urlsafe_b64encode(json.dumps(named).encode()).rstrip(b"=").decode()
        assert refused(tmp_path, f"{forged}.{rest}")
    assert refused(tmp_path, signed("HS256", "secret" * 8, "o1"))
    published(alg="PS256")
    assert asyncio.run(issuer(tmp_path / "jwks.json").caller(signed("PS256"))).name == "x"
    assert "does not match" in refused(tmp_path, signed("RS256"))


def test_claims_in_other_places(tmp_path: Path) -> None:
    provider, now = Provider(), time.time()
    (tmp_path / "jwks.json").write_text(provider.jwks())

    def role(claim: str, claims: dict[str, Any]) -> str:
        token = provider.token(now, claims, saferoom_role=None)
        return asyncio.run(issuer(tmp_path / "jwks.json", claim).caller(token)).role.name

    assert role("realm_access.roles", {"realm_access": {"roles": ["x", "viewer", "admin"]}}) == "admin"
    assert role("https://ids.example/role", {"https://ids.example/role": "viewer"}) == "viewer"


def test_published_keys_change_and_their_server_may_be_away(tmp_path: Path) -> None:
    first, second, now_s = Provider("k1"), Provider("k2"), [0.0]
    jwks = tmp_path / "jwks.json"
    published = PublishedKeys(str(jwks), lambda: now_s[0])

    def known(kid: str) -> bool:
        try:
            asyncio.run(published.key(kid))
        except BadToken:
            return False
        return True

    with pytest.raises(Unavailable, match="SAFEROOM_OIDC_JWKS"):
        known("k1")
    jwks.write_text(first.jwks())
    now_s[0] += AGAIN_S + 1
    assert known("k1")
    jwks.write_text(second.jwks())
    assert not known("k2"), "unknown ids cause no look at once: anybody can send them"
    now_s[0] += AGAIN_S + 1
    assert known("k2") and not known("k1")
    jwks.write_text(first.jwks())
    now_s[0] += FRESH_S + 1
    assert not known("k2"), "a withdrawn key counts no more"


def test_the_end_of_the_last_key_let_everybody_in(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, api_host="127.0.0.1")
    file = KeyFile(settings.keys_path)
    file.create("only", "admin", ("*",), 0)
    file.revoke("only", 1)
    for auth in ("auto", "on", "loopback"):
        with pytest.raises(ConfigError, match="has ended or was revoked, so nobody may: make one with"):
            Gate.of(settings.model_copy(update={"auth": auth}), lambda: 2)
    settings.keys_path.unlink()
    assert not Gate.of(settings, lambda: 2).on


def test_everybody_waited_in_turn_for_an_issuer_that_did_not_answer() -> None:
    now = 1000.0
    asked = 0

    class Hanging(PublishedKeys):
        async def _text(self) -> str:
            nonlocal asked, now
            asked, now = asked + 1, now + 3.0
            raise TimeoutError

    keys = Hanging("http://login.example", lambda: now)

    async def all_at_once() -> list[BaseException | Any]:
        return await asyncio.gather(*(keys.key("k1") for _ in range(12)), return_exceptions=True)

    found = asyncio.run(all_at_once())
    assert asked == 1 and all(isinstance(one, Unavailable) for one in found)
    assert "TimeoutError" in str(found[0])
    now += AGAIN_S + 1
    asyncio.run(all_at_once())
    assert asked == 2


@pytest.mark.parametrize("site", ["front door", "a/b", "global;annex:", " "])
def test_a_key_was_made_for_a_site_that_no_site_can_be_called(tmp_path: Path, site: str) -> None:
    """It opened nothing, and nobody was told why."""
    file = KeyFile(tmp_path / "keys.json")
    with pytest.raises(ConfigError, match="no space, colon or slash"):
        file.create("desk", "viewer", ("global", site), 0)
    assert not file.path.exists()
    assert file.create("desk", "viewer", ("annex", "*"), 0)[0].sites == ("annex", "*")


def test_each_refused_websocket_was_logged_as_a_fault_of_the_api(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A page whose session has ended tries again every 15 s."""
    world, _ = guarded(tmp_path)
    with served(world) as url:
        with pytest.raises(InvalidStatus) as refused, connect(url.replace("http", "ws") + "/ws"):
            pass
        assert refused.value.response.status_code == 401
    assert [said.message for said in caplog.records if said.name.startswith("uvicorn")] == []
