"""What a carrier makes of a sender that fails, on a log that is a list."""

import logging
import threading
from typing import Any

import pytest

from reid.contracts.alerts import AlertOpened
from reid.contracts.codec import encode
from reid.errors import Unavailable
from reid.runtime import kafka
from reid.runtime.alerts.receivers import Webhook
from streams.delivery.carrier import Carrier
from streams.delivery.message import Outgoing
from tests.unit.alerting.story import Story, rule, seen, tick


class Record:
    """As much of a Kafka message as a carrier reads."""

    def __init__(self, number: int) -> None:
        story = Story(rule("restricted", severity="warning", rearm=1_000)).when(seen("a", 0), tick(10))
        self._value, self._number = encode(story.event(AlertOpened)), number

    def error(self) -> None:
        return None

    def headers(self) -> list[tuple[str, bytes]]:
        return [("ce_id", f"id-{self._number}".encode())]

    def topic(self) -> str:
        return "reid.alerts.v1"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._number

    def value(self) -> bytes:
        return self._value

    def key(self) -> bytes:
        return b"global"


class Log:
    """Consumer and producer in one; stops the carrier when all is read."""

    def __init__(self, count: int, stopping: threading.Event) -> None:
        self._left, self._stopping = [Record(n) for n in range(count)], stopping
        self.committed: list[int] = []
        self.given_up: list[dict[str, bytes]] = []

    def subscribe(self, topics: list[str]) -> None: ...

    def poll(self, timeout: float) -> Record | None:
        if not self._left:
            self._stopping.set()
            return None
        return self._left.pop(0)

    def commit(self, message: Record, asynchronous: bool) -> None:
        self.committed.append(message.offset())

    def close(self) -> None: ...

    def produce(self, topic: str, value: bytes, key: bytes, headers: Any, on_delivery: Any) -> None:
        self.given_up.append(dict(headers))
        on_delivery(None, None)

    def flush(self, timeout: float) -> int:
        return 0


class Sender:
    """Raises ``error`` for the first alert only."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.sent: list[str] = []

    def send(self, message: Outgoing) -> None:
        self.sent.append(message.id)
        if message.id == "id-0":
            raise self._error

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (Unavailable("it answered 500"), "hook: it answered 500"),
        (ValueError("expected '}' before end of string"), "hook: ValueError: expected '}' before end of"),
    ],
)
def test_an_error_that_nobody_foresaw_ended_the_carrier_silently(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception, why: str
) -> None:
    stopping = threading.Event()
    log, sender = Log(2, stopping), Sender(error)
    monkeypatch.setattr(kafka, "reader", lambda *_, **__: log)
    receiver = Webhook("hook", "http://x/", attempts=3, backoff_s=0.001)
    with caplog.at_level(logging.WARNING):
        Carrier("", receiver, sender, log, stopping, "w").run()  # type: ignore[arg-type]
    assert sender.sent == ["id-0"] * 3 + ["id-1"], "as many attempts as of any other failure, then the next"
    assert log.committed == [0, 1]
    [letter] = log.given_up
    assert letter["dlq_error"].decode().startswith(why) and letter["ce_id"] == b"id-0"
    told = [record for record in caplog.records if str(error) in record.getMessage()]
    assert [record.args[2] for record in told if isinstance(record.args, tuple)] == [1, 3]
    # A fault of ours is told with where it is.
    assert [bool(record.exc_info) for record in told] == [not isinstance(error, Unavailable)] * 2
