"""The alert agent on real servers, and receivers that keep what they are told, for tests."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from amqtt.broker import Broker
from confluent_kafka import OFFSET_BEGINNING, TopicPartition
from paho.mqtt.enums import CallbackAPIVersion

from reid.contracts.codec import decode_alert
from reid.contracts.topics import ALERTS
from reid.runtime import kafka
from reid.runtime.ready import read_ready
from reid.runtime.servers.ports import choose
from reid.runtime.settings import Settings
from streams.alerting.process import run
from tests.integration.event_log import until


@contextmanager
def agent(settings: Settings, rules: Path) -> Iterator[threading.Thread]:
    """`saferoom alerts` in a thread; ends with the block."""
    stop = threading.Event()
    mine = settings.model_copy(update={"alerts": rules})
    thread = threading.Thread(target=run, args=(mine, stop), name="alerts")
    thread.start()
    try:
        until(lambda: (read_ready(mine, "alerts") or {}).get("partitions"), 30)
        yield thread
    finally:
        stop.set()
        thread.join(15)
        assert not thread.is_alive()


def read_all(bootstrap: str, topic: str) -> list[Any]:
    """All committed records of a topic, by partition."""
    consumer = kafka.reader(bootstrap)
    found = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in found])
    records, ended = [], set()
    try:
        while len(ended) < len(found):
            for message in consumer.consume(500, timeout=0.5):
                if message.error() is not None:
                    ended.add(message.partition())
                else:
                    records.append(message)
    finally:
        consumer.close()
    return records


def alerts_of(bootstrap: str) -> list[Any]:
    return [decode_alert(record.value()) for record in read_all(bootstrap, ALERTS.name)]


class Hook:
    """A webhook. ``answer(n)``: status of the n-th request, from 0; it may take its time."""

    def __init__(self, answer: Callable[[int], int] = lambda n: 204) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                number = len(hook.requests)
                hook.requests.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(answer(number))
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def __enter__(self) -> "Hook":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.requests]


class MqttBroker:
    """A real broker on loopback; ``start`` and ``stop`` as often as one likes, on one port."""

    def __init__(self) -> None:
        (self.port,) = choose(1)
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self._stop: Callable[[], None] | None = None

    def start(self) -> None:
        ready = threading.Event()
        thread = threading.Thread(target=self._serve, args=(ready,), name="mqtt", daemon=True)
        thread.start()
        assert ready.wait(10)
        self._thread = thread

    def stop(self) -> None:
        if self._stop is not None:
            self._stop()
            self._thread.join(10)
            self._stop = None

    def _serve(self, ready: threading.Event) -> None:
        async def main() -> None:
            config = {
                "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{self.port}"}},
                "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
            }
            broker = Broker(config)
            await broker.start()
            loop, ended = asyncio.get_running_loop(), asyncio.Event()
            self._stop = lambda: loop.call_soon_threadsafe(ended.set)  # type: ignore[assignment,return-value]
            ready.set()
            await ended.wait()
            await broker.shutdown()

        asyncio.run(main())


class MqttListener:
    """Subscribed to everything below ``saferoom/``."""

    def __init__(self, broker: MqttBroker) -> None:
        self.messages: list[tuple[str, dict[str, Any]]] = []
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "listener", protocol=paho.MQTTv311)
        self._client.on_connect = lambda client, *_: client.subscribe("saferoom/#", qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _, __, message: self.messages.append(
            (message.topic, json.loads(message.payload))
        )
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        assert self._subscribed.wait(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
