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
from confluent_kafka import KafkaException, TopicPartition

from deploy.log import log_reader
from deploy.snapshot import Snapshot
from deploy.watch_log import LogWatcher
from reid.contracts.topics import DECIDED_GROUP, DETECTIONS, EVENTS, INPUT_TOPICS, PERSONS_VIEW
from reid.errors import ReidError
from reid.runtime.admin import admin_client
from reid.runtime.offsets import end_offsets

_EVERY_S: Final = 1.0
_HTTP_TIMEOUT_S: Final = 2.0
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
        from projections.redis_store import RedisViewStore

        self.log = LogWatcher(kafka, site_id, start)
        self.urls: list[str] = []
        self._api = api
        self._start = start
        self._pids = pids
        self._store = RedisViewStore(redis)
        self._admin = admin_client(kafka)
        self._committed = log_reader(kafka, **{"group.id": DECIDED_GROUP})
        self._asked = Snapshot()
        self.memory_peak = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(5.0)
        self.log.close()
        self._committed.close()
        self._store.close()

    def snapshot(self) -> Snapshot:
        """The newest facts; cheap, never blocks on a server."""
        by_type, rate = self.log.counts()
        asked = self._asked
        return Snapshot(
            cameras=self.log.cameras(),
            tracks=self.log.tracks(),
            events=sum(by_type.values()),
            events_by_type=by_type,
            events_per_s=rate,
            latency=self.log.latency(),
            first_label_at=self.log.first_label_at,
            persons=asked.persons,
            messages=asked.messages,
            agent_lag=asked.agent_lag,
            view_lag=asked.view_lag,
            label_age=asked.label_age,
            memory=asked.memory,
            trouble=asked.trouble,
        )

    def get(self, path: str) -> Any:
        """GET of the API. Raises ``OSError`` or ``ValueError``."""
        url = f"{self._api}{path}"
        if url not in self.urls:
            self.urls.append(url)
        with urllib.request.urlopen(url, timeout=_HTTP_TIMEOUT_S) as answer:
            return json.load(answer)

    def settle(self, within_s: float) -> Snapshot:
        """Waits until everything captured is decided and in the view, or ``within_s`` seconds."""
        deadline = time.monotonic() + within_s
        # The cameras' last reports are on their way, too.
        time.sleep(0.5)
        while True:
            self._ask()
            done = self._asked.agent_lag == 0 and self._asked.view_lag == 0
            if done or time.monotonic() > deadline:
                return self.snapshot()
            time.sleep(0.1)

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_S):
            self._ask()

    def _ask(self) -> None:
        trouble = []
        facts: dict[str, Any] = {"memory": self._memory()}
        for ask in (self._ask_api, self._ask_offsets, self._ask_views):
            try:
                facts |= ask()
            except (OSError, ValueError, ReidError, KafkaException, http.client.HTTPException) as error:
                trouble.append(str(error).partition("\n")[0])
        if "persons" not in facts:
            facts["persons"] = self._asked.persons
        self.memory_peak = max(self.memory_peak, sum(facts["memory"].values()))
        self._asked = Snapshot(**facts, trouble="; ".join(trouble))

    def _ask_api(self) -> dict[str, Any]:
        persons = self.get("/persons")["persons"]
        now = time.time()
        newest = max((moment_of(person["last_seen"]) for person in persons), default=None)
        return {"persons": tuple(persons), "label_age": None if newest is None else now - newest}

    def _ask_offsets(self) -> dict[str, Any]:
        ends = end_offsets(self._admin, [topic.name for topic in INPUT_TOPICS])
        decided = self._committed.committed([TopicPartition(*place) for place in ends], timeout=2.0)
        done = {(place.topic, place.partition): max(place.offset, 0) for place in decided}
        sent = sum(
            end - self._start[DETECTIONS.name].get(partition, 0)
            for (topic, partition), end in ends.items()
            if topic == DETECTIONS.name
        )
        return {"messages": sent, "agent_lag": sum(max(0, end - done[place]) for place, end in ends.items())}

    def _ask_views(self) -> dict[str, Any]:
        from projections.status import lags

        found = lags(self._admin, self._store, [PERSONS_VIEW])
        return {"view_lag": sum(max(0, lag.lag) for lag in found if lag.topic == EVENTS.name)}

    def _memory(self) -> dict[str, int]:
        found = {}
        for name, pid in self._pids().items():
            try:
                found[name] = psutil.Process(pid).memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return found


def moment_of(time_: str) -> float:
    """The API's RFC 3339 -> seconds since the epoch."""
    return datetime.fromisoformat(time_).timestamp()
