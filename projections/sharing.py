"""The partitions of a long log, folded by several processes at once.

A site's events are all in one partition, so what partitions make of a view is apart, key for key. This
process folds some itself; each other process is given one more partition whenever it has ended one, the
longest first. Should this process end, theirs do.
"""

import os
import pickle
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import IO, Final, NamedTuple, Protocol

from projections.databases import Databases
from projections.views import View
from reid.errors import ReidError, Unavailable

#: Records below which another process is not worth its start.
LONG: Final = 50_000
#: Another process.
COMMAND: Final = [sys.executable, "-m", "projections.sharing_process"]
#: Seconds that a process has to end itself once nothing is asked of it any more.
END_S: Final = 10.0


class Share(NamedTuple):
    """``end``: the offset before which the fold of the partition ends."""

    partition: int
    end: int


class Job(NamedTuple):
    """What a process is told before its first share. ``held``: documents that it may hold."""

    bootstrap: str
    databases: Databases
    view: View
    leave_out: Collection[str]
    held: int


class Ended(NamedTuple):
    share: Share


class Helper(Protocol):
    """Another process: its input and output, and its end."""

    @property
    def stdin(self) -> IO[bytes] | None: ...

    @property
    def stdout(self) -> IO[bytes] | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def kill(self) -> None: ...


def processes() -> int:
    """At most, this one with them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Crew:
    """``sizes``: records that are left of each partition; ``ends``: as `Share`'s; ``helpers``: processes that
    wait to be asked, and are taken of there as far as they go. Leave it by its end, or the other processes
    are ended. Raises what they raise."""

    def __init__(
        self,
        job: Callable[[int], Job],
        sizes: Mapping[int, int],
        ends: Mapping[int, int],
        progress: Callable[[int], None],
        helpers: list[Helper] | None = None,
    ) -> None:
        longest = sorted(sizes, key=lambda partition: (-sizes[partition], partition))
        self._left = deque(Share(partition, ends[partition]) for partition in longest)
        self._progress = progress
        self._heard: SimpleQueue[int | ReidError] = SimpleQueue()
        self.others = max(0, min(processes(), sum(size > 0 for size in sizes.values())) - 1)
        self.job = job(1 + self.others)
        self._members: list[_Member] = []
        self._helpers = helpers if helpers is not None else []
        self.records = 0

    def __enter__(self) -> "Crew":
        for _ in range(self.others):
            helper = self._helpers.pop() if self._helpers else _started()
            self._members.append(_Member(helper, self.job, self.next, self._heard))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.clear()
        for member in self._members:
            member.end()

    def next(self) -> Share | None:
        """One that nobody has yet."""
        with suppress(IndexError):
            return self._left.popleft()
        return None

    def listen(self) -> None:
        """Tells how far the others are. Raises what one of them raised."""
        with suppress(Empty):
            while True:
                self._take(self._heard.get_nowait())

    def wait(self) -> None:
        """Until the others have ended their last share. Raises what one of them raised."""
        while any(member.is_alive() for member in self._members):
            with suppress(Empty):
                self._take(self._heard.get(timeout=0.05))
        self.listen()

    def _take(self, heard: int | ReidError) -> None:
        if isinstance(heard, ReidError):
            raise heard
        self.records += heard
        self._progress(heard)


class _Member(threading.Thread):
    """Attends to one process: gives it shares, hears what it says."""

    def __init__(
        self,
        helper: Helper,
        job: Job,
        share: Callable[[], Share | None],
        heard: SimpleQueue[int | ReidError],
    ) -> None:
        super().__init__(name="share of a fold", daemon=True)
        self._share, self._heard = share, heard
        self._process = helper
        self._job = job
        self.start()

    def run(self) -> None:
        said, asked = self._process.stdout, self._process.stdin
        assert said is not None and asked is not None
        try:
            _say(asked, self._job)
            while (share := self._share()) is not None:
                _say(asked, share)
                while not isinstance(heard := pickle.load(said), Ended):
                    self._heard.put(heard)
                    if isinstance(heard, ReidError):
                        return
            asked.close()
        except (EOFError, OSError, ValueError) as error:  # the process is gone, or was ended
            self._heard.put(Unavailable(f"a process that folds a share of the log ended: {error!r}"))

    def end(self) -> None:
        assert self._process.stdout is not None
        asked_no_more(self._process, END_S)
        self.join(END_S)
        self._process.stdout.close()


def _started() -> Helper:
    return subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def asked_no_more(process: Helper, within_s: float) -> None:
    """It ends itself when nobody can ask it any more; what does not within ``within_s`` seconds is killed."""
    assert process.stdin is not None
    with suppress(OSError, ValueError):
        process.stdin.close()
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _say(to: IO[bytes], what: object) -> None:
    pickle.dump(what, to)
    to.flush()
