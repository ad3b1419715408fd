"""From what a request shows to who asks. One for the process."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.requests import HTTPConnection

from api.access.keys import KeyFile
from api.access.oidc import BadToken, Issuer
from api.access.roles import ANYBODY, Caller
from api.access.sessions import COOKIE, Sessions, secret_of
from reid.errors import ConfigError
from reid.runtime.settings import Settings

_SAFE: Final = ("GET", "HEAD")
MAKE_A_KEY: Final = "`saferoom keys create --name desk --role operator`"
NOTICE: Final = (
    "access is off: whoever reaches this address may see and change everything. It is meant for this machine "
    f"alone. To ask who may: {MAKE_A_KEY}, then start the API again (docs/security.md)"
)


@dataclass
class Refused(Exception):
    """``status``: 401 who are you, 403 not you, 405 not this method but ``allow``, 429 not so fast."""

    status: int
    detail: str
    retry_after_s: float = 0.0
    allow: str = ""


class Gate:
    """``on`` False: everybody is `ANYBODY`. ``here``: those alone who ask for a name of this machine;
    ``beside``: or for one that no page of elsewhere can have, such as another container asks for.
    ``clock``: milliseconds since the epoch."""

    def __init__(
        self,
        on: bool,
        keys: KeyFile,
        issuer: Issuer | None,
        sessions: Sessions,
        clock: Callable[[], int],
        *,
        here: bool = False,
        beside: bool = False,
    ) -> None:
        self.on, self.here, self.beside, self._keys, self._issuer = on, here, beside, keys, issuer
        self.sessions, self._clock = sessions, clock

    @classmethod
    def of(cls, settings: Settings, clock: Callable[[], int]) -> "Gate":
        """Raises `ConfigError` where access must be asked for and nobody could get in, or the settings
        contradict each other."""
        keys, issuer = KeyFile(settings.keys_path), Issuer.of(settings)
        made = keys.read()
        some = issuer is not None or any(key.active(clock()) for key in made)
        asked = settings.auth == "on" or (settings.auth == "auto" and not is_loopback(settings.api_host))
        # Whoever made keys asks who may: the end of the last one lets nobody in, not everybody.
        if made and not some:
            raise ConfigError(
                f"every key in {keys.path} has ended or was revoked, so nobody may: make one with "
                f"{MAKE_A_KEY}, or remove that file to ask nobody any more (docs/security.md)"
            )
        if asked and not some:
            why = "SAFEROOM_AUTH=on" if settings.auth == "on" else f"others reach {settings.api_host}, which"
            raise ConfigError(
                f"{why} needs keys, and there are none in {keys.path}: make one with {MAKE_A_KEY}, or set "
                "SAFEROOM_OIDC_ISSUER, or bind SAFEROOM_API_HOST=127.0.0.1 (docs/security.md)"
            )
        secret = secret_of(settings.home / "session.secret") if some else b""
        sessions, loopback = Sessions(secret, settings.session_hours), is_loopback(settings.api_host)
        # Whom nobody asks is on loopback, bound there or vouched for: so is what a browser here looks at.
        return cls(some, keys, issuer, sessions, clock, here=not some, beside=not some and not loopback)

    @classmethod
    def off(cls, *, here: bool = False) -> "Gate":
        """For those who ask within the process, or were asked before."""
        return cls(False, KeyFile(Path()), None, Sessions(b"", 0.0), lambda: 0, here=here)

    async def caller(self, asked: HTTPConnection) -> Caller:
        """Raises `Refused` 401, `Unavailable`."""
        if not self.on:
            return ANYBODY
        shown = _shown(asked)
        if shown is not None:
            return await self._by_credential(shown)
        cookie = asked.cookies.get(COOKIE)
        if cookie is not None:
            return self._current(self.sessions.caller("session", cookie, self._clock()), "this session")
        ticket = asked.query_params.get("key")
        if ticket is not None and (asked.scope["type"] == "websocket" or asked.scope["method"] in _SAFE):
            if ticket.startswith("srk_"):
                raise Refused(401, "an API key in an address ends up in logs: POST /session gives a ticket")
            return self._current(self.sessions.caller("ticket", ticket, self._clock()), "this ticket")
        raise Refused(401, "say who you are: Authorization: Bearer KEY, or X-API-Key (docs/security.md)")

    def still(self, caller: Caller) -> bool:
        """Whether what was shown is good now. Raises `Unavailable`."""
        now = self._clock()
        if caller.expires_at is not None and now >= caller.expires_at:
            return False
        return not caller.key_id or self._keys.by_id(caller.key_id, now) is not None

    async def _by_credential(self, shown: str) -> Caller:
        if shown.startswith("srk_") or self._issuer is None:
            known = self._keys.caller(shown, self._clock())
            if known is None:
                raise Refused(401, "this key is unknown, revoked or has ended")
            return known
        try:
            return await self._issuer.caller(shown)
        except BadToken as error:
            raise Refused(401, f"this token does not count: {error}") from error

    def _current(self, caller: Caller | None, what: str) -> Caller:
        """Role and sites of a key are those of now, not of when the session began."""
        if caller is None:
            raise Refused(401, f"{what} has ended: say who you are again")
        if caller.kind != "key":
            return caller
        key = self._keys.by_id(caller.key_id, self._clock())
        if key is None:
            raise Refused(401, "this key is unknown, revoked or has ended")
        now = key.caller()
        return Caller(now.name, now.role, now.sites, "key", now.key_id, caller.expires_at)


def _shown(asked: HTTPConnection) -> str | None:
    """Key or token of the headers. Raises `Refused` for a scheme that is none of ours."""
    if (key := asked.headers.get("x-api-key")) is not None:
        return key.strip()
    header = asked.headers.get("authorization")
    if header is None:
        return None
    scheme, _, credential = header.partition(" ")
    if scheme.lower() != "bearer" or not credential.strip():
        raise Refused(401, "Authorization must be Bearer and a key or token")
    return credential.strip()


def is_loopback(host: str) -> bool:
    """Whether an address that is bound is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_address(host: str) -> bool:
    """Whether it is an address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
