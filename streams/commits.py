"""Where a writer's transactions are carried out: at once, or beside the deciding of the next batch."""

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final, Protocol

from reid.errors import CommitHung, ReidError

Commit = Callable[[], None]


class Commits(Protocol):
    """One transaction at a time: `start`, then `wait`, then the next."""

    @property
    def busy(self) -> bool:
        """Whether a transaction has been started and `wait` would have to wait for it."""

    def start(self, commit: Commit, ended: Callable[[], None]) -> None:
        """``ended`` is called when it has, from any thread."""

    def wait(self) -> None:
        """Until it has ended. Raises what it raised."""

    def close(self) -> None:
        """After the last."""


class AtOnce:
    """In `start` itself."""

    busy: Final = False

    def __init__(self) -> None:
        self._error: BaseException | None = None

    def start(self, commit: Commit, ended: Callable[[], None]) -> None:
        try:
            commit()
        except ReidError as error:
            self._error = error
        ended()

    def wait(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    def close(self) -> None:
        return


class Beside:
    """On a thread of its own: a transaction is mostly waiting for Kafka, and Python decides meanwhile.

    ``limit_s``: beyond all of a transaction's own time-outs. What has not ended by then never will.
    """

    def __init__(self, name: str, limit_s: float) -> None:
        self._name = name
        self._limit_s = limit_s
        self._due = 0.0
        self._asked: SimpleQueue[tuple[Commit, Callable[[], None]] | None] = SimpleQueue()
        self._idle = threading.Event()
        self._idle.set()
        self._error: BaseException | None = None
        # A daemon: what hangs in Kafka's client must not keep a process that ends.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def busy(self) -> bool:
        return not self._idle.is_set() and time.monotonic() < self._due

    def start(self, commit: Commit, ended: Callable[[], None]) -> None:
        assert self._idle.is_set(), "one transaction at a time"
        if self._thread.ident is None:
            self._thread.start()
        self._idle.clear()
        self._due = time.monotonic() + self._limit_s
        self._asked.put((commit, ended))

    def wait(self) -> None:
        """Raises `CommitHung` too: what hangs in Kafka's client holds on to the producer, so that no retry of
        this process would be sure to be the only one who writes."""
        if not self._idle.wait(max(0.0, self._due - time.monotonic())):
            raise CommitHung(
                f"{self._name}: Kafka's client neither carried out a transaction nor gave it up for "
                f"{self._limit_s:.0f} s. The worker ends; the next one takes the partition over and goes on "
                "where its log ends. Should that come again, see whether all brokers answer: saferoom doctor"
            )
        error, self._error = self._error, None
        if error is not None:
            raise error

    def close(self) -> None:
        self._asked.put(None)

    def _run(self) -> None:
        while (asked := self._asked.get()) is not None:
            commit, ended = asked
            try:
                commit()
            except BaseException as error:  # noqa: BLE001  raised where it is waited for
                self._error = error
            self._idle.set()
            ended()
