"""A small scene that runs through the real `step`: its inputs and events are the examples in the documents.

Nothing is typed in: what is shown is what the agent would read and write.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from reid.contracts.audit import SearchMade
from reid.contracts.cloudevents import Causation, Headers, headers_of
from reid.contracts.codec import encode, type_name
from reid.contracts.commands import (
    AddTemplates,
    AnyCommand,
    ConfirmIdentity,
    ForgetPerson,
    ImportPerson,
    MergePersons,
    MoveTracks,
    RejectTrack,
    RenamePerson,
    ResetGallery,
    Tick,
    UnmergePersons,
)
from reid.contracts.detections import CameraStatus, Detections, Frame, Model, Person
from reid.contracts.embedding import encode_wire
from reid.contracts.events import AnyEvent
from reid.contracts.pictures import Picture, PictureBox
from reid.contracts.topics import COMMANDS, DEFAULT_SITE, DETECTIONS
from reid.contracts.zones import TOLD, ZoneReport, zone_site
from reid.domain.policy import Policies
from reid.domain.state import PartitionState
from reid.domain.step import step
from reid.domain.validate import check

START: Final = 1_762_344_658_197
MODEL: Final = Model("example", "1", 4)
NEWER: Final = Model("example", "2", 4)
#: SHA-256 of no bytes at all: what a stored crop is called.
CROP: Final = hashlib.sha256().hexdigest()
LEGACY: Final = Model("legacy", "1", 4, ((0.0, 0.0), (1.0, 1.0)))
_ONE_PIXEL: Final = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP//////////////////////////////////////////////////////////////////////"
    "////////////////wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAA//EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8A"
    "N//Z"
)
_SESSION: Final = "19a5"
_DAYS: Final = 86_400


class Told(NamedTuple):
    """An event, the input that caused it, and its place among that input's events."""

    event: AnyEvent
    cause: Causation
    ordinal: int


class Example(NamedTuple):
    """A record as it stands in its topic."""

    type: str
    key: str
    headers: Headers
    value: bytes


def inputs() -> list[Detections | ZoneReport | AnyCommand]:
    """Two people in two rooms, all that can be asked for, the old gallery's records, a zone, and time
    passing."""
    first, second = f"person_{START + 800}_0", f"person_{START + 20_800}_1"
    third = f"person_{START + 50_800}_4"
    ours = {"camera_id": "room2", "session": _SESSION, "tracker_id": "7"}
    astray = {"camera_id": "room3", "session": _SESSION, "tracker_id": "3"}
    return [
        _walk("room2", 0, 7, 0),
        _dressed("room2", 2_000, 7, 0),
        _walk("room3", 9_000, 3, 0),
        _walk("room3", 20_000, 4, 1),
        _command(ConfirmIdentity, 28, person_id=first, track=ours, score=0.8123, model=MODEL.key),
        _command(
            AddTemplates, 29, person_id=first, model=msgspec.to_builtins(NEWER), shown=[_shown("room2", 3)]
        ),
        _command(RenamePerson, 30, person_id=second, label="Night nurse"),
        _command(MergePersons, 31, person_id1=first, person_id2=second),
        _command(MergePersons, 32, person_id1=first, person_id2=second),
        _command(UnmergePersons, 33, person_id=first, absorbed_id=second),
        _command(MoveTracks, 34, person_id=first, tracks=[astray], into=second),
        _command(RejectTrack, 35, person_id=second, track=astray),
        _command(ConfirmIdentity, 36, person_id=second, other_id=first, answer="no"),
        _command(ForgetPerson, 37, person_id=first),
        _record(40, "room1", "person_A", 0),
        _record(41, "room2", "person_B", 0, cameras=["room2"]),
        _walk("room1", 50_000, 8, 2),
        _command(
            AddTemplates,
            52,
            person_id=third,
            model=msgspec.to_builtins(MODEL),
            shown=[_shown("room1", 2, -0.1), _shown("room1", 2, -0.2), _shown("room1", 1)],
        ),
        _walk("room2", 55_000, 9, 2),
        _walk("room3", _DAYS * 1000, 9, 2, 1.15),
        _command(ResetGallery, _DAYS + 60, camera_id="room1"),
        _in_zone(),
        _report(_in_zone()),
        _command(ForgetPerson, _DAYS + 58, person_id=f"person_{START + 52_800}_6"),
        _command(Tick, 91 * _DAYS),
        _command(ResetGallery, 91 * _DAYS + 1),
    ]


@cache
def scene() -> tuple[Told, ...]:
    """All events of the scene, in order."""
    state, told = PartitionState(), list[Told]()
    offsets: Counter[str] = Counter()
    for message in inputs():
        topic = DETECTIONS.name if isinstance(message, Detections | ZoneReport) else COMMANDS.name
        check(message)
        for ordinal, event in enumerate(step(state, message, Policies())):
            told.append(Told(event, Causation(topic, 1, offsets[topic]), ordinal))
        offsets[topic] += 1
    return tuple(told)


def reports() -> list[CameraStatus]:
    """What a camera says of itself, little and much."""
    little = CameraStatus(
        site_id=DEFAULT_SITE, camera_id="room2", session=_SESSION, reported_at=START, state="starting"
    )
    much = msgspec.structs.replace(
        little,
        reported_at=START + 9_000,
        state="reconnecting",
        detail="no frame for 5 s: check the cable",
        source="rtsp://camera-2.local/stream",
        width=640,
        height=480,
        fps=5.0,
        frames_captured=45,
        frames_dropped=2,
        frames_corrupt=1,
        frames_published=42,
        tracks=1,
        captured_at=START + 8_800,
        detect_ms=31.5,
        detector="hog",
        embedder="appearance-512",
        model=msgspec.structs.replace(
            MODEL, calibration=((0.2, 0.0), (0.5, 0.6), (0.9, 1.0)), agreement=0.87
        ),
    )
    return [little, much]


def picture() -> Picture:
    """What a camera sees, once or twice a second. Here of one pixel."""
    boxes = (PictureBox("7", (212.0, 96.0, 58.0, 164.0)),)
    return Picture(DEFAULT_SITE, "room2", _SESSION, START + 800, 640, 480, boxes, _ONE_PIXEL)


def searches() -> list[SearchMade]:
    """What the audit keeps of one search with all filters, and of a look at look-alikes."""
    person = f"person_{START}_0"
    plain = SearchMade(
        site_id=DEFAULT_SITE,
        at=START + 20_000,
        search_id="s-1",
        by="desk",
        role="operator",
        purpose="look-alikes",
        kind="similar",
        limit=5,
        results=(),
        searched=2,
        person_id=person,
    )
    full = msgspec.structs.replace(
        plain,
        purpose="lost child, desk 2",
        kind="image",
        results=(person,),
        person_id=None,
        picture_sha256="9f" * 32,
        model=MODEL.key,
        since=START - 3_600_000,
        until=START + 20_000,
        cameras=("room1",),
        attributes="upper:red bag:yes",
    )
    return [plain, full]


def examples() -> Iterator[Example]:
    """Every record of the scene: inputs, searches, camera reports, events, alerts."""
    from deploy.alert_scene import alert_scene

    alerts, acknowledgements = alert_scene()
    for command in acknowledgements:
        yield Example(type_name(command), command.site_id, [], encode(command))
    for message in inputs():
        yield Example(type_name(message), message.site_id, [], encode(message))
    for search in searches():
        yield Example(type_name(search), search.site_id, [], encode(search))
    for report in reports():
        yield Example(type_name(report), f"{report.site_id}/{report.camera_id}", [], encode(report))
    yield Example(type_name(picture()), f"{DEFAULT_SITE}/room2", [], encode(picture()))
    for event, cause, ordinal in scene():
        headers = headers_of(event, cause, ordinal)
        yield Example(type_name(event), event.site_id, headers, encode(event))
    for alert, cause, ordinal in alerts:
        headers = headers_of(alert, cause, ordinal)
        yield Example(type_name(alert), alert.site_id, headers, encode(alert))


def _appearance(axis: int, other: float = 0.0) -> bytes:
    vector = np.eye(4, dtype=np.float32)[axis]
    vector[3] += other
    return encode_wire(vector / np.linalg.norm(vector))


def _walk(camera: str, start: int, tracker: int, axis: int, other: float = 0.0) -> Detections:
    """Crops of one person with the appearance ``axis``, 0.4 s apart; ``other``: as far as it looks different,
    which takes more of them."""
    person = Person(tracker, (212.0, 96.0, 58.0, 164.0), 0.91, 0.8, _appearance(axis, other))
    times = (START + start + 400 * i for i in range(6 if other else 3))
    frames = tuple(Frame(camera, at, 640, 480, _SESSION, MODEL, (person,)) for at in times)
    return Detections(DEFAULT_SITE, "cameras-1", frames)


def _in_zone() -> Detections:
    """Somebody in a room that a zone decides."""
    seen = _walk("room7", 52_000, 9, 3)
    return msgspec.structs.replace(seen, site_id=zone_site(DEFAULT_SITE, "west"))


def _report(seen: Detections) -> ZoneReport:
    """What the zone tells its site of that."""
    made = [event for event in step(PartitionState(), seen, Policies()) if isinstance(event, TOLD)]
    return ZoneReport(
        site_id=DEFAULT_SITE,
        zone="west",
        issued_at=made[-1].at,
        offsets=tuple(range(len(made))),
        events=tuple(msgspec.Raw(encode(event)) for event in made),
    )


def _dressed(camera: str, start: int, tracker: int, axis: int) -> Detections:
    """The same person on, a stored crop and its clothes told: five sightings, 1.1 s apart."""
    looks = {"upper": "red", "lower": "blue", "pattern": "striped", "height": "tall"}
    person = Person(tracker, (214.0, 96.0, 58.0, 164.0), 0.9, 0.8, _appearance(axis), looks, CROP, 0.8)
    times = (START + start + 1_100 * i for i in range(5))
    frames = tuple(Frame(camera, at, 640, 480, _SESSION, MODEL, (person,)) for at in times)
    return Detections(DEFAULT_SITE, "cameras-1", frames)


def _shown(camera: str, axis: int, other: float = 0.0) -> dict[str, Any]:
    """A stored crop as the encoder sees it."""
    return {"embedding": _appearance(axis, other), "camera_id": camera, "quality": 0.8, "crop": CROP}


def _record(seconds: int, gallery: str, person_id: str, axis: int, **fields: Any) -> AnyCommand:
    times = {"first_seen": START - 9_000_000, "last_seen": START - 3_600_000}
    return _command(
        ImportPerson,
        seconds,
        source=f"saferoom:persons:{gallery}:{person_id}",
        gallery=gallery,
        person_id=person_id,
        model=msgspec.to_builtins(LEGACY),
        embeddings=[_appearance(axis)],
        label="Visitor-A",
        **times,
        **fields,
    )


def _command(kind: type[AnyCommand], seconds: int, **fields: Any) -> AnyCommand:
    issued = START + seconds * 1000
    common = {"site_id": DEFAULT_SITE, "command_id": f"c-{seconds}", "issued_at": issued, "issued_by": "desk"}
    plain = {"type": kind.__struct_config__.tag, **common, **fields}
    command: AnyCommand = msgspec.convert(plain, AnyCommand, builtin_types=(bytes,))
    return command
