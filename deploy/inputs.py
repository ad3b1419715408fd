"""What the demo's cameras look at: the simulated site, or videos."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.score import TrueBox, TruthOf
from producers.simulation.scenario import NOBODY, Scenario
from reid.contracts.detections import Frame
from reid.errors import ConfigError

VIDEO_SUFFIXES: Final = frozenset({".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg"})


@dataclass(frozen=True, slots=True)
class Simulation:
    """Arguments of `producers.simulation.site.Site`. ``start_ms``: epoch milliseconds of simulated time 0."""

    people: int
    cameras: int
    seed: int
    start_ms: int
    family: int = 0
    scenario: Scenario = NOBODY

    def sources(self) -> list[str]:
        site = f"people={self.people}&cameras={self.cameras}&seed={self.seed}&start_ms={self.start_ms}"
        if self.family:
            site += f"&family={self.family}"
        for part, person in self.scenario.cast().items():
            site += f"&{part}={person + 1}"
        return [f"sim://?{site}&camera={number}" for number in range(1, self.cameras + 1)]

    def truth(self) -> TruthOf:
        """Who is in a frame: those of whom enough is in sight to be found."""
        from producers.detect.truth import MIN_VISIBILITY
        from producers.simulation.site import Site

        site = Site(self.people, self.cameras, self.seed, scenario=self.scenario, family=self.family)

        def truth_of(frame: Frame) -> Sequence[TrueBox]:
            camera = int(frame.camera_id.removeprefix("room")) - 1
            seen = site.truth(camera, (frame.captured_at - self.start_ms) / 1000)
            return [TrueBox(p.person_id, p.bbox) for p in seen if p.visibility >= MIN_VISIBILITY]

        return truth_of


def video_files(paths: Sequence[Path]) -> list[Path]:
    """Files as given, directories as their videos by name. Raises `ConfigError` for what can't be read."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = sorted(p for p in path.rglob("*") if p.suffix.lower() in VIDEO_SUFFIXES)
            if not found:
                raise ConfigError(
                    f"video {path}: no video in this directory ({', '.join(sorted(VIDEO_SUFFIXES))})"
                )
            files += found
        elif path.is_file():
            files.append(path)
        else:
            raise ConfigError(f"video {path}: no such file or directory")
    for file in files:
        _readable(file)
    return files


def _readable(file: Path) -> None:
    """One decoded frame says more than any look at the name."""
    import cv2

    capture = cv2.VideoCapture(str(file))
    try:
        good = capture.isOpened() and capture.read()[0]
    finally:
        capture.release()
    if not good:
        raise ConfigError(
            f"video {file}: no frame of it can be decoded; check it with `ffprobe`, "
            "or convert it to an H.264 .mp4"
        )
