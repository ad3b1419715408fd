"""That Kafka is away is told once, and that it is back: not by every client, each second."""

import logging
import threading

from confluent_kafka import KafkaError

logger = logging.getLogger(__name__)


class Outage:
    """Shared by the Kafka clients of a worker. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._away = False

    def on_error(self, error: KafkaError) -> None:
        """A librdkafka ``error_cb``. Single lost connections are not told: they come back by themselves.
        Fatal errors are not told here: they are raised where they matter."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            with self._lock:
                told, self._away = self._away, True
            if not told:
                logger.warning(
                    "Kafka is away: waiting for it; start it with `saferoom up` or check its address"
                )
        elif error.code() != KafkaError._TRANSPORT and not error.fatal():
            logger.warning("Kafka: %s", error.str())

    def on_contact(self) -> None:
        """Kafka has answered."""
        with self._lock:
            told, self._away = self._away, False
        if told:
            logger.warning("Kafka is back")


def quieten(level: int) -> None:
    """aiokafka tells a broker's absence forty times a second; `Outage` tells it once."""
    if level > logging.DEBUG:
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
