"""How far agent and views are behind, looked at once a second."""

import threading
import time
from typing import Final

from confluent_kafka import KafkaException

from deploy.log import behind, log_reader
from projections.redis_store import RedisViewStore
from projections.status import lags
from reid.contracts.topics import DECIDED_GROUP, INPUT_TOPICS, PERSONS_VIEW
from reid.errors import ReidError
from reid.runtime.admin import admin_client
from reid.runtime.offsets import end_offsets

_EVERY_S: Final = 1.0


class LagWatch:
    """``agent``, ``views``: records behind, a value a look. Without ``redis`` no views."""

    def __init__(self, bootstrap: str, redis: str | None) -> None:
        self.agent: list[int] = []
        self.views: list[int] = []
        self.trouble = ""
        self._admin = admin_client(bootstrap)
        self._committed = log_reader(bootstrap, **{"group.id": DECIDED_GROUP})
        self._store = None if redis is None else RedisViewStore(redis)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch-lag", daemon=True)
        self._thread.start()

    def caught_up(self, timeout_s: float) -> bool:
        """Waits until nothing is behind any more."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self._agent_lag() == 0 and self._view_lag() == 0:
                return True
            time.sleep(0.1)
        return False

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._committed.close()
        if self._store is not None:
            self._store.close()

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_S):
            try:
                self.agent.append(self._agent_lag())
                self.views.append(self._view_lag())
            except (ReidError, KafkaException) as error:
                self.trouble = str(error)

    def _agent_lag(self) -> int:
        ends = end_offsets(self._admin, [topic.name for topic in INPUT_TOPICS])
        return behind(self._committed, ends, timeout_s=5.0)

    def _view_lag(self) -> int:
        if self._store is None:
            return 0
        return sum(max(0, lag.lag) for lag in lags(self._admin, self._store, [PERSONS_VIEW]))
