"""Apache Kafka and Redis, started from the installed packages: no Docker, no system Java, no Maven.

Both keep to one state directory: `claim` (one owner a directory), `ports`, `child` (the process and its log).
"""

from typing import Protocol


class Progress(Protocol):
    """Told how far a download is: ``what`` is being fetched, ``done`` of ``total`` bytes.

    Called from several threads, one call at a time.
    """

    def __call__(self, what: str, done: int, total: int) -> None: ...
