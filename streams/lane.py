"""A partition's thread: it recovers, decides what arrives, and recovers again when something fails.

Blocking Kafka calls stay off the event loop, and a partition's order is that of its one thread. What
arrives while it is busy is the next batch, so batches grow with the load and an idle partition waits for
nothing.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from reid.contracts.topics import DETECTIONS, INPUT_TOPICS
from reid.errors import FencedOut, Unavailable
from streams.feed import Feed
from streams.partition import MAX_INPUTS, DirtyState, PartitionWriter
from streams.ports import Input
from streams.silence import Silence

#: So many inputs wait before the feed does: the next batches. Memory stays bounded.
ENOUGH: Final = 2 * MAX_INPUTS
_BACKOFF_S: Final = (0.2, 0.5, 1.0, 2.0)
_IDLE_S: Final = 0.5

logger = logging.getLogger(__name__)


class Lane:
    """``on_live`` is called from the lane's thread after each recovery; ``on_broken`` when it has ended by
    an error that no retry mends. ``feed``: brings detections; what is offered is taken besides.
    ``silence``: asks for the end of who is in view where nothing comes any more."""

    def __init__(
        self,
        partition: int,
        writer: PartitionWriter[Any],
        on_live: Callable[[int], None],
        on_broken: Callable[[int, BaseException], None],
        feed: Feed | None = None,
        silence: Silence | None = None,
    ) -> None:
        self.partition = partition
        self._writer = writer
        self._on_live = on_live
        self._on_broken = on_broken
        self._feed = feed
        self._silence = silence
        self._arrived = threading.Condition()
        writer.ended = self._wake
        self._waiting: deque[Input] = deque()
        self._known = dict.fromkeys((topic.name for topic in INPUT_TOPICS), 0)
        self._stopping = False
        self._recovered = False
        self.fenced = False
        self._thread = threading.Thread(target=self._run, name=f"lane-{partition}", daemon=True)

    @property
    def progress(self) -> int:
        """Grows while the lane gets on."""
        return self._writer.progress

    def start(self) -> None:
        self._thread.start()

    def offer(self, record: Input) -> None:
        """Hands over an input, one of few. Never blocks; any thread."""
        with self._arrived:
            self._keep([record])

    def take_in(self, records: Sequence[Input]) -> bool:
        """Hands over what the feed brings, and waits while there is enough to do. Whether to bring more."""
        with self._arrived:
            self._keep(records)
            self._arrived.wait_for(lambda: self._stopping or len(self._waiting) < ENOUGH)
            return not self._stopping

    def _keep(self, records: Sequence[Input]) -> None:
        """Of one topic, in their order."""
        if records:
            latest = records[-1]
            self._known[latest.topic] = max(self._known[latest.topic], latest.offset + 1)
            self._waiting += records
            self._arrived.notify_all()

    def stop(self, timeout_s: float) -> bool:
        """Ends after the transaction at hand. Returns whether it ended within ``timeout_s`` seconds;
        a lane that did not is fenced by the next writer of its partition."""
        self._end()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def turn(self, wait_s: float) -> None:
        """One step: recovery when it is due, else the next batch, waited for up to ``wait_s`` seconds.

        Crash only: whatever it raises, the next turn drops the state and folds the log again.
        """
        if not self._recovered:
            spans = self._writer.recover()
            self._writer.heal({topic: span.high for topic, span in spans.items()})
            self._recovered = True
            if self._silence is not None:
                self._silence.begin()
            self._begin_feed()
            self._on_live(self.partition)
            return
        batch, known = self._take(wait_s)
        if self._stopping:
            return
        self._recovered = False
        if batch:
            self._writer.decide(batch)
        elif self._writer.committing:
            self._writer.advance()
        else:
            self._writer.heal(known)
        self._recovered = True
        if self._silence is not None:
            self._silence.hear(batch)
            self._silence.look(self._writer.state)

    def _begin_feed(self) -> None:
        """Once. After another recovery it is behind the log or ahead of it; its offsets tell, and what is
        left out is read from the log."""
        feed, self._feed = self._feed, None
        if feed is not None:
            feed.start(self._writer.positions[DETECTIONS.name], self.take_in)

    def _end(self) -> None:
        """Nothing more is decided, and the feed brings nothing more."""
        with self._arrived:
            self._stopping = True
            self._arrived.notify_all()

    def _run(self) -> None:
        try:
            self._live()
            self._finish()
        except FencedOut as error:
            self.fenced = True
            logger.warning("%s: waiting for a new assignment", error)
        except BaseException as error:
            self._on_broken(self.partition, error)
            raise
        finally:
            # However it ended: nobody takes what the feed brings.
            self._end()
            self._writer.close()

    def _live(self) -> None:
        failures = 0
        while not self._stopping:
            before = self._writer.progress
            try:
                self.turn(_IDLE_S)
                failures = 0
            except DirtyState as error:
                logger.exception("the decider failed on %s: the state is folded anew", error)
            except Unavailable as error:
                failures = failures + 1 if self._writer.progress == before else 1
                logger.log(logging.WARNING if failures == 1 else logging.DEBUG, "%s: trying again", error)
                with self._arrived:
                    self._arrived.wait_for(
                        lambda: self._stopping, _BACKOFF_S[min(failures, len(_BACKOFF_S)) - 1]
                    )

    def _finish(self) -> None:
        try:
            self._writer.finish()
        except Unavailable as error:
            logger.warning("%s: what it held is decided by the next writer", error)

    def _wake(self) -> None:
        with self._arrived:
            self._arrived.notify_all()

    def _take(self, wait_s: float) -> tuple[list[Input], dict[str, int]]:
        """The next batch, at once when there is one; else, after a while or when a transaction has ended,
        where the inputs end."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._waiting or self._stopping or self._writer.committed, wait_s)
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_INPUTS))]
            if batch:
                self._arrived.notify_all()
            return batch, dict(self._known)
