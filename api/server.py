"""The API process."""

import errno
import logging
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

import uvicorn

from api.app import create_app
from api.commands import KafkaCommands
from api.reader import RedisReader
from api.readiness import KafkaLog
from reid.errors import ConfigError
from reid.runtime import logs
from reid.runtime.ready import clear_ready, mark_ready
from reid.runtime.settings import Settings

log = logging.getLogger(__name__)

NAME: Final = "api"
#: Seconds that open requests and WebSockets get to end after a stop request.
GRACE_S: Final = 2


def run(settings: Settings) -> None:
    """Blocks until SIGTERM or SIGINT. Raises `ConfigError` when the port is taken."""
    logs.configure(settings, NAME)
    bootstrap, redis_url = settings.kafka(), settings.redis()
    with closing(listen(settings.api_host, settings.api_port)) as listener:
        app = create_app(
            settings,
            RedisReader(redis_url),
            KafkaCommands(bootstrap, settings.command_timeout),
            KafkaLog(bootstrap),
        )
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            timeout_graceful_shutdown=GRACE_S,
            server_header=False,
        )
        server = _Server(config, settings, url_of(listener))
        try:
            server.run(sockets=[listener])
        finally:
            clear_ready(settings, NAME)


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one. Raises `ConfigError` with the remedy."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"port {port} on {host} is taken by another program: stop it, or set SAFEROOM_API_PORT to "
                "another port (0 takes a free one)"
            ) from error
        raise ConfigError(
            f"can't listen on {host}:{port} ({error.strerror}): set SAFEROOM_API_HOST and SAFEROOM_API_PORT"
        ) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Where a browser finds it."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """Tells when it listens, and returns on a signal, where uvicorn would raise it once more."""

    def __init__(self, config: uvicorn.Config, settings: Settings, url: str) -> None:
        super().__init__(config)
        self._settings, self._url = settings, url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            mark_ready(self._settings, NAME, url=self._url)
            log.info("answers at %s", self._url)

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
