"""Crops on their way to the store, without ever holding a camera up."""

import logging
import queue
import threading
from typing import Final

from reid.errors import Unavailable
from reid.runtime.crops.base import CropStore, name_of

log = logging.getLogger(__name__)

#: Pictures that may wait for a slow store: some MiB.
MAX_PENDING: Final = 256


class CropWriter:
    """One thread for all cameras of a process. What does not fit, or the store does not take, is counted in
    ``lost`` and told once: a picture less, no decision."""

    def __init__(self, store: CropStore, site_id: str) -> None:
        self.written = 0
        self.lost = 0
        self._store, self._site = store, site_id
        self._waiting: queue.Queue[bytes | None] = queue.Queue(MAX_PENDING)
        self._failing = False
        self._thread = threading.Thread(target=self._write, name="crops", daemon=True)
        self._thread.start()

    def offer(self, jpeg: bytes) -> str:
        """The name under which the picture will be found soon; empty when it can't be taken."""
        try:
            self._waiting.put_nowait(jpeg)
        except queue.Full:
            self.lost += 1
            return ""
        return name_of(jpeg)

    def close(self, timeout_s: float = 2.0) -> None:
        """Writes what waits, for at most so long."""
        try:
            self._waiting.put(None, timeout=timeout_s)
        except queue.Full:
            log.warning("%d crops are not written: the store is too slow", self._waiting.qsize())
            return
        self._thread.join(timeout_s)

    def _write(self) -> None:
        while (jpeg := self._waiting.get()) is not None:
            try:
                self._store.put(self._site, jpeg)
                self.written += 1
                self._failing = False
            except Unavailable as error:
                self.lost += 1
                if not self._failing:
                    log.warning("crops are lost, the first because of: %s", error)
                self._failing = True
