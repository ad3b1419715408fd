"""The same people day after day: whether they keep their ids, and how many a site comes to.

    python -m benchmarks.returning --seed 3
    python -m benchmarks.returning --seed 3 --keep FILE --every 1   # what was seen is kept, and used again;
                                                                    # an hour between the days

The simulated site goes on for ``--days`` times ``--seconds``: the same people, other ways. Each part is
seen by trackers of its own and moved on by ``--every`` hours. ``new``: ids of that day which nobody had
before it.
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import cv2
import msgspec

from deploy.evaluate.footage import Footage, footage_of
from deploy.evaluate.stream import START_MS, decided
from deploy.evaluate.video_score import track_truths, video_score
from deploy.evaluate.watch import Look, Watched, watch
from deploy.identities import Identities
from producers.embed.select import open_embedder
from producers.simulation.site import Site
from reid.contracts.detections import Frame
from reid.contracts.events import PersonRegistered, PersonsMerged, PersonSplit, PersonSuggested
from reid.contracts.policy import Policy
from reid.runtime.settings import Settings

_HOUR_MS: Final = 3_600_000
_SCORES: Final = ("ids", "ids_per_person", "persons_per_id", "pair_f1", "cross_idf1")
_kept: Final = msgspec.json.Decoder(list[Look])


def seen(site: Site, seconds: float, detector: str, processes: int) -> list[Look]:
    """By all cameras, in order of capture."""
    jobs = [(site, seconds, detector, camera) for camera in range(site.cameras)]
    with get_context("fork").Pool(processes, maxtasksperchild=1) as pool:
        looks = [look for part in pool.map(_seen, jobs, chunksize=1) for look in part]
    return sorted(looks, key=lambda look: (look.captured_at, look.camera_id))


def _seen(job: tuple[Site, float, str, int]) -> list[Look]:
    site, seconds, detector, camera = job
    cv2.setNumThreads(1)
    settings = Settings()
    footage = footage_of(site, seconds, settings.camera_fps, START_MS)
    one = Footage(footage.name, footage.cameras[camera : camera + 1])
    return watch(
        one, detector, open_embedder(settings.embedder), settings.camera_fps, settings.embed_interval
    ).looks


def looks_of(asked: argparse.Namespace) -> list[Look]:
    """What was seen: kept from before, or seen now and kept."""
    if asked.keep is not None and asked.keep.exists():
        return _kept.decode(asked.keep.read_bytes())
    looks = seen(Site(12, 4, asked.seed), asked.days * asked.seconds, asked.detector, asked.processes)
    if asked.keep is not None:
        asked.keep.write_bytes(msgspec.json.encode(looks))
    return looks


def parser_of(described: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(described or "").split("\n\n", 1)[0])
    parser.add_argument("--days", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--detector", default="hog")
    parser.add_argument("--every", type=float, default=24.0, metavar="HOURS")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", type=Path, metavar="FILE", help="what was seen is kept there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result")
    return parser


def asked_days(asked: argparse.Namespace) -> list[Watched]:
    return days_of(looks_of(asked), asked.seconds, asked.days, round(asked.every * _HOUR_MS))


def command_of(module: str, asked: argparse.Namespace) -> str:
    return (
        f"python -m benchmarks.{module} --days {asked.days} --seconds {asked.seconds:g} --seed {asked.seed} "
        f"--detector {asked.detector} --every {asked.every:g}"
    )


def days_of(looks: Sequence[Look], seconds: float, days: int, every_ms: int) -> list[Watched]:
    """Cut into days, each ``every_ms`` after the one before."""
    found = [Watched() for _ in range(days)]
    for look in looks:
        day = min(int((look.captured_at - START_MS) / (seconds * 1000)), days - 1)
        on = day * (every_ms - round(seconds * 1000))
        frame = None if look.frame is None else _moved(look.frame, day, on)
        found[day].looks.append(look._replace(captured_at=look.captured_at + on, frame=frame))
    return found


def _moved(frame: Frame, day: int, on: int) -> Frame:
    persons = tuple(
        msgspec.structs.replace(person, since=person.since + on if person.since else 0)
        for person in frame.persons
    )
    return msgspec.structs.replace(
        frame, captured_at=frame.captured_at + on, session=f"day{day}", persons=persons
    )


def measure(days: Sequence[Watched], policy: Policy) -> dict[str, Any]:
    every = Watched([look for day in days for look in day.looks])
    identities, told = Identities(), Counter[str]()
    for event in decided(every.messages(), policy):
        identities.fold(event)
        if isinstance(event, PersonRegistered | PersonsMerged | PersonSplit | PersonSuggested):
            told[type(event).__name__] += 1
    rows, known = [], set[str]()
    for number, day in enumerate(days, 1):
        ids = {track.person_id for track in track_truths(day, identities) if track.person_id is not None}
        score = video_score(day, identities)
        rows.append({"day": number, "new": len(ids - known), **{name: score[name] for name in _SCORES}})
        known |= ids
    score = video_score(every, identities)
    return {"days": rows, "all": {name: score[name] for name in _SCORES}, "told": dict(told)}


def main() -> None:
    asked = parser_of(__doc__).parse_args()
    result = {"command": command_of("returning", asked), **measure(asked_days(asked), Policy())}
    for row in result["days"]:
        print(_told(row), flush=True)
    print(f"all    {_told(result['all'])}   {result['told']}")
    if asked.json is not None:
        asked.json.write_text(json.dumps(result, indent=1) + "\n")


def _told(row: dict[str, Any]) -> str:
    return "  ".join(
        f"{name} {value:.2f}" if isinstance(value, float) else f"{name} {value}"
        for name, value in row.items()
    )


if __name__ == "__main__":
    main()
