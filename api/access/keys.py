"""API keys: who holds one, kept as hashes in one file.

A key is ``srk_<id>_<secret>`` with 256 random bits as its secret. Nobody can try those out, so one SHA-256 of
it is as safe as a slow hash, and costs a request nothing. The key itself is shown once and stored nowhere.
"""

import fcntl
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from api.access.roles import ALL_SITES, CALLER_ROLES, Caller, Role
from reid.contracts import names
from reid.errors import ConfigError, Unavailable

_FORM: Final = re.compile(r"^srk_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$")
_NAME: Final = re.compile(r"^[\w][\w .@-]{0,63}$")


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """``sha256``: of the whole key, hex. Times in milliseconds since the epoch."""

    id: str
    name: str
    role: str
    sites: tuple[str, ...]
    sha256: str
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None

    def active(self, now: int) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def caller(self) -> Caller:
        return Caller(self.name, Role.named(self.role), self.sites, "key", self.id, self.expires_at)


class _Content(msgspec.Struct):
    keys: list[Key] = []


_content: Final = msgspec.json.Decoder(_Content)
_Stamp = tuple[int, int, int] | None


class KeyFile:
    """Read again whenever it changes, so that a revoked key ends with its next request."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: _Stamp = None
        self._known: dict[str, Key] = {}

    def read(self) -> list[Key]:
        """In the order in which they were made; none where there is no file. Raises `ConfigError`."""
        stamp = self._now()
        if stamp is None:
            self._known = {}
        elif stamp != self._stamp:
            self._known = {key.id: key for key in self._read()}
        self._stamp = stamp
        return list(self._known.values())

    def caller(self, key: str, now: int) -> Caller | None:
        """Whose key it is; None when nobody's, or no longer. Raises `Unavailable` for a broken file."""
        form = _FORM.match(key)
        found = self.by_id(form[1], now) if form else None
        digest = hashlib.sha256(key.encode()).hexdigest()
        # Compared also where there is none, so that an unknown id takes as long as a wrong secret.
        same = hmac.compare_digest(digest, found.sha256 if found else "0" * 64)
        return found.caller() if found and same else None

    def by_id(self, id_: str, now: int) -> Key | None:
        """An active key. Raises `Unavailable`: with a broken file nobody knows which keys were revoked."""
        try:
            self.read()
        except ConfigError as error:
            raise Unavailable(str(error)) from error
        key = self._known.get(id_)
        return key if key is not None and key.active(now) else None

    def create(
        self, name: str, role: str, sites: tuple[str, ...], now: int, expires_at: int | None = None
    ) -> tuple[Key, str]:
        """The stored key, and the secret text to hand over once. Raises `ConfigError`."""
        if not _NAME.match(name):
            raise ConfigError(f"key name {name!r}: 1 to 64 letters, digits, spaces and . @ - _")
        if role not in CALLER_ROLES:
            raise ConfigError(f"role {role!r} is none of {', '.join(CALLER_ROLES)}")
        if not sites or not all(sites):
            raise ConfigError("a key needs at least one site, or * for all")
        unheard = [site for site in sites if site != ALL_SITES and not names.is_name(site)]
        if unheard:
            raise ConfigError(names.told("--sites: site", unheard[0]))
        id_ = secrets.token_hex(6)
        text = f"srk_{id_}_{secrets.token_urlsafe(32)}"
        made = Key(
            id=id_, name=name, role=role, sites=sites, created_at=now, expires_at=expires_at,
            sha256=hashlib.sha256(text.encode()).hexdigest(),
        )  # fmt: skip

        def add(keys: list[Key]) -> list[Key]:
            if any(key.name == name and key.active(now) for key in keys):
                raise ConfigError(f"there is a key {name!r} already: revoke it first, or take another name")
            return [*keys, made]

        self._change(add)
        return made, text

    def revoke(self, which: str, now: int) -> Key:
        """By id or name. It stays in the file as a record. Raises `ConfigError` when none is active."""
        gone: list[Key] = []

        def end(keys: list[Key]) -> list[Key]:
            gone[:] = [key for key in keys if which in (key.id, key.name) and key.active(now)]
            if not gone:
                raise ConfigError(f"no active key {which!r}: see `saferoom keys list`")
            return [msgspec.structs.replace(k, revoked_at=now) if k in gone else k for k in keys]

        self._change(end)
        return gone[0]

    def _change(self, change: Callable[[list[Key]], list[Key]]) -> None:
        with self._locked():
            content = _Content(change(self._read() if self.path.exists() else []))
            half = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
            handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")
            half.replace(self.path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Two commands at once must not lose a key, or bring a revoked one back."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.with_name(f"{self.path.name}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise ConfigError(f"keys file {self.path}: {error.strerror}; set SAFEROOM_KEYS_FILE") from error

    def _now(self) -> _Stamp:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"keys file {self.path}: {error.strerror}; set SAFEROOM_KEYS_FILE") from error
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> list[Key]:
        try:
            keys = _content.decode(self.path.read_bytes()).keys
            for key in keys:
                Role.named(key.role)
        except OSError as error:
            raise ConfigError(f"keys file {self.path}: {error.strerror}; set SAFEROOM_KEYS_FILE") from error
        except ValueError as error:  # msgspec's too
            raise ConfigError(
                f"keys file {self.path} is broken ({error}): mend it, or move it away and make keys anew"
            ) from error
        return keys
