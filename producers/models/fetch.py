"""Fetches a model's files: goes on where it stopped, checks, and only then gives them their name.

1. Bytes go to ``NAME.part``, under a lock: two fetches never write into one file.
2. A part that is there is continued with ``Range``. A server that ignores it sends all: begin anew.
3. A broken connection is tried again, with pauses; each try that brought bytes counts anew.
4. Size and SHA-256 must be the catalogue's. If not, and bytes of an earlier fetch were in it, once more from
   the beginning: the old ones may be of another file. Else the part is removed and the file refused.
5. `os.replace`: a torn or wrong file never has the model's name.
"""

import contextlib
import fcntl
import os
import shutil
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO, Final

import httpx

from producers.models.catalogue import Part
from producers.models.files import sha256
from reid.errors import ConfigError, Unavailable

ATTEMPTS: Final = 5
PAUSE_S: Final = 0.5
_TIMEOUT: Final = httpx.Timeout(30.0, connect=15.0)
_CHUNK: Final = 1 << 16
#: 408 time-out, 425 too early, 429 too many requests; 5xx is the server's own trouble.
_PASSING: Final = frozenset({408, 425, 429})
Progress = Callable[[str, int, int], None]
"""Name of the file, bytes there, bytes of the whole."""


class _Interrupted(Exception):
    """The transfer broke; another try may bring the rest."""


@dataclass(frozen=True)
class Fetcher:
    """``pause``: seconds before the second try, doubled for each further one. Proxies are those of the
    environment (``HTTPS_PROXY``, ``NO_PROXY``)."""

    directory: Path
    progress: Progress | None = None
    pause: float = PAUSE_S

    def fetch(self, part: Part, origin: str | Path) -> Path:
        """``origin``: the file's address (http, https), or a path to copy it from.

        Returns the path in ``directory``; nothing is fetched when it is there already. Raises `ConfigError`
        when what came is not the file of the catalogue, or what is there is not; `Unavailable` when the
        server is away, after what has come was kept.
        """
        target = self.directory / part.name
        if target.exists():
            return _checked(target, part)
        with _claimed(target) as file:
            resumed = _size(file) > 0
            self._fill(file, part, origin)
            if resumed and not _is_whole(file, part):
                file.truncate(0)
                self._fill(file, part, origin)
            if not _is_whole(file, part):
                Path(file.name).unlink()
                raise ConfigError(
                    f"{origin}: is not {part.name} of the catalogue: its SHA-256 is not {part.sha256}; "
                    "the source or a proxy on the way gives another file"
                )
            os.fsync(file.fileno())
            Path(file.name).replace(target)
        return target

    def _fill(self, file: BinaryIO, part: Part, origin: str | Path) -> None:
        if isinstance(origin, Path):
            _copy(file, origin)
            return
        attempt = 0
        with httpx.Client(timeout=_TIMEOUT, follow_redirects=True, verify=_trusted()) as client:
            while _size(file) != part.size:
                before = _size(file)
                try:
                    self._more(client, file, part, origin)
                except (httpx.TransportError, _Interrupted) as error:
                    attempt = 1 if _size(file) > before else attempt + 1
                    if attempt >= ATTEMPTS:
                        raise Unavailable(
                            f"{origin}: {error or type(error).__name__}; {_size(file)} of {part.size} bytes "
                            "are kept: run it again to go on, or check the network and the proxy"
                        ) from error
                    time.sleep(self.pause * 2 ** (attempt - 1))

    def _more(self, client: httpx.Client, file: BinaryIO, part: Part, url: str) -> None:
        """Everything from where the part ends. Raises `_Interrupted`, `TransportError`, `ConfigError`."""
        have = _size(file)
        # Compressed in transit, neither the size nor the range would be the file's.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with client.stream("GET", url, headers=headers) as response:
            _refuse(response, url)
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                file.truncate(0)
                raise _Interrupted("the server has less than what was fetched before")
            begins = f"bytes {have}-"
            if not (have and response.status_code == 206 and _range(response).startswith(begins)):
                file.truncate(0)
            announced = response.headers.get("content-length", "")
            if announced.isdecimal() and _size(file) + int(announced) != part.size:
                raise _wrong_size(file, part, url, _size(file) + int(announced))
            # As it comes: gathered into larger chunks, the last one would be lost with the connection.
            for chunk in response.iter_raw():
                file.write(chunk)
                if _size(file) > part.size:
                    raise _wrong_size(file, part, url, _size(file))
                if self.progress:
                    self.progress(part.name, _size(file), part.size)
        if _size(file) < part.size:
            raise _Interrupted("the connection ended early")


@cache
def _trusted() -> ssl.SSLContext:
    """One for all files: to read the certificates takes 50 ms of CPU."""
    return httpx.create_ssl_context()


def _copy(file: BinaryIO, origin: Path) -> None:
    file.truncate(0)
    try:
        with origin.open("rb") as source:
            shutil.copyfileobj(source, file, _CHUNK)
    except OSError as error:
        raise ConfigError(f"{origin}: can't be copied ({error.strerror})") from error
    file.flush()


def _refuse(response: httpx.Response, url: str) -> None:
    code = response.status_code
    if code in _PASSING or code >= 500:
        raise _Interrupted(f"HTTP {code}")
    if code != httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and not response.is_success:
        raise ConfigError(f"{url}: HTTP {code} {response.reason_phrase}; name another address with --from")


def _range(response: httpx.Response) -> str:
    return str(response.headers.get("content-range", ""))


def _wrong_size(file: BinaryIO, part: Part, url: str, size: int) -> ConfigError:
    Path(file.name).unlink()
    return ConfigError(
        f"{url}: is not {part.name} of the catalogue: {size} bytes instead of {part.size}; "
        "name another address with --from"
    )


def _checked(path: Path, part: Part) -> Path:
    if sha256(path) == part.sha256:
        return path
    raise ConfigError(f"{path}: is there, but with another SHA-256: remove it, then fetch again")


@contextlib.contextmanager
def _claimed(target: Path) -> Iterator[BinaryIO]:
    """``target``.part, open to append and locked. What is in it stays for the next try."""
    path = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield file
    except BlockingIOError as error:
        raise ConfigError(f"{path}: another process is fetching it: wait for that one") from error
    except OSError as error:
        raise ConfigError(
            f"{path}: can't be written ({error.strerror}); name a directory with --to"
        ) from error


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _is_whole(file: BinaryIO, part: Part) -> bool:
    return _size(file) == part.size and sha256(Path(file.name)) == part.sha256
