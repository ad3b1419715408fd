"""Which stored crops are somebody's, and who lives: what `projections.keeper` goes by."""

from collections.abc import Collection, Mapping
from typing import NamedTuple


class SiteCrops(NamedTuple):
    """``holders``: SHA-256 of a crop -> ids of the persons of whom it is named; ``persons``: all who live."""

    holders: dict[str, frozenset[str]]
    persons: frozenset[str]


class Claims(NamedTuple):
    """The crops of each site, as of these positions of the persons view, and the form in which it stands."""

    positions: dict[int, int]
    form: int
    sites: dict[str, SiteCrops]

    def holders(self, site: str) -> dict[str, frozenset[str]]:
        """Empty for a site of which nothing was asked."""
        return self.sites[site].holders if site in self.sites else {}


def site_crops(holders: Mapping[bytes | str, bytes], persons: Collection[bytes | str]) -> SiteCrops:
    """From what a store holds: names as bytes or as text."""
    crops = {_text(sha256): frozenset(ids.decode().split()) for sha256, ids in holders.items()}
    return SiteCrops(crops, frozenset(map(_text, persons)))


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name
