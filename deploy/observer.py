"""Asks the running system about itself, once a second: API, offsets, memory."""

import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import psutil
from confluent_kafka import KafkaException

from deploy.log import behind, log_reader
from deploy.snapshot import Snapshot
from deploy.watch_log import LogWatcher
from projections.redis_store import RedisViewStore
from projections.status import lags
from reid.contracts.topics import DECIDED_GROUP, DETECTIONS, INPUT_TOPICS, PERSONS_VIEW
from reid.errors import ReidError
from reid.runtime.admin import admin_client
from reid.runtime.offsets import end_offsets

_EVERY_S: Final = 1.0
_HTTP_TIMEOUT_S: Final = 2.0
ANSWERED: Final = ("/persons", "/persons/stats", "/config", "/healthz", "/readyz")
Offsets = Mapping[str, Mapping[int, int]]


class Observer:
    """``pids``: part -> process id, asked anew each time. ``start``: offsets from which this run counts.

    Nothing here may disturb what it watches: what can't be asked is None in the snapshot, with the reason
    in ``trouble``.
    """

    def __init__(
        self,
        *,
        kafka: str,
        redis: str,
        api: str,
        site_id: str,
        start: Offsets,
        pids: Callable[[], dict[str, int]],
    ) -> None:
        self.log = LogWatcher(kafka, site_id, start)
        self._api = api
        self._start = start
        self._pids = pids
        self._store = RedisViewStore(redis)
        self._admin = admin_client(kafka)
        self._committed = log_reader(kafka, **{"group.id": DECIDED_GROUP})
        self.memory_peak = 0
        self._lock = threading.Lock()
        self._facts: dict[str, Any] = {}
        self._newest_seen: float | None = None
        self._trouble: dict[str, str] = {}
        self._stop = threading.Event()
        # Apart, because a server that is away holds up who asks it.
        self._asks = {"API": self._ask_api, "Kafka": self._ask_lags, "memory": self._ask_memory}
        self._threads = [
            threading.Thread(target=self._run, args=(name,), name=f"observe-{name}", daemon=True)
            for name in self._asks
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(3.0)
        self.log.close()
        self._committed.close()
        self._store.close()

    def snapshot(self) -> Snapshot:
        """The newest facts; cheap, never blocks on a server."""
        by_type, rate = self.log.counts()
        with self._lock:
            facts, trouble = dict(self._facts), "; ".join(self._trouble.values())
            if "API" in self._trouble and self._newest_seen is not None:
                facts["label_age"] = time.time() - self._newest_seen
        return Snapshot(
            cameras=self.log.cameras(),
            tracks=self.log.tracks(),
            events=sum(by_type.values()),
            events_by_type=by_type,
            events_per_s=rate,
            latency=self.log.latency(),
            first_label_at=self.log.first_label_at,
            trouble=trouble,
            **facts,
        )

    def get(self, path: str) -> Any:
        """GET of the API. Raises ``OSError`` or ``ValueError``."""
        with urllib.request.urlopen(f"{self._api}{path}", timeout=_HTTP_TIMEOUT_S) as answer:
            return json.load(answer)

    def answers(self) -> dict[str, Any]:
        """URL -> what it answers now, or the error: everybody, each camera, the configuration, the health."""
        found: dict[str, Any] = {}
        for path in ANSWERED:
            try:
                found[f"{self._api}{path}"] = self.get(path)
            except (OSError, ValueError) as error:
                found[f"{self._api}{path}"] = {"error": str(error)}
        return found

    def settle(self, within_s: float) -> Snapshot:
        """Waits until everything captured is decided and in the view, or ``within_s`` seconds."""
        deadline = time.monotonic() + within_s
        # The cameras' last reports are on their way, too.
        time.sleep(0.5)
        while True:
            for name in self._asks:
                self._ask(name)
            now = self.snapshot()
            if (now.agent_lag == 0 and now.view_lag == 0) or time.monotonic() > deadline:
                return now
            time.sleep(0.1)

    def _run(self, name: str) -> None:
        while not self._stop.wait(_EVERY_S):
            self._ask(name)

    def _ask(self, name: str) -> None:
        try:
            facts, trouble = self._asks[name](), ""
        except (OSError, ValueError, ReidError, KafkaException, http.client.HTTPException) as error:
            facts, trouble = {}, f"{name}: {error}".partition("\n")[0]
        with self._lock:
            self._facts |= facts
            if trouble:
                self._trouble[name] = trouble
            else:
                self._trouble.pop(name, None)

    def _ask_api(self) -> dict[str, Any]:
        persons = self.get("/persons")["persons"]
        now = time.time()
        newest = max((moment_of(person["last_seen"]) for person in persons), default=None)
        self._newest_seen = newest
        return {"persons": tuple(persons), "label_age": None if newest is None else now - newest}

    def _ask_lags(self) -> dict[str, Any]:
        ends = end_offsets(self._admin, [topic.name for topic in INPUT_TOPICS])
        sent = sum(
            end - self._start[DETECTIONS.name].get(partition, 0)
            for (topic, partition), end in ends.items()
            if topic == DETECTIONS.name
        )
        views = lags(self._admin, self._store, [PERSONS_VIEW])
        return {
            "messages": sent,
            "agent_lag": behind(self._committed, ends, timeout_s=2.0),
            "view_lag": sum(max(0, lag.lag) for lag in views),
        }

    def _ask_memory(self) -> dict[str, Any]:
        found = {}
        for name, pid in self._pids().items():
            try:
                found[name] = psutil.Process(pid).memory_info().rss
            except psutil.NoSuchProcess:
                continue
        self.memory_peak = max(self.memory_peak, sum(found.values()))
        return {"memory": found}


def moment_of(time_: str) -> float:
    """The API's RFC 3339 -> seconds since the epoch."""
    return datetime.fromisoformat(time_).timestamp()
