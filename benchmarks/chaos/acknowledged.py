"""What Kafka acknowledged: a file that survives ``kill -9`` of its writer, one line a record."""

from collections.abc import Iterable, Iterator
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

    def close(self) -> None:
        self._file.close()


class Count:
    """Messages acknowledged in a journal that grows. Each look reads only what is new: it is asked thirty
    times a second, beside the system under test."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset, self._found = path, 0, 0

    def look(self) -> int:
        if self._path.exists() and self._path.stat().st_size > self._offset:
            with self._path.open("rb") as lines:
                lines.seek(self._offset)
                new = lines.read()
            whole = new[: new.rfind(b"\n") + 1]
            self._offset += len(whole)
            self._found += sum(entry.number >= 0 for entry in _entries(whole.splitlines(keepends=True)))
        return self._found


def read(path: Path) -> Iterator[Acknowledged]:
    """Whole lines only: the last may have been cut off by a kill."""
    if path.exists():
        with path.open("rb") as lines:
            yield from _entries(lines)


def _entries(lines: Iterable[bytes]) -> Iterator[Acknowledged]:
    for line in lines:
        parts = line.decode().split()
        if line.endswith(b"\n") and len(parts) == 6:
            site, number, topic, partition, offset, print_ = parts
            yield Acknowledged(site, int(number), topic, int(partition), int(offset), print_)
