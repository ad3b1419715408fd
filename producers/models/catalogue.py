"""The models that SafeRoom knows (`catalogue.json`): names, files, SHA-256, licence, terms, source.

A model belongs to an entry by the SHA-256 of *all* its files, never by its name: knots measured with some
weights mean nothing for others.
"""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from producers.models.files import digests
from producers.sidecar import Stated

FILE: Final = "catalogue.json"
Kind = Literal["encoder", "detector"]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of a model; ``size`` in bytes. ``url``: None where no address is certain."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[\w.-]+$")]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    size: Annotated[int, msgspec.Meta(ge=1)]
    url: str | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``files``: the one to open first; none for a built-in. ``declares``: what its sidecar would say.
    ``measured_by``, ``measured_on``: where its knots come from. ``needs``: a package of the extras."""

    name: str
    kind: Kind
    licence: str
    terms: str
    source: str
    dim: int | None = None
    files: tuple[Part, ...] = ()
    built_in: bool = False
    needs: str | None = None
    declares: Stated = {}
    measured_by: str | None = None
    measured_on: str | None = None

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(part.size for part in self.files)


class _Catalogue(msgspec.Struct, frozen=True):
    models: tuple[Entry, ...]


@cache
def entries() -> tuple[Entry, ...]:
    """In order of the file."""
    raw = (files("producers.models") / FILE).read_bytes()
    return msgspec.json.decode(raw, type=_Catalogue).models


def entry_named(name: str) -> Entry | None:
    return next((entry for entry in entries() if entry.name == name), None)


def entry_of(model: Path) -> Entry | None:
    """The entry whose files these are, whatever they are called. Raises `ConfigError` as `digests`."""
    found = set(digests(model))
    return next((e for e in entries() if e.files and {part.sha256 for part in e.files} == found), None)
