"""What ends an attempt at an MQTT broker, whatever the broker does."""

import socket
import threading
import time

import pytest

from reid.contracts.alerts import AlertOpened
from reid.errors import Unavailable
from reid.runtime.alerts.receivers import Mqtt
from streams.delivery.message import outgoing
from streams.delivery.mqtt import MqttSender
from tests.unit.alerting.story import Story, rule, seen, tick

TIMEOUT_S = 1.0
#: CONNACK: accepted.
ACCEPTED = b"\x20\x02\x00\x00"


def test_an_attempt_took_its_timeout_for_the_connection_and_again_for_the_confirmation() -> None:
    story = Story(rule("restricted", severity="warning", rearm=1_000)).when(seen("a", 0), tick(10))
    message = outgoing("id-1", story.event(AlertOpened))
    assert message is not None
    ended = threading.Event()

    def serve(listening: socket.socket) -> None:
        """Accepts late, and confirms nothing."""
        with listening.accept()[0] as connection:
            time.sleep(TIMEOUT_S * 0.7)
            connection.sendall(ACCEPTED)
            ended.wait(10)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        sender = MqttSender(
            Mqtt("broker", f"mqtt://127.0.0.1:{listening.getsockname()[1]}", timeout_s=TIMEOUT_S)
        )
        began = time.monotonic()
        with pytest.raises(Unavailable, match="not confirmed within 1 s"):
            sender.send(message)
        took = time.monotonic() - began
        ended.set()
        thread.join()
    assert TIMEOUT_S <= took < TIMEOUT_S * 1.7
