"""The few words of the Redis protocol (RESP2) that a health check needs."""

import socket
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from reid.errors import ConfigError, Unavailable

if TYPE_CHECKING:
    from io import BufferedRWPair

_DEFAULT_PORT: Final = 6379


def info(host: str, port: int, section: str, timeout_s: float = 2.0) -> dict[str, str]:
    """Fields of ``INFO section``. Raises `Unavailable`."""
    return parse_info(command(host, port, ["INFO", section], timeout_s))


def parse_info(text: str) -> dict[str, str]:
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def command(
    host: str,
    port: int,
    words: list[str],
    timeout_s: float = 2.0,
    auth: list[str] | None = None,
    database: str = "",
) -> str:
    """One command on a connection of its own; its reply as text, "" for nil. Raises `Unavailable`, and
    `ConfigError` for a database that the server does not have."""
    try:
        with (
            socket.create_connection((host, port), timeout=timeout_s) as connection,
            connection.makefile("rwb") as stream,
        ):
            if auth:
                _ask(stream, ["AUTH", *auth])
            if database:
                _select(stream, database)
            return _ask(stream, words)
    except (OSError, ValueError) as error:
        raise Unavailable(f"Redis at {host}:{port} does not answer {words[0]} ({error})") from error


def ask(url: str, words: list[str], timeout_s: float = 2.0) -> str:
    """`command` at a ``redis://[user][:password@]host:port/db`` address; TLS is left to the real clients."""
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port or _DEFAULT_PORT
    except ValueError as error:
        raise ConfigError(
            f"REDIS_URL {masked(url)} has no valid port ({error}): write it as redis://host:port/0"
        ) from error
    if parts.scheme != "redis" or not host:
        raise ConfigError(f"REDIS_URL {masked(url)} is no Redis address: write it as redis://host:port/0")
    auth = [unquote(word) for word in (parts.username, parts.password) if word]
    return command(host, port, words, timeout_s, auth, parts.path.strip("/"))


def _select(stream: "BufferedRWPair[Any, Any]", database: str) -> None:
    try:
        _ask(stream, ["SELECT", database])
    except ValueError as error:
        raise ConfigError(
            f"Redis has no database {database} ({error}): end REDIS_URL in /0, or in one that its setting "
            "`databases` allows"
        ) from error


def _ask(stream: "BufferedRWPair[Any, Any]", words: list[str]) -> str:
    encoded = [word.encode() for word in words]
    stream.write(b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in encoded))
    stream.flush()
    head = stream.readline()
    kind, rest = head[:1], head[1:].strip()
    if kind in (b"+", b":"):
        return rest.decode()
    if kind == b"$":
        return "" if int(rest) < 0 else stream.read(int(rest) + 2)[:-2].decode(errors="replace")
    raise ValueError(rest.decode(errors="replace") or "connection closed")


def masked(url: str) -> str:
    """``url`` as it may be shown: without its password."""
    parts = urlsplit(url)
    return url if parts.password is None else url.replace(f":{parts.password}@", ":***@")
