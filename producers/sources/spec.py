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
from urllib.parse import parse_qsl

from producers.sources.address import check_address, scheme_of, without_password
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
    scheme = scheme_of(spec)
    if scheme == "sim":
        return _simulated(spec, playback)
    if scheme in NETWORK:
        check_address(spec)
        return ThreadedSource(LiveReader(spec, fps=playback.fps, name=without_password(spec)))
    if scheme:
        raise ConfigError(
            f"source {without_password(spec)}: scheme {scheme!r} is none of {', '.join((*NETWORK, 'sim'))}"
        )
    return _recording(spec, playback)


def _recording(spec: str, playback: Playback) -> Source:
    path = _existing(spec)
    if path is None:
        # It may be a camera's address without its scheme.
        raise ConfigError(
            f"source {without_password(spec)}: no such file or directory; "
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


def _existing(spec: str) -> Path | None:
    try:
        path = Path(spec).expanduser()
        return path if path.exists() else None
    except (OSError, ValueError, RuntimeError):
        # Too long for a name, a null byte, a home of nobody; their texts would show the whole of it.
        return None


def _simulated(spec: str, playback: Playback) -> Source:
    from producers.sources.simulated import open_simulated

    query = spec.partition("?")[2].partition("#")[0]
    return open_simulated(dict(parse_qsl(query, keep_blank_values=True)), playback)
