"""A webhook's attempt: what ends it, whatever the receiver does."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from reid.contracts.alerts import AlertOpened
from reid.errors import Unavailable
from reid.runtime.alerts.receivers import Webhook
from streams.delivery.message import Outgoing, outgoing
from streams.delivery.webhook import WebhookSender
from tests.unit.alerting.story import Story, rule, seen, tick

TIMEOUT_S = 0.4
HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def message() -> Outgoing:
    story = Story(rule("restricted", severity="warning", rearm=1_000)).when(seen("a", 0), tick(10))
    found = outgoing("id-1", story.event(AlertOpened))
    assert found is not None
    return found


@contextmanager
def receiver(answer: Callable[[socket.socket], None]) -> Iterator[tuple[str, list[int]]]:
    """Address of one that answers each request so; and the number of its connections so far."""
    connections = [0]

    def serve(connection: socket.socket) -> None:
        # Whoever has had enough closes, and what is written then fails.
        with connection, suppress(OSError):
            asked = b""
            while part := connection.recv(65536):
                asked += part
                if asked.endswith(b"}"):  # Its body may come later than its headers.
                    asked = b""
                    answer(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                connections[0] += 1
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/", connections
        listening.shutdown(socket.SHUT_RDWR)


@contextmanager
def sender(url: str, timeout_s: float = 30.0) -> Iterator[WebhookSender]:
    found = WebhookSender(Webhook("hook", url, timeout_s=timeout_s, secret=b"s"))
    try:
        yield found
    finally:
        found.close()


def slowly(start: bytes) -> Callable[[socket.socket], None]:
    """A byte each tenth of a second: each comes in time, all of them never."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(start)
        for _ in range(100):
            connection.sendall(b"x")
            time.sleep(0.1)

    return answer


@pytest.mark.parametrize(
    "start",
    [b"", HEAD + b"x-long: ", HEAD + b"content-length: 5000\r\n\r\n"],
    ids=["status", "headers", "body"],
)
def test_a_receiver_that_sent_a_byte_at_a_time_held_its_alerts_for_ever(
    message: Outgoing, start: bytes
) -> None:
    with receiver(slowly(start)) as (url, _), sender(url, TIMEOUT_S) as hook:
        for _ in range(2):
            began = time.monotonic()
            with pytest.raises(Unavailable, match=r"no whole answer within 0\.4 s"):
                hook.send(message)
            assert time.monotonic() - began < 5, "all its bytes take ten seconds"


def test_an_answer_without_end_was_read_to_its_end(message: Outgoing) -> None:
    def endless(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"content-length: 1000000000000\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    with receiver(endless) as (url, connections), sender(url) as hook:
        hook.send(message)
        hook.send(message)
    assert connections == [2], "what was not read to its end can't serve again"


def test_a_connection_serves_many_alerts_and_an_answer_in_time_is_one(message: Outgoing) -> None:
    statuses = [b"204 No Content", b"200 OK", b"500 Oops", b"302 Found"]

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 " + statuses.pop(0) + b"\r\ncontent-length: 0\r\n\r\n")

    with receiver(answer) as (url, connections), sender(url) as hook:
        hook.send(message)
        hook.send(message)
        for status in (500, 302):
            with pytest.raises(Unavailable, match=f"it answered {status}"):
                hook.send(message)
        assert connections == [1]


def test_nobody_there_is_unavailable(message: Outgoing) -> None:
    with sender("http://127.0.0.1:9/") as hook, pytest.raises(Unavailable, match="ConnectError"):
        hook.send(message)
