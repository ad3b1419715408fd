"""The address of a camera: how it may be shown, and what in it cannot be meant."""

import re
from typing import Final

from reid.errors import ConfigError

HIDDEN: Final = "***"
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
#: A user and a password of which no character could be the begin of something else.
_NAMED: Final = re.compile(r"([^:/?#@\[\]]+):[^/?#\[\]]*")
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^:\[\]]*)(:\d*)?")
_QUERY_VALUE: Final = re.compile(r"(^|[&;])([^=&;]*=)?[^&;]*")
#: Some recorders want the password in the path: ``/user=admin&password=…&channel=1.sdp``.
_PATH_VALUE: Final = re.compile(r"((?:pass|pwd|token|secret|key|auth)[^=/]*=)[^&;/]*", re.IGNORECASE)
_ESCAPED: Final = {"#": "%23", "/": "%2F", "?": "%3F", "[": "%5B", "]": "%5D"}


def scheme_of(address: str) -> str:
    """In lower case; empty where there is none."""
    found = _SCHEME.match(address)
    return found[1].lower() if found else ""


def without_password(address: str) -> str:
    """The address as it may be logged, also one that is none: nothing of what stands before its last ``@``
    but a user's name, and no value of its query. A path with an ``@`` is hidden with it: that ``@`` may as
    well end a password with a slash."""
    scheme, rest = _parted(address)
    secret, at, rest = rest.rpartition("@")
    if secret:
        named = _NAMED.fullmatch(secret)
        scheme += f"{named[1]}:{HIDDEN}@" if named else f"{HIDDEN}@"
    elif at:
        scheme += at
    rest, mark, _ = rest.partition("#")
    fragment = f"#{HIDDEN}" if mark else ""
    path, mark, query = rest.partition("?")
    query = _QUERY_VALUE.sub(rf"\1\2{HIDDEN}", query) if query else ""
    return scheme + _PATH_VALUE.sub(rf"\1{HIDDEN}", path) + mark + query + fragment


def check_address(address: str) -> None:
    """Raises `ConfigError` for an address whose host cannot be told from its password, and for one of a
    scheme that has none: FFmpeg writes that into the log itself."""
    if scheme_of(address) == "tcp" and "@" in address:
        raise ConfigError(
            f"source {without_password(address)}: tcp:// has no user or password; leave them out"
        )
    _, rest = _parted(address)
    secret = rest.rpartition("@")[0]
    user, _, host = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")
    odd = [mark for mark in _ESCAPED if mark in secret]
    # A slash or question mark before the @ may also be that of the path, where a host stands before it.
    clear = "#" not in secret and not set("[]") & set(user) and _HOST.fullmatch(host)
    if clear:
        return
    if odd:
        remedy = ", ".join(f"{mark} as {_ESCAPED[mark]}" for mark in odd)
        raise ConfigError(
            f"source {without_password(address)}: user or password hold {' '.join(odd)}: write {remedy}"
        )
    raise ConfigError(f"source {without_password(address)}: no host and port; write scheme://host:port/path")


def _parted(address: str) -> tuple[str, str]:
    """Scheme with its slashes, and the rest."""
    found = _SCHEME.match(address)
    end = found.end() if found else 0
    return address[:end], address[end:]
