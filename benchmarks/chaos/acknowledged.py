"""What Kafka acknowledged: a file that survives ``kill -9`` of its writer, one line a record."""

from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple


class Acknowledged(NamedTuple):
    """``number``: of the message; -1 for one that nobody counts. ``print_``: of its value."""

    site_id: str
    number: int
    topic: str
    partition: int
    offset: int
    print_: str


def print_of(value: bytes) -> str:
    return blake2b(value, digest_size=8).hexdigest()


class Journal:
    """Appends lines; each is with the kernel before the next, so a killed process loses none."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)

    def add(self, entry: Acknowledged) -> None:
        self._file.write((" ".join(map(str, entry)) + "\n").encode())


def read(path: Path) -> Iterator[Acknowledged]:
    """Whole lines only: the last may have been cut off by a kill."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        for line in lines:
            parts = line.decode().split()
            if line.endswith(b"\n") and len(parts) == 6:
                site, number, topic, partition, offset, print_ = parts
                yield Acknowledged(site, int(number), topic, int(partition), int(offset), print_)
