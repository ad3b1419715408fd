"""Any moment of one site's log, quickly: the nearest earlier mark, and the events from there on.

A follower folds the log as it grows and leaves a mark, a copy of the views, every so many events. As the
log grows the marks are thinned out: never more than `MARKS`, evenly spaced, so that memory is bounded and
a moment costs the folding of at most ``2 * events / MARKS`` events. On its way to a moment a fold leaves
stops, marks for whoever comes that way again: where a slider is moved, a step costs a part of that.

Memory: one copy of the views, of each mark and stop what changed since the one before (documents are
shared), and the `Segments` read last.
"""

import gc
import logging
import threading
from collections import OrderedDict, deque
from typing import Final

from api.readiness import Ends
from deploy import log as readers
from deploy.activity import Activity, Reports, Span
from deploy.past import Past, Place, topics_of, views_of
from deploy.segments import Segments
from projections.reading import Batch, batches, partitions
from projections.records import Record
from reid.contracts.partitioning import partition_of
from reid.contracts.topics import ALERTS, CAMERAS, EVENTS
from reid.errors import ConfigError, Unavailable
from reid.runtime.settings import Settings

log = logging.getLogger(__name__)

MARKS: Final = 96
#: Events between two marks of a young log, and of one batch of the follower.
SPACING: Final = 1_000
#: Moments that were asked for last, as they were answered: a page asks several times about one.
KEPT: Final = 8
#: Stops between two marks, and those kept of all, the latest.
STOPS: Final = 4
STOPS_KEPT: Final = 24
#: Newest records about alerts, which are few: folded anew for each moment.
ALERTS_HELD: Final = 10_000
#: Seconds between two looks for more of the log.
LOOK_S: Final = 1.0
#: Seconds that who asks for the span waits for the first reading of the log.
PATIENCE_S: Final = 5.0
_FOREVER: Final = 2**62


class Timeline:
    """`follow` runs in a thread of its own; `at` and `span` may be called from any."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._key = settings, settings.site_id.encode()
        self._views = topics_of(views_of(settings))
        self._head = Past(_FOREVER)
        self._marks: list[Past] = []
        self._spacing = SPACING
        self._activity, self._reports = Activity(), Reports()
        self._alerts: deque[Record] = deque(maxlen=ALERTS_HELD)
        self._kept: OrderedDict[tuple[int, bool], Past] = OrderedDict()
        self._stops: OrderedDict[tuple[int, bool], Past] = OrderedDict()
        self._read: dict[Place, int] = {}
        self._read_once = threading.Event()
        # Held for one batch; for the whole of one advance; for the whole of one answer.
        self._head_lock, self._advancing, self._answering = (threading.Lock() for _ in range(3))
        self._follower = readers.log_reader(settings.kafka())
        self._asker = readers.log_reader(settings.kafka())
        self._segments = Segments(self._asker)

    def follow(self, stop: threading.Event) -> None:
        """Until ``stop``; Kafka may be away meanwhile. The timeline answers nothing afterwards."""
        told = False
        while not stop.is_set():
            try:
                self.advance()
                told = False
            except (Unavailable, ConfigError) as error:
                # Once this runs, also a Kafka that lets nobody in any more is waited for.
                if not told:
                    log.warning("the log is not followed until Kafka is back: %s", error)
                told = True
            stop.wait(LOOK_S)
        self.close()

    def close(self) -> None:
        with self._advancing, self._answering:
            self._follower.close()
            self._asker.close()

    def span(self, patience_s: float = PATIENCE_S) -> Span:
        """Raises `Unavailable` while the log is read for the first time: its beginning is not all of it."""
        read = self._read_once.wait(patience_s)
        with self._head_lock:
            found = self._activity.span()
        if not read:
            raise Unavailable(
                f"the log is being read ({found.events} events so far): ask again in some seconds"
            )
        return found

    def advance(self) -> None:
        """Folds what the log has more by now. Raises `Unavailable`."""
        with self._advancing:
            for (topic, partition), start in self._places().items():
                for batch in batches(self._follower, topic, {partition: start or None}, size=SPACING):
                    self._take((topic, partition), batch)
            self._read_once.set()

    def at(self, moment: int, counted: bool = True) -> Past:
        """The views as of then. Not ``counted``: without the sums of `api.analytics`, which takes a fraction
        of the time. Raises `Unavailable`."""
        with self._answering:
            found = self._kept.get((moment, True)) or self._kept.get((moment, counted))
            if found is None:
                found = self._folded(moment, counted)
            if self._head.latest > moment:
                # An event after it is in the log: what comes later changes nothing at that moment.
                self._kept[moment, found.counted] = found
                self._kept.move_to_end((moment, found.counted))
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return found

    def _folded(self, moment: int, counted: bool) -> Past:
        if moment >= self._head.latest:
            self.advance()
        with self._head_lock:
            aside = self._reports.at(moment)
            if self._alerts:
                aside[ALERTS.name, self._alerts[0].partition] = list(self._alerts)
            past = Past(moment, self._head) if moment >= self._head.latest else None
            earlier = [one for one in self._marks if one.latest <= moment]
            end = dict(next((one for one in self._marks if one.latest > moment), self._head).ends)
        if past is None:
            reached = self._walk(moment, counted, earlier[-1] if earlier else Past(0), end)
            # What is told aside is told of this moment alone: nobody goes on from there.
            past = Past(moment, reached, counted)
        for place, records in aside.items():
            positions = {place[1]: records[-1].offset + 1}
            past.apply(self._views[place[0]], place, Batch(records, positions))
        past.settle()
        return past

    def _walk(self, moment: int, counted: bool, mark: Past, end: Ends) -> Past:
        """From the mark, or a later stop before the moment, to the moment; ``end``: of the mark after it."""
        stops = [one for one in self._stops.values() if one.latest <= moment and (one.counted or not counted)]
        past = max([mark, *stops], key=lambda one: one.events)
        views = topics_of(views_of(self._settings, counted))
        for place, until in end.items():
            records = self._segments.between(place, mark.ends.get(place, 0), until)
            left = [record for record in records if record.offset >= past.ends.get(place, 0)]
            size = max(1, self._spacing // STOPS)
            for some in (left[at : at + size] for at in range(0, len(left), size)):
                past = Past(moment, past, counted)
                cut = past.apply(views[place[0]], place, Batch(some, {place[1]: some[-1].offset + 1}))
                self._stop(past)
                if cut:
                    break
        return past

    def _stop(self, past: Past) -> None:
        self._stops[past.events, past.counted] = past
        self._stops.move_to_end((past.events, past.counted))
        while len(self._stops) > STOPS_KEPT:
            self._stops.popitem(last=False)

    def _take(self, place: Place, batch: Batch) -> None:
        with self._head_lock:
            self._read[place] = batch.positions[place[1]]
            if place[0] == CAMERAS.name:
                self._reports.add(place, batch.records)
                return
            if place[0] == ALERTS.name:
                self._alerts.extend(batch.records)
                return
            self._head.apply(self._views[place[0]], place, batch)
            # Sites share partitions: how busy another one is, is not told, nor since when.
            self._activity.add([record for record in batch.records if record.key == self._key])
            last = self._marks[-1].events if self._marks else 0
            if self._head.events - last >= self._spacing:
                self._marks.append(Past(self._head.latest, self._head))
                _set_aside()
            if len(self._marks) > MARKS:
                self._marks = self._marks[1::2]
                self._spacing *= 2

    def _places(self) -> dict[Place, int]:
        """Offsets to go on from. Of the events only the site's partition: the others change nothing here."""
        if not self._read:
            cameras = [(CAMERAS.name, partition) for partition in partitions(self._follower, CAMERAS.name)]
            self._read = dict.fromkeys([*cameras, self._own(ALERTS.name), self._own(EVENTS.name)], 0)
        return dict(self._read)

    def _own(self, topic: str) -> Place:
        """The site's partition."""
        count = len(partitions(self._follower, topic))
        return topic, partition_of(self._settings.site_id.encode(), count)


def _set_aside() -> None:
    """What there is, is there to stay: the garbage collector, which stops all else meanwhile, need not go
    through it again and again. A mark that goes is given back all the same: it is in no ring."""
    gc.collect()
    gc.freeze()
