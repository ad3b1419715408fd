"""The part of the histories that a batch of events touches, and its diff."""

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from projections.changes import Append, Delete, HashDelete, HashSet, Op
from projections.history import Place, sample
from projections.store import CameraRef, PersonRef
from reid.contracts import topics
from reid.contracts.events import PENDING_FORGOTTEN_AFTER, TrackRef, TrackSampled
from reid.contracts.views import HistoryEntry, SampledStep, Step

_encode = msgspec.json.Encoder().encode
Sample = HistoryEntry | SampledStep
#: Samples kept of a track without identity: far more than any policy waits for.
MOST_SAMPLES: Final = 100


class Histories:
    """``keep``: newest entries of each person. ``erase`` off: nobody's history is ever taken away."""

    def __init__(self, keep: int, erase: bool = True) -> None:
        self._keep, self.keeps_all = keep, not erase
        #: As they are written: a step is never changed, and its bytes are a third of it.
        self._added: dict[PersonRef, deque[bytes]] = {}
        self._erased: dict[PersonRef, None] = {}
        self._waiting: dict[CameraRef, dict[str, list[Sample]]] = {}
        self._changed: dict[CameraRef, dict[str, None]] = {}

    def hold(self, waiting: Mapping[CameraRef, Mapping[str, Sequence[HistoryEntry]]]) -> None:
        """Samples of tracks without identity, as the store has them."""
        for camera, tracks in waiting.items():
            self._waiting[camera] = {field: list(found) for field, found in tracks.items()}

    def holds(self, camera: CameraRef) -> bool:
        return camera in self._waiting

    def since(self, site_id: str, track: TrackRef) -> int | None:
        """Time of the first waiting sample of the track (ms since the epoch); None where there is none."""
        found = self._waiting.get(CameraRef(site_id, track.camera_id), {}).get(_field(track))
        return found[0].at if found else None

    def sampled(self, event: TrackSampled, place: Place) -> None:
        """Keeps the sample until its track is somebody; forgets the tracks that the agent forgets now."""
        camera = CameraRef(event.site_id, event.track.camera_id)
        waiting = self._waiting.get(camera)
        if waiting is None:
            waiting = self._waiting[camera] = {}
        since = event.at - PENDING_FORGOTTEN_AFTER
        for field in [field for field, found in waiting.items() if found[-1].at < since]:
            self._drop(camera, field)
        field = _field(event.track)
        found = waiting.setdefault(field, [])
        found.append(sample(event, place))
        del found[:-MOST_SAMPLES]
        self._changed.setdefault(camera, {})[field] = None

    def add(self, ref: PersonRef, entry: Step) -> None:
        """The next step of a person; the samples of a track that now is this person come before it."""
        if entry.kind in ("registered", "bound") and entry.track is not None:
            camera, field = CameraRef(ref.site_id, entry.track.camera_id), _field(entry.track)
            for found in self._waiting.get(camera, {}).get(field, ()):
                self.step(ref, msgspec.structs.replace(found, person_id=ref.person_id))
            self._drop(camera, field)
        self.step(ref, entry)

    def step(self, ref: PersonRef, entry: Step) -> None:
        """The next step of a person, one of no track that was nobody's."""
        entries = self._added.get(ref)
        if entries is None:
            entries = self._added[ref] = deque(maxlen=self._keep)
        entries.append(_encode(entry))

    def erase(self, site_id: str, person_ids: Collection[str]) -> None:
        for person_id in () if self.keeps_all else person_ids:
            ref = PersonRef(site_id, person_id)
            self._added.pop(ref, None)
            self._erased[ref] = None

    def ops(self) -> Iterator[Op]:
        """The diff, in an order that depends on the content alone."""
        for ref in sorted(self._erased):
            yield Delete(topics.history_key(*ref))
        for ref, entries in sorted(self._added.items(), key=lambda item: item[0]):
            yield Append(topics.history_key(*ref), list(entries), self._keep)
        for camera, fields in sorted(self._changed.items()):
            key = topics.samples_key(*camera)
            for field in fields:
                found = self._waiting[camera].get(field)
                yield HashDelete(key, field) if found is None else HashSet(key, field, _encode(found))

    def spilt(self) -> None:
        """The diff is written; the samples that wait are still held."""
        self._added.clear()
        self._erased.clear()
        self._changed.clear()

    def _drop(self, camera: CameraRef, field: str) -> None:
        if self._waiting.get(camera, {}).pop(field, None) is not None:
            self._changed.setdefault(camera, {})[field] = None


def _field(track: TrackRef) -> str:
    return f"{track.session}/{track.tracker_id}"
