"""The seam between a camera and the pipeline, and the counters that a source keeps."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from producers.frames import CapturedFrame

State = Literal["starting", "streaming", "reconnecting", "ended", "failed"]


@dataclass(slots=True)
class SourceStats:
    """What a source did so far. Written by its reader thread, read by whoever reports.

    ``captured``: frames taken for processing; ``dropped``: of these, thrown away because the pipeline was
    late; ``corrupt``: frames that could not be decoded. ``detail``: why it does not stream, and the remedy.
    """

    state: State = "starting"
    detail: str = ""
    width: int = 0
    height: int = 0
    captured: int = 0
    dropped: int = 0
    corrupt: int = 0

    def streaming(self, width: int, height: int) -> None:
        """A good frame of this size came."""
        self.state, self.detail = "streaming", ""
        self.width, self.height = width, height


@dataclass(frozen=True, slots=True)
class Playback:
    """How a source is read. ``fps``: frames taken a second.

    For recordings alone: ``realtime``, else read flat out and nothing is dropped; ``loop``; ``start_ms``,
    epoch milliseconds of the first frame (None: now).
    """

    fps: float = 5.0
    realtime: bool = True
    loop: bool = False
    start_ms: int | None = None


class Source(Protocol):
    """Frames of one camera in the order of their capture.

    Iterating blocks until the next frame and ends with the source. It raises `ConfigError` when the source
    can never be read and `Unavailable` when it broke for good; a live source that is away is waited for.
    """

    @property
    def stats(self) -> SourceStats: ...

    def __iter__(self) -> Iterator[CapturedFrame]: ...

    def describe(self) -> str:
        """For people: what is read, without passwords."""
        ...

    def stop(self) -> None:
        """Asks reading to end, and a blocked iteration ends; does not wait. From any thread, and twice."""
        ...

    def close(self) -> None:
        """Stops reading; a blocked iteration ends. May be called from any thread, and twice."""
        ...
