"""Many keep-alive connections that ask one thing after another, each as fast as it is answered."""

import asyncio
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Final, cast
from urllib.parse import urlsplit

import uvloop

from reid.errors import Unavailable

_LENGTH: Final = b"content-length: "


class _Connection(asyncio.Protocol):
    """Counts whole answers; looks no further into them than status and length, so that the server, not the
    client, is what is measured."""

    def __init__(self, requests: Iterator[bytes], answered: Callable[[], bool]) -> None:
        self._requests, self._answered = requests, answered
        self._left, self._head = 0, b""
        self._transport: asyncio.WriteTransport | None = None
        self.failed = ""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not of that class.
        self._transport = cast(asyncio.WriteTransport, transport)
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        if self._left == 0:
            self._head += data
            head, found, body = self._head.partition(b"\r\n\r\n")
            if not found:
                return
            self._head = b""
            if not head.startswith(b"HTTP/1.1 200"):
                self.failed = head.decode(errors="replace").splitlines()[0]
                self._end()
                return
            place = head.lower().index(_LENGTH) + len(_LENGTH)
            self._left, data = int(head[place:].split(b"\r\n", 1)[0]), body
        self._left -= len(data)
        if self._left == 0:
            if self._answered():
                assert self._transport is not None
                self._transport.write(next(self._requests))
            else:
                self._end()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.failed = self.failed or f"the server closed a connection: {error}"
            self.ended.set_result(None)

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)
        if self._transport is not None:
            self._transport.close()


def rate(url: str, paths: list[str], connections: int, seconds: float) -> float:
    """Answers a second. Raises `Unavailable` for any answer but 200."""
    return uvloop.run(_rate(url, paths, connections, seconds))


async def _rate(url: str, paths: list[str], connections: int, seconds: float) -> float:
    at, count, loop = urlsplit(url), 0, asyncio.get_running_loop()
    requests = cycle([f"GET {path} HTTP/1.1\r\nHost: {at.netloc}\r\n\r\n".encode() for path in paths])
    began = time.perf_counter()
    until = began + seconds

    def answered() -> bool:
        nonlocal count
        count += 1
        return time.perf_counter() < until

    made = [
        (await loop.create_connection(lambda: _Connection(requests, answered), at.hostname, at.port))[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(one.ended for one in made))
    took = time.perf_counter() - began
    if failed := next((one.failed for one in made if one.failed), ""):
        raise Unavailable(f"{url}: {failed}")
    return count / took
