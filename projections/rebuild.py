"""The views anew from the log, beside the live ones, and swapped in whole (blue/green).

1. Claim the second database; it holds nothing that anybody reads.
2. Fold the log by the very code that follows it live, but in memory: a person is written once, at the end.
3. Go on from where that ended, until a round finds little.
4. Hold the live commits for a moment and fold to where the live view stands: no reader goes back in time.
5. `SWAPDB`: readers saw the whole old view, and see the whole new one. The running projector finds another
   generation, refuses its own next commit, and goes on at the new view's positions: nothing is lost, and
   nothing is applied twice.

What can't be applied stops a rebuild, where live it goes to the dead letters: a rebuilt view must not
differ from the log without somebody saying so.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple

from confluent_kafka import Consumer

from projections.canonical import canonical, sha256
from projections.databases import Databases
from projections.filling import HELD, Filling, uncollected
from projections.reading import batches, end_of, partitions
from projections.sharing import LONG, Crew, Helper, Job, Share
from projections.store import ViewStore
from projections.views import View
from reid.contracts.topics import PERSONS_VIEW
from reid.errors import Unavailable

#: Records read at once: few enough to be still in the processor's cache when they are folded.
RECORDS: Final = 500
#: Records of a round below which the rest is left to the projector.
FEW: Final = 500
#: Rounds after which a log that grows as fast as we read is swapped in all the same.
ROUNDS: Final = 5
#: Attempts to dump the live view between two of its batches.
ATTEMPTS: Final = 20

Progress = Callable[[int], None]


class Rebuilt(NamedTuple):
    """``records``: folded in all; ``generation``: of the view that is live now."""

    records: int
    seconds: float
    generation: str


class Verdict(NamedTuple):
    """SHA-256 of the canonical dumps at the same positions, and the keys in which they differ."""

    live: str
    rebuilt: str
    records: int
    differing: tuple[str, ...]

    @property
    def equal(self) -> bool:
        return self.live == self.rebuilt


def rebuild(
    consumer: Consumer,
    databases: Databases,
    views: Sequence[View],
    leave_out: Collection[str] = (),
    progress: Progress = lambda _: None,
    bootstrap: str | None = None,
    helpers: list[Helper] | None = None,
) -> Rebuilt:
    """``leave_out``: ``topic/partition/offset`` of records that may not be applicable; ``progress``: told
    how many more records are folded; ``bootstrap``, ``helpers``: as `fold`. Raises `PoisonInput`,
    `ConfigError`, `Unavailable`; the live view then is as it was."""
    began, total = time.monotonic(), 0
    databases.claim()
    try:
        for _ in range(ROUNDS):
            more = 0
            for view in views:
                more += fold(consumer, databases, view, None, leave_out, progress, bootstrap, helpers)
            total += more
            if more < FEW:
                break
        databases.hold()
        for view in views:
            reached = databases.live.positions(view.name)
            total += fold(consumer, databases, view, reached, leave_out, progress)
        generation = databases.swap()
    except BaseException:
        databases.release()
        raise
    return Rebuilt(total, time.monotonic() - began, generation)


def verify(
    consumer: Consumer,
    databases: Databases,
    view: View,
    leave_out: Collection[str] = (),
    progress: Progress = lambda _: None,
    bootstrap: str | None = None,
    helpers: list[Helper] | None = None,
) -> Verdict:
    """Folds the log to where the live view stands, and compares. Changes nothing. Raises as `rebuild`."""
    databases.claim()
    try:
        live, positions = settled(databases.live)
        records = fold(consumer, databases, view, positions, leave_out, progress, bootstrap, helpers)
        rebuilt = databases.scratch.dump("saferoom:")
        mine, other = canonical(live), canonical(rebuilt)
        differing = tuple(sorted(k for k in mine.keys() | other.keys() if mine.get(k) != other.get(k)))
        return Verdict(sha256(live), sha256(rebuilt), records, differing)
    finally:
        databases.release()


def settled(store: ViewStore, view: str = PERSONS_VIEW) -> tuple[dict[str, object], dict[int, int]]:
    """A dump that no batch came into, and the positions of ``view`` at it. Raises `Unavailable`."""
    for _ in range(ATTEMPTS):
        before = store.generation(), store.positions(view)
        found = store.dump("saferoom:")
        if (store.generation(), store.positions(view)) == before:
            return found, before[1]
        time.sleep(0.1)
    raise Unavailable("the view changes faster than it can be dumped: stop the projector meanwhile")


def fold(
    consumer: Consumer,
    databases: Databases,
    view: View,
    limits: Mapping[int, int] | None,
    leave_out: Collection[str],
    progress: Progress,
    bootstrap: str | None = None,
    helpers: list[Helper] | None = None,
) -> int:
    """From the second database's positions on, to the log's end or to ``limits``. Returns the records.
    ``bootstrap``: where other processes can read the log; None: this one folds it alone. ``helpers``: those
    of `projections.helpers` that nobody took yet."""
    topic, total = view.topic.name, 0
    stored = databases.scratch.positions(view.name)
    if limits is None:
        limits = {p: end_of(consumer, topic, p) for p in partitions(consumer, topic)}
    starts = {p: stored.get(p) for p in sorted(limits)}
    sizes = {p: max(0, end - (starts[p] or 0)) for p, end in limits.items()}
    if bootstrap is None or sum(sizes.values()) < LONG:
        filling = Filling(databases, view, leave_out, fresh=_fresh(starts))
        return _fold(consumer, filling, topic, starts, limits, progress)

    def job(processes: int) -> Job:
        return Job(bootstrap, databases, view, leave_out, HELD // processes)

    with Crew(job, sizes, limits, progress, helpers) as crew:

        def heard(records: int) -> None:
            progress(records)
            crew.listen()

        while (share := crew.next()) is not None:
            total += fold_share(consumer, crew.job, share, heard)
        crew.wait()
        return total + crew.records


def fold_share(consumer: Consumer, job: Job, share: Share, progress: Progress) -> int:
    """One partition, from the second database's position on. Returns the records."""
    stored = job.databases.scratch.positions(job.view.name)
    start, end = {share.partition: stored.get(share.partition)}, {share.partition: share.end}
    filling = Filling(job.databases, job.view, job.leave_out, job.held, _fresh(start))
    return _fold(consumer, filling, job.view.topic.name, start, end, progress)


def _fresh(starts: Mapping[int, int | None]) -> bool:
    """Whether nothing of these partitions was folded before: a site's records are all in one."""
    return all(start is None for start in starts.values())


def _fold(
    consumer: Consumer,
    filling: Filling,
    topic: str,
    starts: Mapping[int, int | None],
    ends: Mapping[int, int],
    progress: Progress,
) -> int:
    total = 0
    with uncollected():
        for records, positions in batches(consumer, topic, starts, ends, RECORDS):
            filling.take(records, positions)
            total += len(records)
            progress(len(records))
        filling.end()
    return total
