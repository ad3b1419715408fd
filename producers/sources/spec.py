"""From what a person types to a source.

==============================  ======================================================================
``video.mp4``                   a video file
``pictures/``                   the images of a directory, in the order of their names
``0``                           webcam 0
``rtsp://…``, ``http(s)://…``   a network camera
``sim://?people=12&camera=1``   a camera of the simulated site (also ``seed``, ``fps``, ``realtime``, …)
==============================  ======================================================================
"""

from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlsplit, urlunsplit

from producers.sources.base import Playback, Source
from producers.sources.file import DirectoryReader, VideoReader
from producers.sources.live import LiveReader
from producers.sources.threaded import ThreadedSource
from reid.errors import ConfigError

NETWORK = ("rtsp", "rtsps", "rtmp", "http", "https", "udp", "tcp")


def open_source(spec: str, playback: Playback) -> Source:
    """Raises `ConfigError` when ``spec`` names nothing that can be a source."""
    spec = spec.strip()
    if spec.isdigit():
        return ThreadedSource(LiveReader(int(spec), fps=playback.fps, name=f"webcam {spec}"))
    url = urlsplit(spec)
    if url.scheme == "sim":
        return _simulated(url, playback)
    if url.scheme in NETWORK:
        return ThreadedSource(LiveReader(spec, fps=playback.fps, name=without_password(spec)))
    if "://" in spec:
        raise ConfigError(f"source {spec}: scheme {url.scheme!r} is none of {', '.join((*NETWORK, 'sim'))}")
    return _recording(Path(spec).expanduser(), playback)


def _recording(path: Path, playback: Playback) -> Source:
    if not path.exists():
        raise ConfigError(
            f"source {path}: no such file or directory; "
            "a source is a video, an image directory, a webcam number, an rtsp:// or http:// URL, or sim://"
        )
    kind = DirectoryReader if path.is_dir() else VideoReader
    reader = kind(
        path,
        fps=playback.fps,
        realtime=playback.realtime,
        loop=playback.loop,
        start_ms=playback.start_ms,
    )
    return ThreadedSource(reader, lossy=playback.realtime)


def without_password(url: str) -> str:
    """The URL as it may be logged."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{host}"))


def _simulated(url: SplitResult, playback: Playback) -> Source:
    from producers.sources.simulated import open_simulated

    return open_simulated(dict(parse_qsl(url.query, keep_blank_values=True)), playback)
