"""The log of a site up to a moment: its state then, what calibrated it on the way, and when events came."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from deploy import log
from deploy.calibration.model import Step
from reid.contracts.codec import decode_event, decode_status
from reid.contracts.detections import Model
from reid.contracts.embedding import SCALE, fixed_from_bytes
from reid.contracts.events import AnyEvent, CameraCalibrated, PersonSeen, SiteCalibrated
from reid.contracts.partitioning import partition_of
from reid.contracts.topics import CAMERAS, EVENTS
from reid.domain.evolve import evolve
from reid.domain.state import PartitionState, SiteState
from reid.domain.ways import came
from reid.errors import ConfigError
from reid.journeys.arrivals import HOUR, Arrival

#: Absences of a pair of cameras looked at for the clocks: the latest.
_ABSENCES: Final = 500
#: Longer than this is no walk from camera to camera, ms.
_WALK: Final = 600_000


@dataclass
class Gathered:
    """``absences``: (from, to) -> ms between a person's last sighting on the one and the first on the other;
    ``models``: encoders of the cameras, by ``name@version``."""

    site_id: str
    state: PartitionState = field(default_factory=PartitionState)
    events: int = 0
    latest: int = 0
    steps: list[Step] = field(default_factory=list)
    arrivals: dict[str, Arrival] = field(default_factory=dict)
    absences: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)

    @property
    def site(self) -> SiteState:
        return self.state.site(self.site_id)

    def take(self, event: AnyEvent, written: int) -> None:
        """The next event of the partition; ``written``: time of its record."""
        if event.site_id == self.site_id:
            self.events += 1
            self.latest = max(self.latest, event.at)
            if isinstance(event, PersonSeen):
                self._seen(event, written)
            elif isinstance(event, CameraCalibrated):
                self.steps.append(
                    Step(
                        event.at, "camera_mean", event.model, event.camera_id, norm(event.mean), event.tracks
                    )
                )
            elif isinstance(event, SiteCalibrated):
                self.steps.append(
                    Step(event.at, "answer", event.model, None, event.correction, event.answers, event.before)
                )
        evolve(self.state, event)

    def _seen(self, event: PersonSeen, written: int) -> None:
        camera = event.track.camera_id
        known = self.arrivals.get(camera)
        if known is None:
            self.arrivals[camera] = Arrival(written // HOUR, written - event.at)
        else:
            known.note(event.at, written)
        person = self.site.persons.get(event.person_id)
        if event.reason != "bound" or person is None or not person.tracks or person.last_camera == camera:
            return
        before = came(person, event.at)
        # Who was elsewhere since then did not come from there: the camera is late.
        if before is not None and before.camera_id == person.last_camera and abs(before.absence) <= _WALK:
            of_pair = self.absences.setdefault((person.last_camera, camera), [])
            of_pair.append(before.absence)
            del of_pair[:-_ABSENCES]


def gather(bootstrap: str, site_id: str, until: int | None) -> Gathered:
    """Events up to ``until`` (ms since the epoch; None: all), up to the first that is later, as `replay`.

    Raises `Unavailable`, and `ConfigError` for a site that no event names.
    """
    found = Gathered(site_id)
    for event, written in _events(bootstrap, site_id):
        if until is not None and event.at > until:
            break
        found.take(event, written)
    if not found.events:
        if until is None:
            raise ConfigError(f"no event of site {site_id}: name one with --site")
        raise ConfigError(
            f"no event of site {site_id} until then: name a later time with --at, or a site with --site"
        )
    for message in log.read_all(bootstrap, CAMERAS.name):
        if message.value() is None:
            continue
        status = decode_status(message.value() or b"")
        if status.site_id == site_id and status.model is not None:
            found.models[status.model.key] = status.model
    return found


def _events(bootstrap: str, site_id: str) -> Iterator[tuple[AnyEvent, int]]:
    """Of the site's partition, with the times of their records."""
    consumer = log.log_reader(bootstrap)
    try:
        spans = log.spans(consumer, EVENTS.name)
    finally:
        consumer.close()
    mine = partition_of(site_id.encode(), len(spans))
    for message in log.read(bootstrap, EVENTS.name, {mine: spans[mine][0]}):
        yield decode_event(message.value() or b""), message.timestamp()[1]


def norm(mean: bytes) -> float:
    """Length of a mean in fixed point, 1 that of a unit vector."""
    whole = fixed_from_bytes(mean).astype(float)
    return round(float((whole @ whole) ** 0.5) / SCALE, 4)
