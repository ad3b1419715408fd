"""What every crop store does."""

import hashlib
import re
from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

from reid.errors import Unavailable

SHA256: Final = re.compile(r"^[0-9a-f]{64}$")
#: A person's crop is some tens of KiB: what is far larger is none.
MAX_BYTES: Final = 4 * 1024 * 1024


class Stored(NamedTuple):
    """``at``: seconds since the epoch when it was written."""

    sha256: str
    size: int
    at: float


class CropStore(Protocol):
    """Thread-safe. Sites never see each other's crops. Raises `Unavailable` when the store can't be used."""

    def put(self, site_id: str, jpeg: bytes) -> str:
        """Keeps the picture, which then is whole or not there; returns its name."""
        ...

    def get(self, site_id: str, sha256: str) -> bytes | None:
        """None for one that is not there, or is not what its name says."""
        ...

    def delete(self, site_id: str, sha256: str) -> None:
        """One that is not there is no error."""
        ...

    def sites(self) -> list[str]:
        """Sites that have crops."""
        ...

    def each(self, site_id: str) -> Iterator[Stored]:
        """Every crop of a site, in no order."""
        ...


class NoCrops:
    """A store that holds nothing, for whoever may not show what is in the real one."""

    def put(self, site_id: str, jpeg: bytes) -> str:
        raise Unavailable("no pictures are kept here")

    def get(self, site_id: str, sha256: str) -> bytes | None:
        return None

    def delete(self, site_id: str, sha256: str) -> None:
        return None

    def sites(self) -> list[str]:
        return []

    def each(self, site_id: str) -> Iterator[Stored]:
        return iter(())


def name_of(jpeg: bytes) -> str:
    return hashlib.sha256(jpeg).hexdigest()


def genuine(sha256: str, jpeg: bytes) -> bool:
    """Whether these bytes are what the name says: a damaged file is not shown as somebody's picture."""
    return name_of(jpeg) == sha256
