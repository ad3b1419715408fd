"""An MQTT broker: one publication for each alert event, confirmed by the broker (QoS 1 or 2)."""

import threading
import time
from typing import Any, Final
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from reid.errors import Unavailable
from reid.runtime.alerts.receivers import Mqtt
from streams.delivery.message import Outgoing

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_KEEPALIVE_S: Final = 30


class MqttSender:
    """Connects at the first attempt, and again when the connection is lost."""

    def __init__(self, receiver: Mqtt) -> None:
        self._receiver = receiver
        self._client: paho.Client | None = None
        self._connected = threading.Event()
        self._refused = ""

    def send(self, message: Outgoing) -> None:
        """One attempt. Raises `Unavailable` unless the broker confirms it in time."""
        # Of the connection and the confirmation together.
        deadline = time.monotonic() + self._receiver.timeout_s
        client = self._client or self._connect()
        if not self._connected.wait(max(deadline - time.monotonic(), 0)):
            self.close()
            raise Unavailable(self._refused or "no connection")
        event = message.event
        topic = self._receiver.topic.format(
            site=event.site_id, rule=_level(event.rule), kind=event.kind, severity=event.severity
        )
        try:
            published = client.publish(topic, message.body, qos=self._receiver.qos)
            published.wait_for_publish(max(deadline - time.monotonic(), 0))
        except (RuntimeError, ValueError) as error:
            self.close()
            raise Unavailable(f"not published: {error}") from error
        if not published.is_published():
            # A new connection, or this one would come late and twice.
            self.close()
            raise Unavailable(f"not confirmed within {self._receiver.timeout_s:g} s")

    def close(self) -> None:
        client, self._client = self._client, None
        self._connected.clear()
        if client is not None:
            client.disconnect()
            client.loop_stop()

    def _connect(self) -> paho.Client:
        receiver, url = self._receiver, urlsplit(self._receiver.url)
        client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        client.connect_timeout = receiver.timeout_s
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        if receiver.username is not None:
            client.username_pw_set(receiver.username, receiver.password)
        try:
            if url.scheme == "mqtts":
                client.tls_set(ca_certs=receiver.ca_file)
            client.connect(url.hostname or "", url.port or _PORTS[url.scheme], _KEEPALIVE_S)
        except (OSError, ValueError) as error:
            raise Unavailable(f"no connection: {error}") from error
        client.loop_start()
        self._client = client
        return client

    def _on_connect(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._refused = f"the broker refuses: {reason}"
        else:
            self._refused = ""
            self._connected.set()

    def _on_disconnect(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._connected.clear()


def _level(text: str) -> str:
    """Of a topic: what separates levels or is a wildcard can't be in one."""
    return "".join("_" if letter in "/+#\x00" else letter for letter in text)
