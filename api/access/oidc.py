"""Tokens of an identity provider (OpenID Connect): signed JWTs, checked with its published keys."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import jwt

from api.access.roles import Caller, Role
from reid.errors import ConfigError, Unavailable
from reid.runtime.settings import Settings

#: Signatures by key pairs alone: with a shared secret whoever checks a token could make one.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
#: Of an RSA key that does not say by which: RFC 7517 leaves it open, and `jwt` would take RS256 alone.
_RSA: Final = ALGORITHMS[:6]
#: Seconds until published keys are fetched again; until an unknown key id may cause that; for an answer.
FRESH_S: Final = 600.0
AGAIN_S: Final = 10.0
TIMEOUT_S: Final = 3.0
#: The last second that has an RFC 3339: whoever says milliseconds means a moment far behind it.
LAST_S: Final = 253_402_300_799
#: Seconds that the clocks of both sides may differ.
LEEWAY_S: Final = 30


class BadToken(Exception):
    """Why a token counts for nothing. Its text is for whoever holds the token."""


class PublishedKeys:
    """A JWKS by URL or file. An unknown key id makes it look again, since providers change their keys, but
    only every `AGAIN_S`, found or not: else anybody could make us ask the provider as often as they like."""

    def __init__(self, where: str, seconds: Callable[[], float] = time.monotonic) -> None:
        self._where, self._seconds = where, seconds
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._open: dict[str | None, dict[str, Any]] = {}
        self._fetched: float | None = None
        self._failed: tuple[float, Unavailable] | None = None
        self._lock = asyncio.Lock()

    async def key(self, kid: str | None, algorithm: str | None = None) -> jwt.PyJWK:
        """``algorithm``: that the token names. Raises `BadToken` for an unknown id, `Unavailable` when the
        keys can't be had."""
        async with self._lock:
            age = None if self._fetched is None else self._seconds() - self._fetched
            if age is None or age > FRESH_S or (kid not in self._keys and age > AGAIN_S):
                await self._fetch()
        found = self._keys.get(kid)
        if found is None:
            raise BadToken(f"signed with a key that the issuer does not publish: {kid}")
        if kid in self._open and algorithm in _RSA:
            return jwt.PyJWK(self._open[kid], algorithm)
        return found

    async def _fetch(self) -> None:
        """An issuer that does not answer is not asked by everybody who waits, one after the other."""
        if self._failed is not None and self._seconds() - self._failed[0] <= AGAIN_S:
            raise self._failed[1]
        try:
            text = await self._text()
            published = jwt.PyJWKSet.from_json(text).keys
            said = [key for key in json.loads(text)["keys"] if isinstance(key, dict)]
        except (OSError, httpx.HTTPError, jwt.PyJWTError, ValueError) as error:
            why = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            away = Unavailable(
                f"the issuer's keys can't be had from {self._where} ({why}): check SAFEROOM_OIDC_JWKS"
            )
            self._failed = self._seconds(), away
            raise away from error
        self._keys = {key.key_id: key for key in published}
        self._open = {key.get("kid"): key for key in said if key.get("kty") == "RSA" and not key.get("alg")}
        self._fetched, self._failed = self._seconds(), None

    async def _text(self) -> str:
        if not self._where.startswith(("http://", "https://")):
            return await asyncio.to_thread(Path(self._where).expanduser().read_text)
        async with httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False) as client:
            answer = await client.get(self._where)
            answer.raise_for_status()
            return answer.text


class Issuer:
    """Callers by token. ``role_claim`` and ``site_claim``: names, with dots into nested claims."""

    def __init__(
        self, issuer: str, audience: str, keys: PublishedKeys, role_claim: str, site_claim: str
    ) -> None:
        self._issuer, self._audience, self._keys = issuer, audience, keys
        self._role_claim, self._site_claim = role_claim, site_claim

    @classmethod
    def of(cls, settings: Settings) -> "Issuer | None":
        """None where none is set. Raises `ConfigError` for a half-made setting."""
        if settings.oidc_issuer is None:
            return None
        if settings.oidc_audience is None or settings.oidc_jwks is None:
            raise ConfigError("SAFEROOM_OIDC_ISSUER needs SAFEROOM_OIDC_AUDIENCE and SAFEROOM_OIDC_JWKS too")
        keys = PublishedKeys(settings.oidc_jwks)
        claims = settings.oidc_role_claim, settings.oidc_site_claim
        return cls(settings.oidc_issuer, settings.oidc_audience, keys, *claims)

    async def caller(self, token: str) -> Caller:
        """Raises `BadToken`, `Unavailable`."""
        try:
            header = jwt.get_unverified_header(token)
            key = await self._keys.key(header.get("kid"), header.get("alg"))
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise BadToken(str(error)) from error
        roles = [r for name in _texts(claims, self._role_claim) if (r := Role.__members__.get(name))]
        if not roles:
            raise BadToken(f"claim {self._role_claim} names none of viewer, operator, admin")
        sites = tuple(_texts(claims, self._site_claim))
        ends = min(int(claims["exp"]), LAST_S) * 1000
        return Caller(str(claims["sub"]), max(roles), sites, "token", expires_at=ends)


def _texts(claims: Mapping[str, Any], path: str) -> list[str]:
    """A claim that is one text, several with spaces between them, or a list. The whole name goes first: the
    names of some providers are URLs, which have dots of their own."""
    found: Any = claims.get(path)
    if found is None:
        found = claims
        for name in path.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return found.split()
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
