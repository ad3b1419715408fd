"""The lanes of the partitions that are assigned to this worker."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

from reid.contracts.commands import Tick
from streams.feed import Feed
from streams.lane import Lane
from streams.partition import PartitionWriter
from streams.ports import Input
from streams.silence import Silence

#: Two workers of one name take all partitions from each other every few seconds, and Kafka tells neither.
RESTLESS: Final = 5
RESTLESS_S: Final = 60.0

logger = logging.getLogger(__name__)


class Lanes:
    """``open_writer(partition)`` makes an unrecovered writer, ``open_feed(partition)`` what brings its
    detections. ``on_ready(partitions)`` is called each time that all assigned partitions are live, from a
    lane's thread or the caller of `assign`; ``on_broken(error)`` when a lane ended by an error that no retry
    mends. ``send``: puts a tick into the log, or loses it; from any lane's thread.
    """

    def __init__(
        self,
        open_writer: Callable[[int], PartitionWriter[Any]],
        open_feed: Callable[[int], Feed],
        on_ready: Callable[[list[int]], None],
        on_broken: Callable[[BaseException], None],
        send: Callable[[Tick], None] | None = None,
    ) -> None:
        self._open_writer = open_writer
        self._open_feed = open_feed
        self._on_ready = on_ready
        self._on_broken = on_broken
        self._send = send
        self._lock = threading.Lock()
        self._lanes: dict[int, Lane] = {}
        self._live: set[int] = set()
        self._assigned_at: deque[float] = deque(maxlen=RESTLESS)
        self._quiet_until = 0.0
        self.assigned_once = False

    def assign(self, partitions: Iterable[int]) -> None:
        """Starts a lane for each of these partitions that has none."""
        found = set(partitions)
        with self._lock:
            started = [self._new(partition) for partition in sorted(found - self._lanes.keys())]
            self.assigned_once = True
            self._look_for_a_namesake()
        for lane in started:
            lane.start()
        if not found:
            self._on_ready([])

    def revoke(self, timeout_s: float) -> None:
        """Stops all lanes and drops their state, within ``timeout_s`` seconds."""
        with self._lock:
            lanes, self._lanes = self._lanes, {}
            self._live.clear()
        stoppers = [threading.Thread(target=lane.stop, args=(timeout_s,)) for lane in lanes.values()]
        for stopper in stoppers:
            stopper.start()
        for stopper in stoppers:
            stopper.join()

    def offer(self, record: Input) -> None:
        """To the lane of its partition. Without one the record is left: recovery reads it from Kafka."""
        lane = self._lanes.get(record.partition)
        if lane is not None:
            lane.offer(record)

    @property
    def partitions(self) -> list[int]:
        """Assigned partitions."""
        with self._lock:
            return sorted(self._lanes)

    @property
    def progress(self) -> dict[int, int]:
        """For each assigned partition a number that grows while its lane gets on."""
        with self._lock:
            return {partition: lane.progress for partition, lane in self._lanes.items()}

    def _look_for_a_namesake(self) -> None:
        now = time.monotonic()
        self._assigned_at.append(now)
        restless = len(self._assigned_at) == RESTLESS and now - self._assigned_at[0] < RESTLESS_S
        if restless and now >= self._quiet_until:
            self._quiet_until = now + RESTLESS_S
            logger.warning(
                "partitions were assigned %d times within %.0f s: is there another worker of this name? "
                "Two keep each other from work: give each a SAFEROOM_WORKER_ID of its own",
                RESTLESS,
                RESTLESS_S,
            )

    def _new(self, partition: int) -> Lane:
        writer, feed = self._open_writer(partition), self._open_feed(partition)
        silence = Silence(self._send) if self._send is not None else None
        lane = Lane(partition, writer, self._lane_live, self._lane_broken, feed, silence)
        self._lanes[partition] = lane
        return lane

    def _lane_live(self, partition: int) -> None:
        with self._lock:
            if partition not in self._lanes:
                return
            self._live.add(partition)
            ready = sorted(self._live) if self._live == self._lanes.keys() else None
        if ready is not None:
            self._on_ready(ready)

    def _lane_broken(self, partition: int, error: BaseException) -> None:
        logger.error("partition %d: %s: %s", partition, type(error).__name__, error)
        self._on_broken(error)
