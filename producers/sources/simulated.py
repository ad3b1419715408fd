"""The simulated site's cameras as sources: ``sim://?people=12&seed=0&camera=1&fps=5``.

=============  =========================================================================
``people``     1 to 40 (12)
``cameras``    rooms with a camera, 1 to 8 (4)
``camera``     which of them, from 1 (1)
``seed``       which site (0)
``family``     2 to 4 people, the first, walk together and nobody else does (0: some walk in pairs)
``fps``        frames a second (the setting camera_fps)
``realtime``   1: paced by the clock; 0: as fast as they can be made (the playback's)
``start_ms``   epoch milliseconds of simulated time 0 (the playback's, else this process' first camera)
``until``      simulated seconds after which it ends (never)
``loiterer``   number of a person, from 1, who stays in one room (0: nobody)
``intruder``   number of a person who enters the last room, which nobody else enters (0: nobody)
``changer``    number of a person who changes the jacket (0: nobody)
=============  =========================================================================
"""

import time
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from producers.frames import CapturedFrame
from producers.simulation.scenario import Scenario
from producers.simulation.site import Site
from producers.simulation.source import SimulatedCamera
from producers.sources.base import Playback, Source, SourceStats
from reid.errors import ConfigError

DEFAULTS: Final = {"people": 12.0, "cameras": 4.0, "camera": 1.0, "seed": 0.0, "family": 0.0}
OPTIONAL: Final = ("fps", "realtime", "start_ms", "until")
CAST: Final = ("loiterer", "intruder", "changer")


class SimulatedSource:
    """`Source` of one simulated camera. Frames are rendered when asked for, so that none waits; those whose
    time passed meanwhile are the dropped ones."""

    def __init__(self, camera: SimulatedCamera, name: str) -> None:
        self._stats = SourceStats()
        self._camera = camera
        self._name = name

    @property
    def stats(self) -> SourceStats:
        return self._stats

    def __iter__(self) -> Iterator[CapturedFrame]:
        stats = self._stats
        for made, frame in enumerate(self._camera, 1):
            height, width = frame.image.shape[:2]
            stats.streaming(width, height)
            stats.dropped = self._camera.dropped
            stats.captured = made + stats.dropped
            yield frame
        stats.state = "ended"

    def describe(self) -> str:
        return self._name

    def stop(self) -> None:
        self._camera.close()

    def close(self) -> None:
        self.stop()


def open_simulated(query: Mapping[str, str], playback: Playback) -> Source:
    """Raises `ConfigError` for a parameter that is unknown or out of range."""
    values = dict(DEFAULTS)
    for name, text in query.items():
        if name not in (*DEFAULTS, *OPTIONAL, *CAST):
            known = ", ".join((*DEFAULTS, *OPTIONAL, *CAST))
            raise ConfigError(f"sim:// has no parameter {name!r}; it has {known}")
        try:
            values[name] = float(text)
        except ValueError as error:
            raise ConfigError(f"sim:// parameter {name}={text!r} is not a number") from error
    people, cameras, seed = int(values["people"]), int(values["cameras"]), int(values["seed"])
    number, family = int(values["camera"]), int(values["family"])
    # Counted from 1, as cameras are.
    cast = {name: int(values[name]) - 1 for name in CAST if int(values.get(name, 0)) > 0}
    scenario = Scenario(**cast)
    fps = values.get("fps", playback.fps)
    start = values.get("start_ms", playback.start_ms)
    camera = SimulatedCamera(
        _site(people, max(cameras, number), seed, scenario, family),
        number - 1,
        fps,
        _process_start() if start is None else int(start),
        bool(values.get("realtime", playback.realtime)),
        values.get("until"),
    )
    return SimulatedSource(camera, f"sim://?people={people}&seed={seed}&camera={number}&fps={fps:g}")


@cache
def _site(people: int, cameras: int, seed: int, scenario: Scenario, family: int) -> Site:
    """One site for all its cameras in this process."""
    return Site(people, cameras, seed, scenario=scenario, family=family)


@cache
def _process_start() -> int:
    """Simulated time 0 of every camera here that is not told another: they must agree on who is where."""
    return time.time_ns() // 1_000_000
