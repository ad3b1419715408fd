"""The API process."""

import errno
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

import uvicorn

from api.app import create_app
from api.commands import KafkaCommands
from api.pictures import KafkaPictures
from api.reader import RedisReader
from api.readiness import KafkaLog
from reid.errors import ConfigError
from reid.runtime import logs
from reid.runtime.kafka_refusal import refuse
from reid.runtime.ready import clear_ready, mark_ready
from reid.runtime.settings import Settings

log = logging.getLogger(__name__)

NAME: Final = "api"
#: Seconds that open requests and WebSockets get to end after a stop request.
GRACE_S: Final = 2
#: Bytes of a message over a WebSocket, which is ignored: else each client could have 16 MiB held.
_HEARD: Final = 4096
#: What uvicorn logs as an error of each WebSocket that is refused by an HTTP answer (401, 429): it has one.
_NO_FAULT: Final = "ASGI callable returned without completing handshake."


def run(settings: Settings) -> None:
    """Blocks until SIGTERM or SIGINT. Raises `ConfigError` when the port is taken."""
    logs.configure(settings, NAME)
    with closing(listen(settings.api_host, settings.api_port)) as listener:
        url = url_of(listener)

        def started() -> None:
            mark_ready(settings, NAME, url=url)
            log.info("answers at %s", url)

        try:
            server_of(settings, started).run(sockets=[listener])
        finally:
            clear_ready(settings, NAME)


def server_of(settings: Settings, on_started: Callable[[], None]) -> uvicorn.Server:
    """A server on the settings' Kafka and Redis; run it on a socket of `listen`."""
    bootstrap = settings.kafka()
    refuse(bootstrap)
    app = create_app(
        settings,
        RedisReader(settings.redis()),
        KafkaCommands(bootstrap, settings.command_timeout),
        KafkaLog(bootstrap),
        pictures=KafkaPictures(bootstrap, settings.site_id) if settings.live_pictures else None,
    )
    return serving(app, on_started)


def serving(app: Any, on_started: Callable[[], None]) -> uvicorn.Server:
    """A server of any ASGI application that ends within `GRACE_S` of a signal, whoever is connected."""
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        timeout_graceful_shutdown=GRACE_S,
        server_header=False,
        ws_max_size=_HEARD,
    )
    made = _Server(config, on_started)
    logging.getLogger("uvicorn.error").addFilter(_faults)
    return made


def _faults(said: logging.LogRecord) -> bool:
    return said.msg != _NO_FAULT


def listen(
    host: str, port: int, *, host_by: str = "SAFEROOM_API_HOST", port_by: str = "SAFEROOM_API_PORT"
) -> socket.socket:
    """A bound socket; port 0 takes a free one. Raises `ConfigError` with the remedy: ``host_by`` and
    ``port_by`` are the settings, or options, that they came from."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"port {port} on {host} is taken by another program: stop it, or set {port_by} to "
                "another port (0 takes a free one)"
            ) from error
        raise ConfigError(
            f"can't listen on {host}:{port} ({error.strerror}): set {host_by} and {port_by}"
        ) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Where a browser finds it."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """Tells when it listens, and returns on a signal, where uvicorn would raise it once more."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {s: signal.signal(s, self.handle_exit) for s in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
