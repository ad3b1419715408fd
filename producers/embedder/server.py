"""The embedder process: pictures in, embeddings out, by HTTP.

``POST /embed`` with a JPEG or PNG as body. It keeps nothing: no picture reaches a log or a disk. It is meant
for the API beside it, so it listens on loopback, and takes only what a page elsewhere can't send unasked.
"""

import logging
import signal
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import cv2

from producers.detect.select import BUILT_IN, detector_for, open_detector
from producers.embed.select import open_embedder
from producers.embedder.picture import NobodyShown, PictureEmbedder
from reid.contracts.codec import encode
from reid.contracts.embedder import PictureProblem
from reid.errors import ConfigError
from reid.runtime.ready import clear_ready, mark_ready
from reid.runtime.settings import Settings

log = logging.getLogger(__name__)

NAME: Final = "embedder"
#: Bytes of a picture.
MOST_BYTES: Final = 8 * 1024 * 1024
#: Seconds that a client may be silent in the middle of a request.
SILENT_S: Final = 10.0
#: A page of another origin can't send these without asking first, which nobody answers.
KINDS: Final = ("image/jpeg", "image/png")


class EmbedderServer(ThreadingHTTPServer):
    """Raises `ConfigError` when the address can't be had."""

    daemon_threads = True

    def __init__(self, host: str, port: int, pictures: PictureEmbedder) -> None:
        self.pictures = pictures
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise ConfigError(
                f"the embedder can't listen on {host}:{port} ({error.strerror}): set SAFEROOM_EMBEDDER_PORT, "
                "0 takes a free one"
            ) from error

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        return f"http://{'127.0.0.1' if host == '0.0.0.0' else host!s}:{port}"


class _Handler(BaseHTTPRequestHandler):
    timeout = SILENT_S
    protocol_version = "HTTP/1.1"
    server: EmbedderServer

    def do_POST(self) -> None:
        try:
            length = int(self.headers.get("Content-Length", ""))
        except ValueError:
            length = -1
        if self.path != "/embed":
            self._refuse(404, "there is only POST /embed")
        elif self.headers.get_content_type() not in KINDS:
            self._refuse(415, f"send {' or '.join(KINDS)}")
        elif not 0 < length <= MOST_BYTES:
            self._refuse(413, f"send a picture of at most {MOST_BYTES} bytes, with its Content-Length")
        else:
            self._embed(self.rfile.read(length))

    def _embed(self, picture: bytes) -> None:
        try:
            self._answer(200, encode(self.server.pictures.embed(picture)))
        except NobodyShown as error:
            self._answer(422, encode(PictureProblem(str(error))))
        except (cv2.error, ValueError, RuntimeError):
            log.exception("a picture could not be embedded")
            self._answer(500, encode(PictureProblem("the picture could not be embedded; the log says why")))

    def _refuse(self, status: int, detail: str) -> None:
        """Without having read the body: the connection can't be used again."""
        self.close_connection = True
        self._answer(status, encode(PictureProblem(detail)))

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        log.debug(format, *args)


def run(settings: Settings, *, stop: threading.Event | None = None) -> None:
    """Blocks until SIGTERM or SIGINT, or ``stop``. Raises `ConfigError` for a wrong model or address."""
    cv2.setNumThreads(1)
    stop = stop or threading.Event()
    # The simulated site's detector reads the site's own truth, which pictures do not bring.
    setting = BUILT_IN if settings.detector == "truth" else detector_for(settings.detector, "")
    # Opened once before anybody asks: a wrong setting ends this here, and a network is kept for all.
    open_detector(setting)
    pictures = PictureEmbedder(partial(open_detector, setting), open_embedder(settings.embedder))
    with EmbedderServer(settings.embedder_host, settings.embedder_port, pictures) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.2,), name="embedder", daemon=True)
        serving.start()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stop.set())
        mark_ready(settings, NAME, url=server.url)
        log.info("looks at pictures for searches at %s", server.url)
        try:
            stop.wait()
        finally:
            clear_ready(settings, NAME)
            server.shutdown()
            serving.join(2)
