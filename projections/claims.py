"""Which stored crops are somebody's, and who lives: what `projections.keeper` goes by."""

from typing import NamedTuple


class SiteCrops(NamedTuple):
    """``holders``: SHA-256 of a crop -> ids of the persons of whom it is named, a space between two, as the
    view has them: asked for every two seconds, they are read when one is missing. ``persons``: all who
    live."""

    holders: dict[str, bytes]
    persons: frozenset[str]

    def of_the_living(self, holders: bytes) -> bool:
        return not self.persons.isdisjoint(holders.decode().split())


class Claims(NamedTuple):
    """The crops of each site, as of these positions of the persons view, and the form in which it stands."""

    positions: dict[int, int]
    form: int
    sites: dict[str, SiteCrops]

    def of(self, site: str) -> SiteCrops:
        """Empty for a site of which nothing was asked."""
        return self.sites.get(site) or SiteCrops({}, frozenset())
