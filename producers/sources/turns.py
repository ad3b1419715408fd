"""Whose turn it is to open a stream."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: How often one who waits looks whether it shall stop, seconds.
LOOK_EVERY_S: Final = 0.1


class Turns:
    """One at a time, and none of the ``late`` while somebody else waits.

    OpenCV opens one stream at a time in a process, and who waits there waits in no order. Cameras that hang
    are tried again and again, each until its time-out: they would keep those that work from coming back.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._taken = False
        self._early = 0

    @contextmanager
    def turn(self, stop: threading.Event, *, late: bool) -> Iterator[bool]:
        """Waits; whether it is one's turn, False when ``stop`` was set first."""
        mine = self._wait(stop, late=late)
        try:
            yield mine
        finally:
            if mine:
                with self._changed:
                    self._taken = False
                    self._changed.notify_all()

    def _wait(self, stop: threading.Event, *, late: bool) -> bool:
        with self._changed:
            self._early += not late
            try:
                while not stop.is_set():
                    if not self._taken and not (late and self._early):
                        self._taken = True
                        return True
                    self._changed.wait(LOOK_EVERY_S)
                return False
            finally:
                self._early -= not late
