"""When a decision is in the log, and when its label is on the WebSocket."""

import asyncio
import threading
import time
from collections import Counter
from typing import Final

import msgspec
from confluent_kafka import OFFSET_END, TopicPartition
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from deploy.log import log_reader, partitions
from reid.contracts.codec import decode_event, type_name
from reid.contracts.events import PersonRegistered, PersonSeen
from reid.contracts.topics import EVENTS
from reid.errors import Unavailable

Track = tuple[str, str]
"""Camera and tracker id: of one session, so that this names a track."""
_POLL_S: Final = 0.02


class _Labels(msgspec.Struct):
    type: str = ""
    camera_id: str = ""
    person_labels: dict[str, str] = {}


class LogWatch:
    """Follows the event log from where it ends when this is made."""

    def __init__(self, bootstrap: str, site_id: str, session: str) -> None:
        self._site, self._session = site_id, session
        self._consumer = log_reader(bootstrap, **{"fetch.wait.max.ms": 5})
        self._consumer.assign(
            [TopicPartition(EVENTS.name, p, OFFSET_END) for p in partitions(self._consumer, EVENTS.name)]
        )
        self.events: Counter[str] = Counter()
        self.bytes = 0
        self.named: dict[Track, tuple[int, float]] = {}
        """Track -> time of the frame that gave it a person (ms), and when that was in the log (s)."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch-log", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            message = self._consumer.poll(_POLL_S)
            if message is None or message.error() is not None:
                continue
            now, value = time.time(), message.value() or b""
            event = decode_event(value)
            if event.site_id != self._site:
                continue
            self.events[type_name(event)] += 1
            self.bytes += len(value)
            match event:
                case PersonRegistered(track=track) | PersonSeen(track=track, reason="bound"):
                    if track.session == self._session:
                        self.named.setdefault((track.camera_id, track.tracker_id), (event.at, now))


class LabelWatch:
    """Listens on ``WS /ws`` of an API. Raises `Unavailable` when it can't connect."""

    def __init__(self, api: str) -> None:
        self.shown: dict[Track, float] = {}
        """Track -> when its label came (s)."""
        self._url = api.replace("http", "ws", 1) + "/ws"
        self._stopping, self._ready = threading.Event(), threading.Event()
        self._failure = ""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._listen()), daemon=True)
        self._thread.start()
        if not self._ready.wait(10) or self._failure:
            raise Unavailable(f"{self._url} does not answer: {self._failure or 'timed out'}")

    def close(self) -> None:
        """Raises `Unavailable` for a connection that was lost."""
        self._stopping.set()
        self._thread.join()
        if self._failure:
            raise Unavailable(f"{self._url}: {self._failure}")

    async def _listen(self) -> None:
        try:
            async with connect(self._url) as socket:
                self._ready.set()
                while not self._stopping.is_set():
                    try:
                        raw = await asyncio.wait_for(socket.recv(), 0.2)
                    except TimeoutError:
                        continue
                    self._tell(raw if isinstance(raw, bytes) else raw.encode())
        except (OSError, WebSocketException) as error:
            self._failure = str(error) or repr(error)
            self._ready.set()

    def _tell(self, raw: bytes) -> None:
        now, told = time.time(), msgspec.json.decode(raw, type=_Labels)
        if told.type == "person_labels":
            for tracker_id in told.person_labels:
                self.shown.setdefault((told.camera_id, tracker_id), now)
