"""Topics that are no longer what they were when the worker began.

Where topics are deleted and made anew while it runs, Faust keeps a membership without partitions: the worker
would call itself a standby, beside nobody, while inputs wait. A new process begins with what is there now.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Final

from reid.errors import ConfigError, ReidError
from reid.runtime.admin import Identity

#: Seconds between two looks, and that Kafka has for an answer.
LOOK_S: Final = 5.0

logger = logging.getLogger(__name__)


class ChangedTopics:
    """``look``: topics by name, as they are. Raises `Unavailable`."""

    def __init__(self, look: Callable[[], Mapping[str, Identity]]) -> None:
        self._look = look
        self._known: dict[str, Identity] = {}

    def run(
        self, stopping: threading.Event, end: Callable[[ConfigError], None], every_s: float = LOOK_S
    ) -> None:
        """Until ``stopping``, or until one was made anew, which ``end`` is told."""
        while True:
            try:
                found = self._look()
            except (ReidError, TimeoutError):
                found = {}  # Told by those who need Kafka.
            try:
                self.compare(found)
            except ConfigError as error:
                end(error)
                return
            if stopping.wait(every_s):
                return

    def compare(self, found: Mapping[str, Identity]) -> None:
        """What is not there now is no change: it may come back as it was. Raises `ConfigError`."""
        for name, identity in found.items():
            known = self._known.setdefault(name, identity)
            if identity.topic_id != known.topic_id:
                raise ConfigError(
                    f"topic {name} was deleted and made anew while this worker ran: start it again, and it "
                    "goes on with what the topics hold now"
                )
            if identity.partitions != known.partitions:
                logger.error(
                    "topic %s has %d partitions and had %d: sites are sent to others than those with their "
                    "history, and begin anew there or are decided nowhere (docs/scale.md; saferoom doctor)",
                    name,
                    identity.partitions,
                    known.partitions,
                )
                self._known[name] = identity
