"""A site over two zones, in memory: `when` as in `Story`, each frame decided in its camera's zone first."""

from itertools import count

import msgspec

from reid.contracts.codec import encode
from reid.contracts.commands import AnyCommand
from reid.contracts.detections import Frame
from reid.contracts.events import AnyEvent, ZoneDirected
from reid.contracts.zones import TOLD, ZoneReport, zone_site
from reid.domain.evolve import evolve
from reid.domain.policy import Policies, Policy
from reid.domain.snapshot import digest, dump, load
from reid.domain.state import PartitionState, SiteState
from reid.domain.step import Message, step
from reid.domain.validate import check
from streams.zones.letters import Posted, letters
from tests.unit.domain.story import message

HALL = "hall"
ZONES = {"room1": "west", "room2": "west", "room3": "east", "room4": "east"}


class TwoLevels:
    """One partition holds all three sites; what is posted is delivered at once, unless ``held``."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.policies = Policies(policy or Policy())
        self.state = PartitionState()
        self.log: list[AnyEvent] = []
        self.held: list[Message] | None = None
        self._ids = count()

    def when(self, *items: Frame | list[Frame] | AnyCommand) -> "TwoLevels":
        for item in items:
            if isinstance(item, Frame | list):
                for frame in [item] if isinstance(item, Frame) else item:
                    self.decide(message(frame, site=zone_site(HALL, ZONES[frame.camera_id])))
            else:
                self.decide(item)
        return self

    def decide(self, one: Message) -> list[AnyEvent]:
        check(one)
        made = step(self.state, one, self.policies)
        first = len(self.log)
        self.log += made
        posted = [
            Posted(first + n, f"id-{next(self._ids)}", encode(event), event) for n, event in enumerate(made)
        ]
        for letter in letters(posted):
            if self.held is not None:
                self.held.append(letter.message)
            else:
                self.decide(letter.message)
        return made

    def deliver(self) -> None:
        held, self.held = self.held or [], None
        for one in held:
            self.decide(one)

    def site(self, site_id: str = HALL) -> SiteState:
        return self.state.site(site_id)

    def of(self, site_id: str = HALL) -> list[AnyEvent]:
        return [event for event in self.log if event.site_id == site_id]

    def all(self, kind: type, site_id: str = HALL) -> list:  # type: ignore[type-arg]
        return [event for event in self.of(site_id) if isinstance(event, kind)]

    def labels(self, site_id: str = HALL) -> dict[str, str]:
        site = self.site(site_id)
        return {
            f"{track.camera_id}/{track.tracker_id}": site.persons[bound.person_id].label
            for camera in site.cameras.values()
            for track, bound in camera.bound.items()
        }

    def directed(self) -> list[tuple[str, str]]:
        return [(event.zone, event.action) for event in self.all(ZoneDirected)]

    def proven(self) -> "TwoLevels":
        """The fold of the log is the state, and a snapshot holds all of it."""
        folded = PartitionState()
        for event in self.log:
            evolve(folded, event)
        assert digest(folded) == digest(self.state) == digest(load(dump(self.state)))
        return self


def report(events: list[AnyEvent], zone: str = "west", first: int = 0) -> ZoneReport:
    told = [event for event in events if isinstance(event, TOLD)]
    offsets = tuple(range(first, first + len(told)))
    return ZoneReport(
        site_id=HALL,
        zone=zone,
        issued_at=told[-1].at,
        offsets=offsets,
        events=tuple(msgspec.Raw(encode(e)) for e in told),
    )
