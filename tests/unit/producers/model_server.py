"""A real HTTP server on loopback that serves one file, well or badly."""

import contextlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Behaviour:
    """``drops``: bytes after which each further connection is cut; ``statuses``: answered first, in order."""

    content: bytes
    drops: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    ranges: bool = True
    chunked: bool = False
    asked: list[str | None] = field(default_factory=list)
    """The ``Range`` header of each request."""


@contextlib.contextmanager
def serving(behaviour: Behaviour) -> Iterator[str]:
    """The address of the folder that holds the file."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            behaviour.asked.append(asked)
            self.close_connection = True
            if behaviour.statuses:
                self.send_response(behaviour.statuses.pop(0))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and behaviour.ranges else 0  # type: ignore[index]
            whole = len(behaviour.content)
            if start >= whole:
                self.send_response(416)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self._head(start, whole)
            body = behaviour.content[start:]
            if behaviour.drops:
                self.wfile.write(body[: behaviour.drops.pop(0)])
            else:
                self.wfile.write(body)

        def _head(self, start: int, whole: int) -> None:
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
            if not behaviour.chunked:
                self.send_header("Content-Length", str(whole - start))
            self.send_header("Connection", "close")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/models"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
