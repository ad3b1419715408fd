"""What `saferoom calibration show` tells. Times: ms since the epoch, unless named otherwise."""

import msgspec


class Step(msgspec.Struct, frozen=True):
    """One correction. ``camera_mean``: ``value`` is the length of the mean that a camera's looks lose from
    then on, of ``count`` tracks. ``answer``: log odds of an encoder, after ``count`` answers of people."""

    at: int
    kind: str
    model: str
    camera_id: str | None
    value: float
    count: int
    before: float | None = None


class CameraMean(msgspec.Struct, frozen=True):
    """``tracks``: counted by now; ``stated``: when the mean in force was stated, of which ``norm`` is the
    length (1: all looks are the same)."""

    model: str
    camera_id: str
    tracks: int
    stated: int
    norm: float | None


class Scale(msgspec.Struct, frozen=True):
    """Cosines of strangers before one camera, as scores are set off against: of ``looks`` persons."""

    model: str
    camera_id: str
    looks: int
    mean: float
    deviation: float


class Encoder(msgspec.Struct, frozen=True):
    """``calibration``, ``agreement`` of two crops: as its cameras report them, None where none does;
    ``learned``: log odds that ``answers`` of people have taught."""

    model: str
    calibration: tuple[tuple[float, float], ...] | None
    agreement: float | None
    learned: float
    answers: int


class Gap(msgspec.Struct, frozen=True):
    """``hits`` of ``opportunities`` came after ``from_s`` to ``to_s`` seconds (None: and later); ``odds``:
    what the gate adds to somebody who does."""

    from_s: int
    to_s: int | None
    hits: int
    opportunities: int
    odds: float


class Way(msgspec.Struct, frozen=True):
    """``median_ms``: between leaving the one and coming before the other camera, None where nobody walked."""

    from_camera: str
    to_camera: str
    hits: int
    opportunities: int
    median_ms: int | None
    gaps: tuple[Gap, ...]


class Clock(msgspec.Struct, frozen=True):
    """``delay_ms``: by how much its events come late, at least; ``ahead_ms``: of the other cameras by that;
    ``ahead_by_journeys_ms``: by how long people take there and back. None: nobody can tell."""

    camera_id: str
    delay_ms: int | None
    ahead_ms: int | None
    ahead_by_journeys_ms: int | None


class Calibration(msgspec.Struct, frozen=True):
    """Of a site, as of the event at ``at``."""

    site_id: str
    at: int
    events: int
    policy: str | None
    threshold: float | None
    persons: int
    encoders: tuple[Encoder, ...]
    scales: tuple[Scale, ...]
    means: tuple[CameraMean, ...]
    steps: tuple[Step, ...]
    gate: tuple[Way, ...]
    clocks: tuple[Clock, ...]
