"""Messages decided in memory in one of the two forms; logs and letters between them are the product's."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from reid.contracts.codec import encode
from reid.contracts.detections import Detections
from reid.contracts.events import AnyEvent
from reid.contracts.topics import DEFAULT_SITE
from reid.contracts.zones import zone_site
from reid.domain.policy import Policies
from reid.domain.state import PartitionState
from reid.domain.step import Message, step
from reid.domain.validate import check
from streams.zones.letters import Posted, letters

ZoneOf = Callable[[str], str]
"""Camera -> zone."""


@dataclass
class Decided:
    """``events``: the site's; ``seconds``: of deciding, by the agent (the site, or a zone)."""

    events: list[AnyEvent] = field(default_factory=list)
    seconds: Counter[str] = field(default_factory=Counter)


def one_level(messages: Iterable[Detections]) -> Decided:
    made, state, policies = Decided(), PartitionState(), Policies()
    for message in messages:
        begun = time.perf_counter()
        check(message)
        made.events += step(state, message, policies)
        made.seconds["site"] += time.perf_counter() - begun  # type: ignore[assignment]
    return made


def two_levels(messages: Iterable[Detections], zone_of: ZoneOf, lag: int = 1) -> Decided:
    """``lag``: a zone's letters are delivered with so many of its messages together."""
    site = _Site(zone_of, lag)
    for message in messages:
        for zone, part in _shared_out(message, zone_of):
            site.zone(zone, part)
    site.deliver(1)
    return site.made


def _shared_out(message: Detections, zone_of: ZoneOf) -> Iterator[tuple[str, Detections]]:
    zones = dict.fromkeys(zone_of(frame.camera_id) for frame in message.frames)
    for zone in zones:
        frames = tuple(frame for frame in message.frames if zone_of(frame.camera_id) == zone)
        yield zone, msgspec.structs.replace(message, site_id=zone_site(message.site_id, zone), frames=frames)


class _Site:
    def __init__(self, zone_of: ZoneOf, lag: int) -> None:
        self.made, self._lag = Decided(), lag
        self._states: dict[str, PartitionState] = {}
        self._policies = Policies()
        self._posted: list[Posted] = []
        self._offset = self._waiting = 0

    def zone(self, zone: str, message: Detections) -> None:
        self._decide(zone, message)
        self._waiting += 1
        self.deliver(self._lag)

    def deliver(self, lag: int) -> None:
        """Until nobody has anything to say: a site may answer."""
        if self._waiting < lag and lag > 1:
            return
        self._waiting = 0
        while self._posted:
            posted, self._posted = self._posted, []
            for letter in letters(posted):
                _, _, zone = letter.site_id.partition("/")
                self._decide(zone or "site", letter.message)

    def _decide(self, agent: str, message: Message) -> None:
        begun = time.perf_counter()
        check(message)
        events = step(self._states.setdefault(agent, PartitionState()), message, self._policies)
        self.made.seconds[agent] += time.perf_counter() - begun  # type: ignore[assignment]
        for event in events:
            self._posted.append(Posted(self._offset, f"e{self._offset}", encode(event), event))
            self._offset += 1
        if agent == "site":
            self.made.events += [event for event in events if event.site_id == DEFAULT_SITE]
