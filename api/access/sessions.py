"""Sessions of the page, and tickets for what can't send a header. Both stand for a credential shown before.

A session is a cookie that scripts can't read; a ticket is a text for one address (`?key=`), good for minutes.
"""

import os
import secrets
from pathlib import Path
from typing import Final, Literal

import jwt

from api.access.roles import Caller, Role
from reid.errors import ConfigError

COOKIE: Final = "saferoom_session"
TICKET_MS: Final = 5 * 60_000
_ISSUER: Final = "saferoom"
_ALGORITHM: Final = "HS256"
Use = Literal["session", "ticket"]


class Sessions:
    """``secret``: signs them; all API processes that serve one site together need the same."""

    def __init__(self, secret: bytes, hours: float) -> None:
        self._secret, self._session_ms = secret, round(hours * 3_600_000)

    def ends_at(self, use: Use, caller: Caller, now: int) -> int:
        """Ms since the epoch; never after the credential that it stands for."""
        ends = now + (self._session_ms if use == "session" else TICKET_MS)
        return ends if caller.expires_at is None else min(ends, caller.expires_at)

    def issue(self, use: Use, caller: Caller, now: int) -> str:
        claims = {
            "iss": _ISSUER,
            "use": use,
            "sub": caller.name,
            "exp": self.ends_at(use, caller, now) / 1000,
            "kind": caller.kind,
            "key": caller.key_id,
            "role": caller.role.name,
            "sites": list(caller.sites),
        }
        return jwt.encode(claims, self._secret, _ALGORITHM)

    def caller(self, use: Use, text: str, now: int) -> Caller | None:
        """None for one that is not ours, is of the other use, or has ended. A caller with a key counts only
        while the key does: look it up by ``key_id``."""
        try:
            # Time is the API's own clock, as everywhere.
            claims = jwt.decode(
                text, self._secret, [_ALGORITHM], issuer=_ISSUER, options={"verify_exp": False}
            )
            ends = round(float(claims["exp"]) * 1000)
            if claims["use"] != use or now >= ends:
                return None
            kind: Literal["key", "token"] = "key" if claims["kind"] == "key" else "token"
            sites = tuple(claims["sites"])
            return Caller(claims["sub"], Role.named(claims["role"]), sites, kind, claims["key"], ends)
        except (jwt.PyJWTError, KeyError, TypeError, ValueError):
            return None


def secret_of(path: Path) -> bytes:
    """The secret in ``path``, made on first use, for its owner alone. Raises `ConfigError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(32))
        try:
            os.link(half, path)  # whole, and only the first of several processes
        except FileExistsError:
            pass
        finally:
            half.unlink()
        found = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"can't keep the secret of sessions in {path} ({error.strerror})") from error
    if len(found) < 32:
        raise ConfigError(f"{path} holds no secret of sessions: remove it, and a new one is made")
    return found
