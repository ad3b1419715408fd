"""Which persons a search is about: time, cameras, and what they wear or carry."""

from dataclasses import dataclass

from api.attributes import Looks


@dataclass(frozen=True, slots=True)
class Wanted:
    """``since``, ``until``: ms since the epoch; somebody first seen before ``until`` and last seen from
    ``since`` on passes here (`api.search.sightings` looks closer). ``cameras``: ever seen by any of them.
    ``persons``: these alone; None: whoever."""

    since: int | None = None
    until: int | None = None
    cameras: tuple[str, ...] = ()
    attributes: Looks = ()
    persons: frozenset[str] | None = None
