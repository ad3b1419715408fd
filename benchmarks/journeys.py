"""Journeys and groups of the simulated site against its truth: what the views tell, leg by leg.

    python -m benchmarks.journeys                       # perfect detections and appearances: the views alone
    python -m benchmarks.journeys --pipeline            # pictures, detector, tracker, encoder, decision rule
    python -m benchmarks.journeys --family 3            # three people walk together, and nobody else does

Truth are the moments at which a camera has somebody well in sight (`producers.detect.truth`), five a second,
put together to legs by the same definition (`reid.journeys.legs`). A leg is told right when the person that
was told made it, at that camera, entering and leaving within `TOLERANCE_MS`. Ids go to people one to one, so
that most legs agree: whoever got a second id loses its legs. Where it is known whom each id shows, box by
box, it goes to nobody else: people who walk together have the same legs.
"""

import argparse
import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import Any, Final, NamedTuple

import cv2
import httpx
import numpy as np

from api.access.gate import Gate
from deploy.evaluate.footage import footage_of
from deploy.evaluate.stream import START_MS, decided
from deploy.evaluate.watch import watch
from deploy.past import Past, app_of
from producers.detect.select import SIMULATED, detector_for
from producers.detect.truth import MIN_VISIBILITY
from producers.embed.select import open_embedder
from producers.simulation.site import Site
from projections.changes import Change
from projections.records import Record
from projections.views import PersonsView
from reid.contracts.codec import encode
from reid.contracts.detections import Detections, Frame, Model, Person
from reid.contracts.embedding import encode_wire
from reid.contracts.events import AnyEvent
from reid.contracts.journeys import Interval
from reid.contracts.policy import Policy
from reid.contracts.topics import DEFAULT_SITE, EVENTS
from reid.domain.assignment import assign
from reid.journeys.legs import Leg, legs
from reid.journeys.visits import visits_of
from reid.runtime.settings import Settings

TOLERANCE_MS: Final = 3_000
TRUTH_FPS: Final = 5.0
#: A track that was out of sight for so long is another one.
LOST_MS: Final = 2_000
MODEL: Final = Model("truth", "1", 64)
_BATCH: Final = 2_000
Shows = Mapping[str | None, int | None]
"""Id -> whom it shows; None: nobody."""
#: (person, camera) -> when a crop of them was good enough to be embedded, ms since the epoch.
Crops = Mapping[tuple[int, str], Sequence[int]]


class Sight(NamedTuple):
    """Somebody well in sight of a camera. ``attributes``: what they wear."""

    at: int
    camera_id: str
    person: int
    bbox: tuple[float, float, float, float] = (0.0, 0.0, 60.0, 150.0)
    attributes: Mapping[str, str] = {}


def sights(
    site: Site,
    seconds: float,
    fps: float,
    attributes: Callable[[int, float], Mapping[str, str]] = lambda person, t: {},
) -> Iterator[list[Sight]]:
    """Moment by moment, all cameras; one without anybody is an empty list. ``attributes``: of a person at a
    time."""
    for step in range(int(seconds * fps)):
        at = START_MS + round(1000 * step / fps)
        yield [
            Sight(at, f"room{camera + 1}", seen.person_id, seen.bbox, attributes(seen.person_id, step / fps))
            for camera in range(site.cameras)
            for seen in site.truth(camera, step / fps)
            if seen.visibility >= MIN_VISIBILITY
        ]


def true_spans(seen: Iterable[Sight]) -> dict[int, dict[str, list[Interval]]]:
    """When each person was well in sight of each camera."""
    spans: defaultdict[int, dict[str, list[Interval]]] = defaultdict(dict)
    for sight in seen:
        known = spans[sight.person].setdefault(sight.camera_id, [])
        if known and sight.at - known[-1].last <= LOST_MS:
            known[-1].last = sight.at
        else:
            known.append(Interval(sight.at, sight.at, sight.camera_id, f"t/{len(known)}"))
    return dict(sorted(spans.items()))


def true_legs(seen: Iterable[Sight]) -> dict[int, list[Leg]]:
    """Each person's, in order."""
    gap = Policy().visit_gap
    return {
        person: [
            leg for visit in visits_of(chain.from_iterable(cameras.values()), gap) for leg in legs(visit)
        ]
        for person, cameras in true_spans(seen).items()
    }


def gaps(site: Site, seen: Iterable[Sight]) -> Iterator[dict[str, Any]]:
    """Times at which a camera did not see somebody whom it saw before and after, and no other saw meanwhile:
    how long, and which part of it they were in the room."""
    for person, cameras in true_spans(seen).items():
        for camera_id, spans in cameras.items():
            middles = [(one.first + one.last) // 2 for c in cameras if c != camera_id for one in cameras[c]]
            for one, two in pairwise(spans):
                if any(one.last < middle < two.first for middle in middles):
                    continue
                times = range(one.last + 200, two.first, 200)
                there = sum(
                    site.in_room(int(camera_id[4:]) - 1, person, (at - START_MS) / 1000) for at in times
                )
                yield {
                    "seed": site.seed,
                    "person": person,
                    "camera": camera_id,
                    "gap_s": (two.first - one.last) / 1000,
                    "in_room": round(there / len(times), 2),
                }


def perfect(moments: Iterable[list[Sight]], cameras: int) -> Iterator[Detections]:
    """As a detector, tracker and encoder without fault would publish it: one message a moment."""
    tracks: dict[tuple[str, int], tuple[int, int]] = {}
    number = 0
    for step, seen in enumerate(moments):
        at = START_MS + round(1000 * step / TRUTH_FPS)
        persons: dict[str, list[Person]] = {f"room{n + 1}": [] for n in range(cameras)}
        for sight in seen:
            place = sight.camera_id, sight.person
            last, track = tracks.get(place, (0, 0))
            if at - last > LOST_MS:
                number += 1
                track = number
            tracks[place] = at, track
            look = look_of(sight.person)
            seen_as = Person(track, sight.bbox, 0.9, 0.9, look, dict(sight.attributes))
            persons[sight.camera_id].append(seen_as)
        frames = tuple(
            Frame(camera, at, 640, 480, "s1", MODEL, tuple(found)) for camera, found in persons.items()
        )
        yield Detections(DEFAULT_SITE, "truth", frames)


def look_of(person: int) -> bytes:
    """Like nobody else, on any camera."""
    return encode_wire(np.eye(1, MODEL.dim, person, dtype=np.float32)[0])


def views_of(events: Iterable[AnyEvent], moment: int) -> Past:
    """The views after these events."""
    past, view, offset = Past(moment), PersonsView(90), 0
    batch: list[Record] = []

    def commit() -> None:
        made = view.project(batch, past.store)
        assert not made.rejected, made.rejected
        past.store.commit(Change(view.name, {}, {0: offset}, made.ops))
        batch.clear()

    for event in events:
        batch.append(Record(EVENTS.name, 0, offset, event.site_id.encode(), encode(event), []))
        offset += 1
        if len(batch) == _BATCH:
            commit()
    commit()
    return past


async def answers(past: Past, settings: Settings, *paths: str) -> list[Any]:
    """Of the API, as JSON."""
    transport = httpx.ASGITransport(app=app_of(past, settings, Gate.off()))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        found = [await client.get(path) for path in paths]
    return [answer.raise_for_status().json() for answer in found]


def told_legs(journeys: Iterable[dict[str, Any]]) -> dict[str, list[Leg]]:
    """Each person's, in order."""
    told: defaultdict[str, list[Leg]] = defaultdict(list)
    for journey in journeys:
        for leg in journey["legs"]:
            entered = leg["entered_at"]
            told[journey["person_id"]].append(
                Leg(leg["camera_id"], entered, entered + leg["dwell_ms"], leg["tracks"])
            )
    return {person: sorted(found, key=lambda leg: leg.entered_at) for person, found in sorted(told.items())}


def agreeing(true: list[Leg], told: list[Leg]) -> list[tuple[Leg, Leg]]:
    """Legs that are the same, one to one, in order."""
    left, pairs = list(told), []
    for leg in true:
        same = next((one for one in left if _same(leg, one)), None)
        if same is not None:
            left.remove(same)
            pairs.append((leg, same))
    return pairs


def lost(
    true: Mapping[int, list[Leg]], told: Mapping[str, list[Leg]], ids: Mapping[int, str | None], crops: Crops
) -> Counter[str]:
    """Why true legs are not told right -> how many."""
    found: Counter[str] = Counter()
    for person, walked in true.items():
        mine = told.get(ids.get(person) or "", [])
        right = {leg for leg, _ in agreeing(walked, mine)}
        for leg in walked:
            if leg not in right:
                found[_why(leg, [one for one in mine if _meets(leg, one)], _within(person, leg, crops))] += 1
    return found


def _why(leg: Leg, told: Sequence[Leg], crops: Sequence[int]) -> str:
    if len(crops) < Policy().min_samples:
        return "fewer crops than an identity needs" if crops else "no crop"
    if not told:
        return "under no id, or another"
    late = told[0].entered_at - leg.entered_at > TOLERANCE_MS
    early = leg.left_at - told[-1].left_at > TOLERANCE_MS
    if late and not early and told[0].entered_at - crops[0] <= TOLERANCE_MS:
        return "entered late: the first crop came late"
    return "left early" if early and not late else "other times"


def _meets(leg: Leg, told: Leg) -> bool:
    within = told.left_at >= leg.entered_at - TOLERANCE_MS and told.entered_at <= leg.left_at + TOLERANCE_MS
    return told.camera_id == leg.camera_id and within


def _within(person: int, leg: Leg, crops: Crops) -> list[int]:
    return [at for at in crops.get((person, leg.camera_id), ()) if leg.entered_at <= at <= leg.left_at]


def _same(one: Leg, two: Leg) -> bool:
    return (
        one.camera_id == two.camera_id
        and abs(one.entered_at - two.entered_at) <= TOLERANCE_MS
        and abs(one.left_at - two.left_at) <= TOLERANCE_MS
    )


def score(
    true: Mapping[int, list[Leg]], told: Mapping[str, list[Leg]], shows: Shows | None = None
) -> dict[str, Any]:
    """``right``: part of the true legs; ``told_right``: part of those told. Also who got which id, and how
    late entering and leaving are told (median, ms)."""
    people, known = list(true), list(told)
    gains = [
        [len(agreeing(true[p], told[id_])) if shows is None or shows.get(id_) == p else 0 for id_ in known]
        for p in people
    ]
    chosen = zip(people, assign(gains), strict=True)
    ids = {person: known[column] for person, column in chosen if column >= 0}
    pairs = [pair for person, id_ in ids.items() for pair in agreeing(true[person], told[id_])]
    total, said = sum(map(len, true.values())), sum(map(len, told.values()))
    late = [(s.entered_at - t.entered_at, s.left_at - t.left_at) for t, s in pairs]
    return {
        "true_legs": total,
        "told_legs": said,
        "right": round(len(pairs) / max(total, 1), 4),
        "told_right": round(len(pairs) / max(said, 1), 4),
        "ids": {person: ids.get(person) for person in true},
        "persons_told": len(told),
        "entered_late_ms": int(np.median([a for a, _ in late])) if late else None,
        "left_late_ms": int(np.median([b for _, b in late])) if late else None,
    }


def true_groups(site: Site) -> list[list[int]]:
    """Who walk together."""
    led = Counter(site.leader(person) for person in range(site.people))
    return [
        [p for p in range(site.people) if site.leader(p) == lead] for lead, n in sorted(led.items()) if n > 1
    ]


def measure(
    site: Site, seconds: float, pipeline: bool, detector: str, embedder: str, settings: Settings
) -> dict[str, Any]:
    """One site."""
    moments = list(sights(site, seconds, TRUTH_FPS))
    if pipeline:
        footage = footage_of(site, seconds, settings.camera_fps, START_MS)
        watched = watch(
            footage, detector, open_embedder(embedder), settings.camera_fps, settings.embed_interval
        )
        messages: Iterable[Detections] = watched.messages()
    else:
        messages = perfect(moments, site.cameras)
    return told_of(site, seconds, moments, decided(messages, Policy()), settings)


def told_of(
    site: Site,
    seconds: float,
    moments: list[list[Sight]],
    events: Iterable[AnyEvent],
    settings: Settings,
    shows: Shows | None = None,
    crops: Crops | None = None,
) -> dict[str, Any]:
    """What the views of these events tell, against the truth. ``shows``: whom each id is; by default who got
    it. ``crops``: of the legs without any, nobody could say whose they are: also told apart; so are those of
    people who walk ``alone``."""
    past = views_of(events, START_MS + round(1000 * seconds))
    journeys, found, flows = asyncio.run(
        answers(past, settings, "/journeys?limit=1000", "/groups", "/analytics/flows")
    )
    true = true_legs(sight for seen in moments for sight in seen)
    told = told_legs(journeys["journeys"])
    scored = score(true, told, shows)
    if crops is not None:
        scored["lost"] = dict(lost(true, told, scored["ids"], crops))
        shown = {who: [leg for leg in walked if _within(who, leg, crops)] for who, walked in true.items()}
        again = score(shown, told, shows)
        scored |= {"legs_with_a_crop": again["true_legs"], "right_with_a_crop": again["right"]}
        together = set(chain.from_iterable(true_groups(site)))
        alone = score({who: walked for who, walked in true.items() if who not in together}, told, shows)
        scored |= {"legs_alone": alone["true_legs"], "right_alone": alone["right"]}
    people = shows or {id_: person for person, id_ in scored["ids"].items()}
    return {
        "seed": site.seed,
        **scored,
        "transitions": sum(map(sum, flows["matrix"])),
        "true_transitions": sum(
            a.camera_id != b.camera_id for one in true.values() for a, b in pairwise(one)
        ),
        "true_groups": true_groups(site),
        "groups": [
            {
                "people": [people.get(id_) for id_ in group["person_ids"]],
                "confidence": group["confidence"],
                "times": group["together"]["count"],
            }
            for group in found["groups"]
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", 1)[0])
    parser.add_argument("--people", type=int, default=12)
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--family", type=int, default=0)
    parser.add_argument("--pipeline", action="store_true", help="real pictures through the real producers")
    parser.add_argument("--detector", help="by default the setting's")
    parser.add_argument("--embedder", help="by default the setting's")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    settings = Settings()
    how = (
        asked.pipeline,
        asked.detector or detector_for(settings.detector, SIMULATED),
        asked.embedder or settings.embedder,
    )
    results = []
    for seed in map(int, asked.seeds.split(",")):
        site = Site(asked.people, asked.cameras, seed, family=asked.family)
        results.append(measure(site, asked.seconds, *how, settings))
        print(json.dumps(results[-1]), flush=True)
    total = sum(one["true_legs"] for one in results)
    right = sum(one["true_legs"] * one["right"] for one in results)
    print(f"legs told right: {right / max(total, 1):.4f} of {total}")


if __name__ == "__main__":
    main()
