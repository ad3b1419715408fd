"""Crops in a directory: ``{site}/{first two digits}/{sha256}.jpg``."""

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, unquote

from reid.errors import Unavailable
from reid.runtime.crops.base import SHA256, Stored, genuine, name_of

log = logging.getLogger(__name__)


class DirectoryCrops:
    """`CropStore` on this machine, or on a file system that several share. Only its owner may read it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, site_id: str, jpeg: bytes) -> str:
        sha256 = name_of(jpeg)
        path = self._path(site_id, sha256)
        try:
            with suppress(FileNotFoundError):
                # Taken again: it counts as new, so that nobody deletes it as left over.
                os.utime(path)
                return sha256
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(path, jpeg)
        except OSError as error:
            raise Unavailable(
                f"cannot keep a crop in {self._root} ({error.strerror}): make room or give it to this user, "
                "or name another place with SAFEROOM_CROPS_STORE"
            ) from error
        return sha256

    def get(self, site_id: str, sha256: str) -> bytes | None:
        path = self._path(site_id, sha256)
        try:
            jpeg = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(f"cannot read crops in {self._root} ({error.strerror})") from error
        if not genuine(sha256, jpeg):
            log.warning("%s is damaged: its bytes are not what its name says", path)
            return None
        return jpeg

    def delete(self, site_id: str, sha256: str) -> None:
        try:
            self._path(site_id, sha256).unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(
                f"cannot delete a crop in {self._root} ({error.strerror}): run as the user who owns it"
            ) from error

    def sites(self) -> list[str]:
        try:
            return sorted(unquote(entry.name) for entry in os.scandir(self._root) if entry.is_dir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Unavailable(f"cannot read crops in {self._root} ({error.strerror})") from error

    def each(self, site_id: str) -> Iterator[Stored]:
        for folder in self._folders(site_id):
            for entry in os.scandir(folder):
                sha256, dot, kind = entry.name.partition(".")
                try:
                    found = entry.stat()
                except FileNotFoundError:
                    continue  # deleted meanwhile
                if dot and kind == "jpg" and SHA256.match(sha256):
                    yield Stored(sha256, found.st_size, found.st_mtime)

    def _folders(self, site_id: str) -> list[str]:
        try:
            entries = os.scandir(self._root / _folder(site_id))
        except FileNotFoundError:
            return []
        return sorted(entry.path for entry in entries if entry.is_dir())

    def _path(self, site_id: str, sha256: str) -> Path:
        if not SHA256.match(sha256):
            raise ValueError(f"{sha256!r} is no SHA-256")
        return self._root / _folder(site_id) / sha256[:2] / f"{sha256}.jpg"


def _folder(site_id: str) -> str:
    """No site id may lead out of the store: ``.`` is escaped too."""
    return quote(site_id, safe="").replace(".", "%2E")


def _write(path: Path, jpeg: bytes) -> None:
    """A reader, and a crash, meets the whole file or none."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(jpeg)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
