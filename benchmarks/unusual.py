"""The demo's unusual cast through the whole pipeline: journeys, groups, jackets and alerts against the truth.

    python -m benchmarks.unusual                              # true boxes, then the built-in detector
    python -m benchmarks.unusual --detector hog --keep DIR    # detections are kept, and used again

Twelve people on four cameras: three walk together, one loiters, one enters the forbidden last room at
night, one changes the jacket. Pictures are rendered, people found, tracked and embedded, identities decided,
views folded and alert rules run, all by the parts that the running system has. What should be told is what
the same rules tell of perfect detections and appearances.
"""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import cv2
import msgspec

from benchmarks.journeys import TRUTH_FPS, perfect, sights, told_of
from deploy.cast import unusual_rules
from deploy.evaluate.footage import footage_of
from deploy.evaluate.stream import START_MS, decided
from deploy.evaluate.watch import watch
from producers.embed.select import open_embedder
from producers.simulation.scenario import UNUSUAL, UNUSUAL_FAMILY
from producers.simulation.site import Site
from reid.alerting.state import SiteState
from reid.alerting.step import Source, step
from reid.contracts.alerts import AlertOpened
from reid.contracts.codec import decode_detections, encode
from reid.contracts.detections import Detections
from reid.contracts.events import AnyEvent, PersonAppearanceChanged
from reid.contracts.policy import Policy
from reid.contracts.topics import EVENTS
from reid.runtime.alerts.file import loads
from reid.runtime.settings import Settings

_kept: Final = msgspec.json.Decoder(list[msgspec.Raw])


def detections(
    site: Site, seconds: float, detector: str, settings: Settings, kept: Path | None
) -> list[Detections]:
    """What the cameras publish; from ``kept`` where that was written before."""
    if kept is not None and kept.exists():
        return [decode_detections(bytes(raw)) for raw in _kept.decode(kept.read_bytes())]
    footage = footage_of(site, seconds, settings.camera_fps, START_MS)
    embedder = open_embedder(settings.embedder)
    watched = watch(footage, detector, embedder, settings.camera_fps, settings.embed_interval)
    found = list(watched.messages())
    if kept is not None:
        kept.write_bytes(b"[" + b",".join(encode(message) for message in found) + b"]")
    return found


def alerts_of(events: Iterable[AnyEvent], cameras: int) -> list[AlertOpened]:
    """What the rules of the demo's unusual cast open."""
    rules, state = loads(unusual_rules(START_MS, cameras)).rules, SiteState()
    return [
        alert
        for place, event in enumerate(events)
        for alert in step(state, event, Source(f"{EVENTS.name}/0/{place}"), rules)
        if isinstance(alert, AlertOpened)
    ]


def told(alerts: Iterable[AlertOpened], names: dict[str | None, int | None]) -> list[list[Any]]:
    """Rule, camera and whom it is about (None: an id that is nobody's first), in the order of the names."""
    return sorted(
        ([alert.rule, alert.camera_id, names.get(alert.person_id)] for alert in alerts), key=json.dumps
    )


def jackets(events: Iterable[AnyEvent], names: dict[str | None, int | None]) -> list[list[Any]]:
    """Changes of the upper garment that the log tells: whose, from what, to what, seconds from the start."""
    return [
        [names.get(event.person_id), event.before, event.after, (event.at - START_MS) // 1000]
        for event in events
        if isinstance(event, PersonAppearanceChanged) and event.attribute == "upper" and event.before
    ]


def measure(
    site: Site, seconds: float, detector: str, settings: Settings, kept: Path | None
) -> dict[str, Any]:
    """``detector``: ``perfect`` stands for detections and appearances without fault."""
    moments = list(sights(site, seconds, TRUTH_FPS))
    messages: Iterable[Detections] = (
        perfect(moments, site.cameras)
        if detector == "perfect"
        else detections(site, seconds, detector, settings, kept)
    )
    events = list(decided(messages, Policy()))
    scored = told_of(site, seconds, moments, events, settings)
    names: dict[str | None, int | None] = {id_: person for person, id_ in scored["ids"].items()}
    return {
        "detector": detector,
        "embedder": settings.embedder,
        "seconds": seconds,
        **scored,
        "alerts": told(alerts_of(events, site.cameras), names),
        "jacket_changed_at_s": site.changes_at,
        "jackets": jackets(events, names),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--detector", default="perfect,truth,hog", help="some of perfect, truth, hog")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="detections are kept there, and used again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    site = Site(12, 4, asked.seed, scenario=UNUSUAL, family=UNUSUAL_FAMILY)
    results = []
    for detector in asked.detector.split(","):
        kept = asked.keep / f"{detector}-{asked.seed}-{asked.seconds:g}.json" if asked.keep else None
        results.append(measure(site, asked.seconds, detector, Settings(), kept))
        print(json.dumps(results[-1]), flush=True)
    if asked.json is not None:
        document = {"command": "python -m benchmarks.unusual", "results": results}
        asked.json.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
