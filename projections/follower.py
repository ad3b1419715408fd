"""Follows the log and keeps the views: one reader, one thread, one atomic write for a batch.

1. Positions come from the view store itself, never from a consumer group.
2. A batch is what the reader has at hand: one record when the site is quiet, thousands when behind.
3. `View.project` turns it into operations; what can't be applied goes to the dead letters, first.
4. `ViewStore.commit` writes operations and positions together, or refuses (`StaleView`): the store was
   emptied, rolled back, or another projector was faster. Then, and after any outage, start again at 1:
   nothing is kept in memory between two batches but the positions that the store is expected to hold.
5. A view that an older program filled is followed as it stands, and rebuilt beside (`projections.renewal`)
   at 1; only what stands in this program's form is marked as such, in the commit of 4.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from projections.changes import Change
from projections.dead_letters import DeadLetters
from projections.records import Headers, Record
from projections.renewal import Renewal
from projections.store import OtherForm, ViewStore
from projections.views import Rejected, View, formed
from reid.errors import ConfigError, StaleView, Unavailable

log = logging.getLogger(__name__)

#: Records of one batch at most: bounds memory, and how long the script holds Redis.
BATCH: Final = 2_000
#: Seconds of waiting for a record; also how long a stop request may go unnoticed.
POLL_S: Final = 0.1
#: Seconds between two looks at the stored positions of an idle view: how long a flushed Redis stays empty.
CHECK_S: Final = 1.0
METADATA_S: Final = 5.0
#: Seconds before starting again at the stored positions: a rebuild may hold the views for a moment.
AGAIN_S: Final = 0.02
FIRST_BACKOFF_S: Final = 0.1
LAST_BACKOFF_S: Final = 2.0
_TRANSIENT: Final = {
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TIMED_OUT,
    KafkaError._RESOLVE,
}


class Follower:
    """Runs until ``stop`` is set. Calls ``on_ready`` whenever the reader stands at the stored positions, and
    ``committed`` after each change."""

    def __init__(
        self,
        consumer: Consumer,
        store: ViewStore,
        views: Sequence[View],
        dead_letters: DeadLetters,
        stop: threading.Event,
        on_ready: Callable[[], None] = lambda: None,
        renewal: Renewal | None = None,
        committed: Callable[[Change], None] = lambda _: None,
    ) -> None:
        self._consumer, self._store, self._dead_letters, self._stop = consumer, store, dead_letters, stop
        self._views = {view.topic.name: view for view in views}
        self._positions: dict[str, dict[int, int | None]] = {}
        self._generation = ""
        self._on_ready, self._renewal, self._committed = on_ready, renewal, committed
        #: Views that stand in the store in this program's form.
        self._current: set[str] = set()
        self._checked_at = 0.0
        #: A change is on its way to the store, or was refused by it.
        self._uncommitted = False

    def run(self) -> None:
        """Raises `ConfigError` for what no waiting will mend."""
        backoff, away, told = FIRST_BACKOFF_S, False, ""
        while not self._stop.is_set():
            try:
                self._resume()
                self._on_ready()
                if not away:
                    log.info("following the log")
                while not self._stop.is_set():
                    self.turn()
                    # A Redis that answers, and refuses what is written, as one without memory does, is not
                    # back: it would be told so, and asked again, without pause.
                    if away and not self._uncommitted:
                        log.info("Kafka and Redis are back: following the log")
                        backoff, away = FIRST_BACKOFF_S, False
            except StaleView as stale:
                log.log(
                    logging.DEBUG if str(stale) == told else logging.INFO,
                    "%s: starting again from the stored positions",
                    stale,
                )
                told = str(stale)
                self._uncommitted = False
                self._stop.wait(AGAIN_S)
            except OtherForm as error:
                if self._renewal is None or not self._renewal.running:
                    raise
                log.warning("the older views can't be followed meanwhile: %s", error)
                while self._renewal.running and not self._stop.wait(AGAIN_S):
                    pass
            except Unavailable as error:
                log.log(logging.DEBUG if away else logging.WARNING, "%s; trying again until then", error)
                away = True
                self._stop.wait(backoff)
                backoff = min(2 * backoff, LAST_BACKOFF_S)

    def turn(self) -> None:
        """One batch, or one look at an idle view's positions."""
        records, moved = self._take()
        for topic, positions in moved.items():
            view = self._views[topic]
            # Documents of a store that was rolled back may not be read: should another projector bring it
            # to the very same position until the commit, that would take the change for sound.
            self._expect(view)
            made = view.project([r for r in records if r.topic == topic], self._store)
            if made.rejected:
                # On a store that was rolled back under us, a sound event looks like one of nobody.
                self._check()
                self._bury(view, made.rejected)
            expected = self._positions[topic]
            ops = [*made.ops, formed(view)] if view.name in self._current else made.ops
            change = Change(view.name, expected, positions, ops, made.messages, self._generation)
            self._uncommitted = True
            self._store.commit(change)
            self._uncommitted = False
            self._positions[topic] = {**expected, **positions}
            self._committed(change)
        if not moved and time.monotonic() - self._checked_at > CHECK_S:
            self._check()

    def _take(self) -> tuple[list[Record], dict[str, dict[int, int]]]:
        """Records at hand, and for each topic the positions after them. At the end of a partition its
        position also passes the markers of transactions, which no record shows."""
        first = self._poll()
        messages = [] if first is None else [first, *self._consumer.consume(BATCH - 1, timeout=0)]
        records: list[Record] = []
        moved: dict[str, dict[int, int]] = {}
        for message in messages:
            topic, partition, offset = message.topic(), message.partition(), message.offset()
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                self._judge(error)
                continue
            assert topic is not None and partition is not None and offset is not None
            held = moved.get(topic, {}).get(partition, self._positions[topic].get(partition))
            after = offset if error is not None else offset + 1
            if error is not None and held is not None and after < held:
                # No log gets shorter: it was deleted and made anew. Its records would be passed over, as
                # known, up to the position held.
                raise StaleView(f"{topic}/{partition} ends at {after}, before position {held} of its view")
            if held is not None and after <= held:
                continue
            moved.setdefault(topic, {})[partition] = after
            if error is None:
                headers = cast(Headers, message.headers() or [])
                records.append(
                    Record(
                        topic,
                        partition,
                        offset,
                        message.key(),
                        message.value(),
                        headers,
                        message.timestamp()[1],
                    )
                )
        return records, moved

    def _poll(self) -> Message | None:
        try:
            return self._consumer.poll(POLL_S)
        except KafkaException as error:
            raise Unavailable(f"Kafka refuses to be read: {error}") from error

    def _judge(self, error: KafkaError) -> None:
        """The client itself reconnects, and tells about it through its error callback."""
        if error.code() not in _TRANSIENT:
            raise Unavailable(f"Kafka: {error.str()}")

    def _bury(self, view: View, rejected: Sequence[Rejected]) -> None:
        self._dead_letters.send(rejected)
        for record, error in rejected:
            log.error(
                "view %s leaves out %s/%d/%d: %s",
                view.name,
                record.topic,
                record.partition,
                record.offset,
                error,
            )

    def _check(self) -> None:
        self._checked_at = time.monotonic()
        if self._store.generation() != self._generation:
            raise StaleView("the views were rebuilt")
        for view in self._views.values():
            self._expect(view)

    def _expect(self, view: View) -> None:
        stored = self._store.positions(view.name)
        if any(stored.get(p) != offset for p, offset in self._positions[view.topic.name].items()):
            raise StaleView(f"positions of view {view.name} were changed by somebody else")

    def _resume(self) -> None:
        """Stands the reader at the stored positions of every view."""
        # First: a store swapped between the two answers is refused at the first commit.
        self._generation = self._store.generation()
        assigned: list[TopicPartition] = []
        for topic, view in self._views.items():
            stored = self._store.positions(view.name)
            self._look_at_form(view, stored)
            partitions = self._partitions(topic)
            self._positions[topic] = {p: stored.get(p) for p in partitions}
            for partition, position in self._positions[topic].items():
                self._inside(topic, partition, position, view)
                start = OFFSET_BEGINNING if position is None else position
                assigned.append(TopicPartition(topic, partition, start))
        self._consumer.assign(assigned)
        self._checked_at = time.monotonic()

    def _look_at_form(self, view: View, stored: Mapping[int, int]) -> None:
        """A view in an older form is rebuilt beside; one in a newer form is not ours to change."""
        form = self._store.form(view.name)
        if stored and form > view.form:
            raise ConfigError(
                f"view {view.name} stands in Redis in form {form}, and this program knows none after "
                f"{view.form}: a newer version filled it. Start that version again, or have this one fill "
                "the views anew with `saferoom rebuild` while no newer projector runs"
            )
        if not stored or form == view.form:
            self._current.add(view.name)
            return
        self._current.discard(view.name)
        if self._renewal is not None:
            self._renewal.begin(f"view {view.name} stands in Redis in form {form}, not {view.form}")

    def _partitions(self, topic: str) -> list[int]:
        try:
            known = self._consumer.list_topics(timeout=METADATA_S).topics
        except KafkaException as error:
            raise Unavailable(
                f"Kafka is away ({error.args[0].str()}): start it with `saferoom up`, "
                "or check KAFKA_BOOTSTRAP_SERVERS"
            ) from error
        if topic not in known:
            raise Unavailable(f"topic {topic} does not exist: make it with `saferoom topics create`")
        return sorted(known[topic].partitions)

    def _inside(self, topic: str, partition: int, position: int | None, view: View) -> None:
        """A position outside the log means that the log lost records: say so, never guess."""
        try:
            low, high = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), METADATA_S)
        except KafkaException as error:
            raise Unavailable(f"Kafka is away ({error.args[0].str()})") from error
        if (position or 0) > high:
            raise ConfigError(
                f"view {view.name} stands at {topic}/{partition}/{position}, but that log ends at {high}: "
                "this Redis belongs to another log. Point REDIS_URL at an empty database, or empty this one "
                "(FLUSHDB): the views are filled again from the log"
            )
        if (position or 0) < low:
            log.error(
                "%s/%d begins at %d: its records from %d on are gone, view %s will lack them",
                topic, partition, low, position or 0, view.name,
            )  # fmt: skip
