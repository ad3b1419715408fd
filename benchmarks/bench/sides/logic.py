"""The agent's decisions on one record, without its recovery, snapshots, telemetry, checks of routes and
clocks."""

from reid.contracts.cloudevents import Causation, Headers, headers_of
from reid.contracts.codec import decode_detections, encode
from reid.contracts.topics import DETECTIONS
from reid.domain.policy import Policies
from reid.domain.state import PartitionState
from reid.domain.step import step
from reid.domain.validate import check


class Logic:
    def __init__(self) -> None:
        self._state, self._policies = PartitionState(), Policies()

    def outcome(self, raw: bytes, offset: int) -> list[tuple[bytes, Headers]]:
        """Values and headers of the events."""
        message = decode_detections(raw)
        check(message)
        cause = Causation(DETECTIONS.name, 0, offset)
        events = step(self._state, message, self._policies)
        return [(encode(event), headers_of(event, cause, place)) for place, event in enumerate(events)]
