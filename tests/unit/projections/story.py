"""Events as the identity agent writes them, with the fields that a test does not care about filled in."""

from typing import Any

import msgspec

from reid.contracts.detections import CameraStatus
from reid.contracts.events import (
    Agreement,
    CommandRejected,
    Decision,
    GalleryReset,
    PersonAppearanceChanged,
    PersonExpired,
    PersonForgotten,
    PersonLeft,
    PersonRegistered,
    PersonRenamed,
    PersonSeen,
    PersonsMerged,
    PersonSplit,
    PersonState,
    PersonSuggested,
    Template,
    TrackRef,
    TrackSampled,
)

SITE = "global"
#: 2025-11-05T12:10:58.197Z, in milliseconds.
START = 1_762_344_658_197
DECISION = Decision(
    outcome="new",
    reason="empty_gallery",
    candidate=None,
    score=None,
    runner_up=None,
    runner_up_score=None,
    threshold=0.6,
    margin=0.03,
    samples=3,
    gallery_size=0,
    model="m@1",
    policy="p1-test",
)


def track(camera: str = "room1", tracker: str = "1", session: str = "s1") -> TrackRef:
    return TrackRef(camera, session, tracker)


def template(content: str, camera: str = "room1") -> Template:
    return Template("m@1", content.encode(), camera, 0.9)


def suggested(person: str, other: str, score: float = 0.7, at: int = START) -> PersonSuggested:
    """``person`` may be ``other``, of the day before."""
    decision = msgspec.structs.replace(DECISION, reason="another_day", candidate=other, score=score)
    return PersonSuggested(
        site_id=SITE,
        at=at,
        person_id=person,
        label=f"Visitor-{person}",
        other_id=other,
        other_label=f"Visitor-{other}",
        other_last_seen=at - 86_400_000,
        track=track("room2", "7"),
        decision=decision,
    )


def registered(person: str, number: int, label: str, at: int = START, **more: Any) -> PersonRegistered:
    fields: dict[str, Any] = {
        "site_id": SITE,
        "at": at,
        "person_id": person,
        "number": number,
        "label": label,
        "label_number": number,
        "track": track(),
        "template": template(f"{person}-0"),
        "decision": DECISION,
    }
    return PersonRegistered(**fields | more)


def seen(person: str, label: str, where: TrackRef | None = None, at: int = START, **more: Any) -> PersonSeen:
    fields: dict[str, Any] = {
        "site_id": SITE,
        "at": at,
        "person_id": person,
        "label": label,
        "track": where or track(),
        "bbox": (0.0, 0.0, 50.0, 120.0),
        "confidence": 0.9,
        "reason": "present",
        "visit_count": 1,
        "visit_started_at": START,
    }
    return PersonSeen(**fields | more)


def left(
    person: str, label: str, where: TrackRef | None = None, at: int = START, sure_until: int | None = None
) -> PersonLeft:
    """The track ended; or, ``sure_until`` then, it went over to somebody else."""
    return PersonLeft(
        site_id=SITE,
        at=at,
        person_id=person,
        label=label,
        track=where or track(),
        last_seen_at=at if sure_until is None else sure_until,
        reason="track_ended" if sure_until is None else "evidence_disagrees",
    )


def merged(survivor: str, absorbed: str, label: str, **more: Any) -> PersonsMerged:
    fields: dict[str, Any] = {
        "site_id": SITE,
        "at": START,
        "survivor_id": survivor,
        "absorbed_id": absorbed,
        "label": label,
        "absorbed_label": "Visitor-?",
        "cameras": ("room1", "room2"),
        "templates": (template("merged-0"), template("merged-1")),
        "visit_count": 2,
        "visit_started_at": START,
        "first_seen": START,
        "last_seen": START + 10,
        "last_camera": "room2",
        "not_persons": (),
    }
    return PersonsMerged(**fields | more)


def state(person: str, number: int, label: str, **more: Any) -> PersonState:
    fields: dict[str, Any] = {
        "person_id": person,
        "number": number,
        "label": label,
        "cameras": ("room1",),
        "templates": (template(f"{person}-0"),),
        "visit_count": 1,
        "visit_started_at": START,
        "first_seen": START,
        "last_seen": START,
        "last_camera": "room1",
        "not_persons": (),
        "tracks": (),
    }
    return PersonState(**fields | more)


def split(
    kind: Any, person: PersonState, other: PersonState | None, *tracks: TrackRef, at: int = START, **more: Any
) -> PersonSplit:
    return PersonSplit(site_id=SITE, at=at, kind=kind, person=person, other=other, tracks=tracks, **more)


def looks(person: str, attribute: str, after: str) -> PersonAppearanceChanged:
    evidence = Agreement(4, START, ("room1",))
    return PersonAppearanceChanged(
        site_id=SITE, at=START, person_id=person, label="x", attribute=attribute, before="", after=after,
        evidence=evidence,
    )  # fmt: skip


def renamed(person: str, label: str, **more: Any) -> PersonRenamed:
    return PersonRenamed(
        site_id=SITE, at=START, person_id=person, label=label, previous_label="Visitor-?", **more
    )


def forgotten(person: str, **more: Any) -> PersonForgotten:
    return PersonForgotten(site_id=SITE, at=START, person_id=person, **more)


def expired(person: str, last_seen: int = START) -> PersonExpired:
    return PersonExpired(site_id=SITE, at=START, person_id=person, last_seen=last_seen)


def reset(*persons: str, camera: str | None = None, **more: Any) -> GalleryReset:
    return GalleryReset(site_id=SITE, at=START, camera_id=camera, person_ids=persons, **more)


def rejected(command_id: str, code: str, message: str = "because") -> CommandRejected:
    return CommandRejected(
        site_id=SITE,
        at=START,
        command_id=command_id,
        command="reid.command.merge.v1",
        code=code,
        message=message,
    )


def sampled(where: TrackRef | None = None, at: int = START, samples: int = 1) -> TrackSampled:
    return TrackSampled(
        site_id=SITE,
        at=at,
        track=where or track(),
        samples=samples,
        weight=0.5,
        quality=0.5,
        model="m@1",
        template=b"mean",
        first_at=START,
    )


def status(camera: str, state: str = "streaming", at: int = START, **more: Any) -> CameraStatus:
    fields: dict[str, Any] = {
        "site_id": SITE,
        "camera_id": camera,
        "session": "s1",
        "reported_at": at,
        "state": state,
        "fps": 5.0,
    }
    return CameraStatus(**fields | more)


def walk(person: str, number: int, label: str, *cameras: str) -> list[Any]:
    """A person who registers in the first camera, walks through all, and stands in the last."""
    events: list[Any] = []
    for step, camera in enumerate(cameras):
        where, at = track(camera, f"{number}"), START + 1000 * step
        if step == 0:
            events.append(registered(person, number, label, at, track=where))
        else:
            events.append(left(person, label, track(cameras[step - 1], f"{number}"), at))
        events.append(seen(person, label, where, at, reason="bound"))
    return events
