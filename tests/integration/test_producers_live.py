"""A network camera that dies and comes back: a real HTTP stream, really read by FFmpeg."""

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

from producers.frames import CapturedFrame
from producers.sources.live import LiveReader
from producers.sources.threaded import ThreadedSource

pytestmark = pytest.mark.integration
PATIENCE_S = 60.0


class _Camera(ThreadingHTTPServer):
    """Motion JPEG at about 25 frames a second until `die`."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Stream)
        self.dead = threading.Event()
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/stream.mjpg"

    def die(self) -> None:
        self.dead.set()
        self.shutdown()
        self.server_close()
        self._thread.join(5)


class _Stream(BaseHTTPRequestHandler):
    server: _Camera

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        number = 0
        while not self.server.dead.is_set():
            number += 1
            picture = np.full((120, 160, 3), number % 250, np.uint8)
            jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
            try:
                self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\n")
                self.wfile.write(f"Content-Length: {len(jpeg)}\r\n\r\n".encode() + jpeg + b"\r\n")
            except OSError:
                return
            time.sleep(0.04)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def camera() -> Iterator[_Camera]:
    server = _Camera()
    yield server
    if not server.dead.is_set():
        server.die()


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def source_of(url: str) -> ThreadedSource:
    return ThreadedSource(LiveReader(url, fps=10, name=url, first_pause=0.2))


def collect(source: ThreadedSource) -> list[CapturedFrame]:
    """Frames as they come, by a thread of their own."""
    frames: list[CapturedFrame] = []
    threading.Thread(target=lambda: frames.extend(source), daemon=True).start()
    return frames


def test_a_stream_that_dies_and_returns_goes_on(camera: _Camera) -> None:
    source = source_of(camera.url)
    frames = collect(source)
    assert eventually(lambda: len(frames) >= 5)
    camera.die()
    assert eventually(lambda: source.stats.state == "reconnecting")
    assert camera.url in source.stats.detail
    before = len(frames)
    again = _Camera(camera.server_address[1])
    try:
        assert eventually(lambda: len(frames) >= before + 5)
        assert source.stats.state == "streaming"
        assert source.stats.detail == ""
    finally:
        source.close()
        again.die()
    times = [f.captured_at for f in frames]
    assert times == sorted(times)
    assert abs(times[-1] - time.time() * 1000) < 10_000
    assert [f.number for f in frames] == sorted({f.number for f in frames})


def test_a_camera_that_is_not_there_is_waited_for_and_named(caplog: pytest.LogCaptureFixture) -> None:
    source = source_of("http://127.0.0.1:9/stream.mjpg")
    collect(source)
    assert eventually(lambda: source.stats.state == "reconnecting")
    assert "does not answer: check its address" in source.stats.detail
    time.sleep(1.0)
    began = time.monotonic()
    source.close()
    assert time.monotonic() - began < 4
    said = [r for r in caplog.records if "does not answer" in r.message]
    assert len(said) == 1, "said once, not at every attempt"


def test_a_late_pipeline_loses_the_oldest_frames(camera: _Camera) -> None:
    source = source_of(camera.url)
    frames = iter(source)
    first = next(frames)
    assert eventually(lambda: source.stats.dropped >= 5)
    following = next(frames)
    source.close()
    assert following.number - first.number > 5
    assert following.captured_at - first.captured_at > 400
