"""The demo's unusual cast through the whole pipeline: journeys, groups, jackets and alerts against the truth.

    python -m benchmarks.unusual                              # true boxes, then the built-in detector
    python -m benchmarks.unusual --detector hog --keep DIR    # detections are kept, and used again
    python -m benchmarks.unusual --seeds 3,4,5
    python -m benchmarks.unusual --detector known             # what crops can show at best
    python -m benchmarks.unusual --gaps --seeds 3,5           # where people are while a camera misses them

Twelve people on four cameras: three walk together, one loiters, one enters the forbidden last room at
night, one changes the jacket. Pictures are rendered, people found, tracked and embedded, identities decided,
views folded and alert rules run, all by the parts that the running system has. What should be told is what
the same rules tell of perfect detections and appearances. ``known``: crops and their quality as the cameras
publish them of true boxes, but tracks and appearances without fault.
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import msgspec

from benchmarks.attributes import truth_of
from benchmarks.journeys import (
    LOST_MS,
    MODEL,
    TRUTH_FPS,
    Crops,
    Shows,
    Sight,
    gaps,
    look_of,
    perfect,
    sights,
    told_of,
)
from deploy.cast import unusual_rules
from deploy.evaluate.footage import footage_of
from deploy.evaluate.stream import START_MS, decided
from deploy.evaluate.watch import watch
from deploy.identities import Identities
from deploy.score import iou
from producers.embed.select import open_embedder
from producers.simulation.scenario import UNUSUAL, UNUSUAL_FAMILY
from producers.simulation.site import Site
from reid.alerting.state import SiteState
from reid.alerting.step import Source, step
from reid.contracts.alerts import AlertOpened
from reid.contracts.codec import decode_detections, encode
from reid.contracts.detections import Detections, Person
from reid.contracts.events import AnyEvent, PersonAppearanceChanged, TrackRef
from reid.contracts.policy import Policy
from reid.contracts.topics import EVENTS
from reid.runtime.alerts.file import loads
from reid.runtime.settings import Settings

#: Part of a true box and a found one that is of both, from which the one shows the other.
SAME_BOX: Final = 0.5
_kept: Final = msgspec.json.Decoder(list[msgspec.Raw])

#: Rule, camera, and who it is about; None: an id that shows nobody.
Alert = tuple[str, str | None, int | None]


class Jacket(NamedTuple):
    """A change of the upper garment that the log tells. ``at``: seconds from the start."""

    person: int | None
    before: str
    after: str
    at: int


def detections(
    site: Site, seconds: float, detector: str, settings: Settings, kept: Path | None
) -> list[Detections]:
    """What the cameras publish; from ``kept`` where that was written before."""
    if kept is not None and kept.exists():
        return [decode_detections(bytes(raw)) for raw in _kept.decode(kept.read_bytes())]
    footage = footage_of(site, seconds, settings.camera_fps, START_MS)
    embedder = open_embedder(settings.embedder)
    watched = watch(
        footage, detector, embedder, settings.camera_fps, settings.embed_interval, settings.attributes
    )
    found = list(watched.messages())
    if kept is not None:
        kept.write_bytes(b"[" + b",".join(encode(message) for message in found) + b"]")
    return found


def recognised(messages: Iterable[Detections], moments: Sequence[Sequence[Sight]]) -> Iterator[Detections]:
    """As a tracker and encoder without fault would publish these boxes: what is good enough to be embedded
    shows for sure whom it shows."""
    true, tracks, number = by_frame(moments), dict[tuple[str, int], tuple[int, int, int]](), 0
    for message in messages:
        frames = []
        for frame in message.frames:
            persons: dict[int, Person] = {}
            for person in frame.persons:
                who = whom(person, true[frame.captured_at, frame.camera_id])
                if who is None or who in persons:
                    continue
                at = frame.captured_at
                last, since, track = tracks.get((frame.camera_id, who), (0, 0, 0))
                if at - last > LOST_MS:
                    number += 1
                    since, track = at, number
                tracks[frame.camera_id, who] = at, since, track
                look = look_of(who) if person.embedding is not None else None
                persons[who] = msgspec.structs.replace(
                    person, tracker_id=track, embedding=look, since=since if look is not None else 0
                )
            model = MODEL if frame.model is not None else None
            frames.append(msgspec.structs.replace(frame, model=model, persons=tuple(persons.values())))
        yield msgspec.structs.replace(message, frames=tuple(frames))


def by_frame(moments: Iterable[Iterable[Sight]]) -> defaultdict[tuple[int, str], list[Sight]]:
    """Who is in sight, by time and camera."""
    true: defaultdict[tuple[int, str], list[Sight]] = defaultdict(list)
    for sight in (sight for seen in moments for sight in seen):
        true[sight.at, sight.camera_id].append(sight)
    return true


def whom(person: Person, here: Iterable[Sight]) -> int | None:
    """Whom a box shows; None: nobody who is well in sight."""
    best = max(here, key=lambda sight: iou(sight.bbox, person.bbox), default=None)
    return best.person if best is not None and iou(best.bbox, person.bbox) >= SAME_BOX else None


def worn(site: Site, person: int, t: float) -> dict[str, str]:
    """What somebody wears, in the words of `reid.contracts.attributes`; the first where several are right."""
    words = truth_of(site.worn(person, t))
    return {name: words[name].partition("|")[0] for name in ("upper", "lower")}


def shown(
    messages: Iterable[Detections], moments: Sequence[Sequence[Sight]], events: Iterable[AnyEvent]
) -> Shows:
    """Id, as merges left it -> whom it shows most often, box by box."""
    identities = Identities()
    for event in events:
        identities.fold(event)
    true = by_frame(moments)
    counts: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for frame in (frame for message in messages for frame in message.frames):
        for person in frame.persons:
            track = TrackRef(frame.camera_id, frame.session, str(person.tracker_id))
            id_ = identities.person_at(track, frame.captured_at)
            who = whom(person, true[frame.captured_at, frame.camera_id])
            if id_ is not None and who is not None:
                counts[id_][who] += 1
    return {id_: found.most_common(1)[0][0] for id_, found in counts.items()}


def crops_of(messages: Iterable[Detections], moments: Sequence[Sequence[Sight]]) -> Crops:
    """When each camera embedded a crop of somebody."""
    true = by_frame(moments)
    found: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    for frame in (frame for message in messages for frame in message.frames):
        for person in frame.persons:
            who = whom(person, true[frame.captured_at, frame.camera_id])
            if who is not None and person.embedding is not None:
                found[who, frame.camera_id].append(frame.captured_at)
    return found


def alerts_of(events: Iterable[AnyEvent], cameras: int, shows: Shows) -> list[Alert]:
    """What the rules of the demo's unusual cast open, and about whom each is in the end."""
    rules, state = loads(unusual_rules(START_MS, cameras)).rules, SiteState()
    opened = [
        alert
        for place, event in enumerate(events)
        for alert in step(state, event, Source(f"{EVENTS.name}/0/{place}"), rules)
        if isinstance(alert, AlertOpened)
    ]
    subjects: dict[str | None, str | None] = dict(state.subjects)
    about = (subjects.get(alert.person_id, alert.person_id) for alert in opened)
    return sorted(
        ((alert.rule, alert.camera_id, shows.get(id_)) for alert, id_ in zip(opened, about, strict=True)),
        key=json.dumps,
    )


def jackets(events: Sequence[AnyEvent], shows: Shows) -> list[Jacket]:
    """Changes of the upper garment, of ids as merges left them."""
    identities = Identities()
    for event in events:
        identities.fold(event)
    return [
        Jacket(
            shows.get(identities.survivor(event.person_id)),
            event.before,
            event.after,
            (event.at - START_MS) // 1000,
        )
        for event in events
        if isinstance(event, PersonAppearanceChanged) and event.attribute == "upper" and event.before
    ]


def against(told: Iterable[Any], expected: Iterable[Any]) -> dict[str, int]:
    """How much of it is right, wrong and missed."""
    said, true = Counter(told), Counter(expected)
    right = (said & true).total()
    return {"right": right, "wrong": said.total() - right, "missed": true.total() - right}


def right_jacket(site: Site, jacket: Jacket) -> bool:
    """Whether this is the change that there was."""
    person = site.scenario.changer
    assert person is not None
    old, new = (
        truth_of(look)["upper"].split("|")
        for look in (site.worn(person, 0.0), site.worn(person, site.changes_at))
    )
    return (
        jacket.person == person
        and jacket.before in old
        and jacket.after in new
        and jacket.at >= site.changes_at
    )


def measure(
    site: Site, seconds: float, detectors: Iterable[str], settings: Settings, keep: Path | None = None
) -> Iterator[dict[str, Any]]:
    """``detectors``: ``perfect`` stands for detections and appearances without fault. ``keep``: directory of
    what was detected."""
    moments = list(sights(site, seconds, TRUTH_FPS, lambda person, t: worn(site, person, t)))
    ideal = list(perfect(moments, site.cameras))
    should = list(decided(ideal, Policy()))
    expected = alerts_of(should, site.cameras, shown(ideal, moments, should))
    for detector in detectors:
        messages, events = ideal, should
        if detector != "perfect":
            boxes = "truth" if detector == "known" else detector
            kept = keep / f"{boxes}-{site.seed}-{seconds:g}.json" if keep is not None else None
            messages = detections(site, seconds, boxes, settings, kept)
            if detector == "known":
                messages = list(recognised(messages, moments))
            events = list(decided(messages, Policy()))
        shows = shown(messages, moments, events)
        alerts, changed = alerts_of(events, site.cameras, shows), jackets(events, shows)
        true = sum(right_jacket(site, one) for one in changed)
        scored = told_of(site, seconds, moments, events, settings, shows, crops_of(messages, moments))
        groups = (str(sorted(set(group["people"]), key=str)) for group in scored["groups"])
        yield {
            "detector": detector,
            "embedder": settings.embedder,
            "seconds": seconds,
            **scored,
            "groups_told": against(groups, map(str, scored["true_groups"])),
            "alerts": alerts,
            "alerts_told": against(alerts, expected),
            "jacket_changed_at_s": site.changes_at,
            "jackets": changed,
            "jackets_told": {"right": min(true, 1), "wrong": len(changed) - true, "missed": int(not true)},
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--detector", default="perfect,truth,hog", help="perfect, known, truth, headnet, hog")
    parser.add_argument("--gaps", action="store_true", help="of the truth alone, and nothing else")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="detections are kept there, and used again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    results = []
    for seed in map(int, asked.seeds.split(",")):
        site = Site(12, 4, seed, scenario=UNUSUAL, family=UNUSUAL_FAMILY)
        if asked.gaps:
            for gap in gaps(site, chain.from_iterable(sights(site, asked.seconds, TRUTH_FPS))):
                print(json.dumps(gap), flush=True)
            continue
        for result in measure(site, asked.seconds, asked.detector.split(","), Settings(), asked.keep):
            results.append(result)
            print(json.dumps(result), flush=True)
    if asked.json is not None:
        document = {"command": f"python -m benchmarks.unusual --seeds {asked.seeds}", "results": results}
        asked.json.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
