"""Frames that come late, out of order, or by a clock that is wrong: what that costs identities and journeys.

    python -m benchmarks.late                                    # true boxes, seeds 3, 4, 5
    python -m benchmarks.late --detector hog --seeds 3 --json FILE

One simulated site is watched once and decided in several orders: as the frames were taken, and with one
camera, room2, whose link is slow, was cut off, or whose clock was wrong for a while. The ids are those that
each box had when its frame was decided; merges are followed. Whatever comes late, a perfect rule would tell
the same as in order.
"""

import argparse
import json
import random
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any, Final, NamedTuple

import cv2
import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.journeys import TRUTH_FPS, Sight, sights, told_of
from deploy.evaluate.footage import footage_of
from deploy.evaluate.stream import START_MS
from deploy.evaluate.video_score import video_score
from deploy.evaluate.watch import Look, Watched, watch
from deploy.identities import Identities
from deploy.report import write_json
from producers.embed.select import open_embedder
from producers.simulation.site import Site
from reid.contracts.detections import Detections
from reid.contracts.events import AnyEvent, PersonLeft, PersonSeen
from reid.contracts.policy import Policy
from reid.contracts.topics import DEFAULT_SITE
from reid.domain.policy import Policies
from reid.domain.present import tracks_of
from reid.domain.state import PartitionState
from reid.domain.step import step
from reid.domain.validate import check
from reid.runtime.settings import Settings

LATE: Final = "room2"
#: Of the identities and journeys; of the events.
_SHARES: Final = ("cross_idf1", "ids_per_person", "persons_per_id", "pair_f1", "legs_right")
_COUNTS: Final = ("events", "bound", "ended", "two_in_one_frame")


class Order(NamedTuple):
    """``arrives``: seconds at which a frame of `LATE` comes that was taken then, both from the start;
    ``stamped``: seconds that its time says."""

    name: str
    arrives: Callable[[float], float] = lambda taken: taken
    stamped: Callable[[float], float] = lambda taken: taken


def orders() -> list[Order]:
    dice = random.Random(7)
    return [
        Order("in order"),
        *(Order(f"{n} s late", lambda taken, n=n: taken + n) for n in (2, 10, 60)),  # type: ignore[misc]
        Order("cut off for 30 s", lambda taken: _back(taken, 60, 90)),
        Order("cut off for 2.5 min", lambda taken: _back(taken, 20, 170)),
        Order("out of order within 2 s", lambda taken: taken + 2 * dice.random()),
        Order("clock 10 s behind", stamped=lambda taken: taken - 10),
        Order("20 min ahead for 10 s", stamped=lambda taken: taken + 1_200 * (60 <= taken < 70)),
    ]


def _back(taken: float, since: float, until: float) -> float:
    """What was taken between these comes at the end of that time, at once."""
    return until if since <= taken < until else taken


@dataclass
class Decided:
    """``events`` as they are in the log, ``identities`` by the time at which each was decided."""

    events: list[AnyEvent]
    identities: Identities
    looks: list[Look]
    twice: int


def decided(looks: Iterable[Look], order: Order) -> Decided:
    """By the real rule. In ``looks`` of the answer the times are those of arrival, ms since the epoch."""
    state, policies = PartitionState(), Policies(Policy())
    found = Decided([], Identities(), [], 0)
    coming = sorted(((_arrival(look, order), look) for look in looks), key=lambda one: one[0])
    for arrival, look in coming:
        found.looks.append(look._replace(captured_at=arrival))
        if look.frame is None:
            continue
        frame = look.frame
        if look.camera_id == LATE:
            frame = msgspec.structs.replace(frame, captured_at=_ms(order.stamped(_s(look.captured_at))))
            ahead = frame.captured_at - look.captured_at
            persons = tuple(
                msgspec.structs.replace(p, since=p.since + ahead if p.since else 0) for p in frame.persons
            )
            frame = msgspec.structs.replace(frame, persons=persons)
        message = Detections(DEFAULT_SITE, "late", (frame,))
        check(message)
        for event in step(state, message, policies):
            found.events.append(event)
            found.identities.fold(msgspec.structs.replace(event, at=arrival))
        bound = state.site(DEFAULT_SITE).camera(frame.camera_id).bound
        ids = [bound[track].person_id for track in tracks_of(frame) if track in bound]
        found.twice += len(ids) - len(set(ids))
    return found


def _arrival(look: Look, order: Order) -> int:
    return _ms(order.arrives(_s(look.captured_at))) if look.camera_id == LATE else look.captured_at


def _s(at: int) -> float:
    return (at - START_MS) / 1000


def _ms(seconds: float) -> int:
    return START_MS + round(seconds * 1000)


def measure(
    watched: Watched, site: Site, seconds: float, moments: list[list[Sight]], order: Order, settings: Settings
) -> dict[str, Any]:
    """One site in one order."""
    found = decided(watched.looks, order)
    score = video_score(Watched(found.looks), found.identities)
    legs = told_of(site, seconds, moments, found.events, settings)
    seen = [e for e in found.events if isinstance(e, PersonSeen)]
    return {
        **{name: round(score[name], 4) for name in _SHARES if name in score},
        "legs_right": legs["right"],
        "true_legs": legs["true_legs"],
        "events": len(found.events),
        "bound": sum(e.reason == "bound" for e in seen),
        "ended": sum(isinstance(e, PersonLeft) and e.reason == "track_ended" for e in found.events),
        "two_in_one_frame": found.twice,
    }


def main() -> int:
    args = _arguments()
    cv2.setNumThreads(1)
    settings = Settings.model_validate({"detector": args.detector})
    seeds = [int(seed) for seed in args.seeds.split(",")]
    rows: dict[str, list[dict[str, Any]]] = {}
    for seed in seeds:
        site = Site(args.people, args.cameras, seed)
        moments = list(sights(site, args.seconds, TRUTH_FPS))
        footage = footage_of(site, args.seconds, settings.camera_fps, START_MS)
        embedder = open_embedder(settings.embedder)
        watched = watch(footage, args.detector, embedder, settings.camera_fps, settings.embed_interval)
        for order in orders():
            row = measure(watched, site, args.seconds, moments, order, settings)
            rows.setdefault(order.name, []).append({"seed": seed, **row})
            print(json.dumps({"order": order.name, "seed": seed, **row}), flush=True)
        if args.json is not None:
            command = " ".join(["python -m benchmarks.late", *(a.rpartition("/")[2] for a in sys.argv[1:])])
            write_json(args.json, {"command": command, "orders": rows})
    Console(width=160, highlight=False).print(_table(rows))
    return 0


def _table(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> Table:
    table = Table(title="means of the seeds")
    for name in ("order", *_SHARES, *_COUNTS):
        table.add_column(name)
    for name, each in rows.items():
        shares = [f"{mean(row[column] for row in each):.3f}" for column in _SHARES]
        table.add_row(name, *shares, *(f"{mean(row[column] for row in each):.0f}" for column in _COUNTS))
    return table


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", 1)[0])
    parser.add_argument("--people", type=int, default=12)
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--seeds", default="3,4,5")
    parser.add_argument("--detector", default="truth")
    parser.add_argument("--json", type=Path, help="where the result is written")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
