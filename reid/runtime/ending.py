"""A process that is asked to end does so in time, whatever hangs in it.

Around a broker that is away nearly everything may wait without end, and no time-out of asyncio is heard:
Faust joins its consumer's thread on the event loop, asyncio joins the threads of its executor, and the
interpreter, on its way out, destroys librdkafka clients one after the other, while no other thread may run:
2 s on a quiet machine, over 6 on a busy one. What counts is in the log by then, by transactions, so nothing
is lost with what is left behind.
"""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NoReturn

logger = logging.getLogger(__name__)

#: What a Ctrl-C or SIGTERM asks for.
EXIT_ASKED: Final = 0


@contextmanager
def asked_by_signals(
    stopping: threading.Event, numbers: Sequence[int] = (signal.SIGTERM, signal.SIGINT)
) -> Iterator[None]:
    """These signals set ``stopping`` while inside. Only the main thread may ask for signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: stopping.set()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave(code: int) -> NoReturn:
    """Ends the process at once: no exit handlers, no destructors. What was logged is written."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()
    os._exit(code)


class Ending:
    """Calls ``end(code())`` from a thread of its own, ``within_s`` seconds after ``asked`` was set.

    A process that ends before takes the thread with it.
    """

    def __init__(
        self,
        asked: threading.Event,
        within_s: float,
        code: Callable[[], int] = lambda: EXIT_ASKED,
        end: Callable[[int], object] = leave,
    ) -> None:
        self._asked = asked
        self._within_s = within_s
        self._code = code
        self._end = end
        self._thread = threading.Thread(target=self._watch, name="ending", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _watch(self) -> None:
        self._asked.wait()
        time.sleep(self._within_s)
        logger.warning(
            "not ended within %.1f s: what hangs is left to the end of the process", self._within_s
        )
        self._end(self._code())
