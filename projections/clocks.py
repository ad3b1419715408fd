"""How late each camera's events come, for the answer to whether its clock is right."""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from projections.changes import HashSet, Op
from projections.store import ViewStore, held
from reid.contracts.events import PersonSeen
from reid.contracts.topics import clocks_key
from reid.journeys.arrivals import HOUR, Arrival

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Arrival).decode


class Clocks:
    """Of many sites. What is loaded once is held until the fold ends. ``fresh``: nothing is there to load."""

    def __init__(self, store: ViewStore, fresh: bool = False) -> None:
        self._store = store
        self._sites: dict[str, dict[str, Arrival]] = held(fresh, dict)
        self._changed: set[tuple[str, str]] = set()

    def require(self, sites: Iterable[str]) -> None:
        """Loads what is known of these sites, in one round trip; none for what is held."""
        missing = sorted(set(sites) - self._sites.keys())
        if not missing:
            return
        found = self._store.hashes([clocks_key(site) for site in missing])
        for site in missing:
            self._sites[site] = {name: _decode(raw) for name, raw in found[clocks_key(site)].items()}

    def saw(self, event: PersonSeen, written: int) -> None:
        """``written``: time of the event's record; 0: not known."""
        if written <= 0:
            return
        cameras, camera_id = self._sites[event.site_id], event.track.camera_id
        known = cameras.get(camera_id)
        if known is None:
            cameras[camera_id] = Arrival(written // HOUR, written - event.at)
        elif not known.note(event.at, written):
            return
        self._changed.add((event.site_id, camera_id))

    def of(self, site_id: str, camera_id: str) -> Arrival | None:
        """What is known of the camera; the very same object as long as the fold goes on."""
        return self._sites[site_id].get(camera_id)

    def ops(self) -> Iterator[Op]:
        """In an order that depends on the content alone."""
        for site, camera_id in sorted(self._changed):
            yield HashSet(clocks_key(site), camera_id, _encode(self._sites[site][camera_id]))
