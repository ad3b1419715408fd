"""That Kafka is away is told once, and that it is back: not by every client, each second."""

import logging
import threading
from typing import Final

from confluent_kafka import KafkaError

from reid.runtime.kafka_refusal import CA, CERTIFICATE, USER

logger = logging.getLogger(__name__)

#: What it is not waited for: somebody must mend it.
_REFUSED: Final = {
    KafkaError._AUTHENTICATION: f"correct {USER}, and start this process again",
    KafkaError._SSL: f"correct {CA}, or {CERTIFICATE}, and start this process again",
}


class Outage:
    """Shared by the Kafka clients of a process. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: set[int] = set()

    def on_error(self, error: KafkaError) -> None:
        """A librdkafka ``error_cb``. Single lost connections are not told: they come back by themselves.
        Fatal errors are not told here: they are raised where they matter. Of all others each kind is told
        once an outage: a name that can't be resolved, as that of a container that stopped, is one of them
        at every attempt, several times a second."""
        code = error.code()
        if code == KafkaError._TRANSPORT or error.fatal():
            return
        with self._lock:
            told = code in self._told
            self._told.add(code)
            refused = bool(self._told & _REFUSED.keys())
        if told:
            return
        if code in _REFUSED:
            logger.error("Kafka lets nobody in like this (%s): %s", error.str(), _REFUSED[code])
        elif code == KafkaError._ALL_BROKERS_DOWN and refused:
            pass  # It is there: that was told.
        elif code == KafkaError._ALL_BROKERS_DOWN:
            logger.warning("Kafka is away: waiting for it; start it with `saferoom up` or check its address")
        else:
            logger.warning("Kafka: %s", error.str())

    def on_contact(self) -> None:
        """Kafka has answered."""
        with self._lock:
            away = KafkaError._ALL_BROKERS_DOWN in self._told
            self._told.clear()
        if away:
            logger.warning("Kafka is back")
