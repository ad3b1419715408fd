"""What a well-formed message may still have wrong. Checked for the whole message before any decision,
so that a poisonous frame never leaves half a message decided."""

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final

from reid.contracts.codec import events_of
from reid.contracts.commands import (
    AcknowledgeAlert,
    AddTemplates,
    AnyCommand,
    ConfirmIdentity,
    ImportPerson,
    MergePersons,
    RenamePerson,
)
from reid.contracts.detections import Detections, Frame, Model, Person
from reid.contracts.embedding import are_sound, decode_wire
from reid.contracts.names import is_name, told
from reid.contracts.zones import SEPARATOR, ZoneReport, zone_site
from reid.errors import PoisonInput

#: Choosing the most different of so many appearances takes the agent some 0.2 s.
MAX_IMPORTED: Final = 32
#: Of a place in pixels, or of a detector's score.
_LARGEST: Final = 1e6
#: Log odds; no site's answers ever teach as much.
_MOST_LEARNED: Final = 100.0
_SHA256: Final = re.compile(r"^[0-9a-f]{64}$")
_LATEST: Final = 4_102_444_800_000  # 2100-01-01, in milliseconds


def check(message: Detections | ZoneReport | AnyCommand) -> None:
    """Raises `PoisonInput` naming the camera, the track and what is wrong; `ContractError` for an event of a
    zone that can't be read."""
    if isinstance(message, ZoneReport):
        _check_report(message)
        return
    site_id, *zone = message.site_id.split(SEPARATOR, 1)
    _name("site_id", site_id)
    for name in zone:
        _name(f"zone of {site_id}", name)
    if isinstance(message, Detections):
        for frame in message.frames:
            _check_frame(frame)
        _check_embeddings(message.frames)
        return
    _name("command_id", message.command_id)
    _time("issued_at", message.issued_at)
    if isinstance(message, MergePersons):
        _name("person_id1", message.person_id1)
        _name("person_id2", message.person_id2)
    elif isinstance(message, RenamePerson):
        _name("person_id", message.person_id)
    elif isinstance(message, ConfirmIdentity):
        _check_confirmation(message)
    elif isinstance(message, ImportPerson):
        _check_import(message)
    elif isinstance(message, AcknowledgeAlert):
        _name("alert_id", message.alert_id)
    elif isinstance(message, AddTemplates):
        _check_added(message)


def _check_report(report: ZoneReport) -> None:
    _name("site_id", report.site_id)
    _name(f"zone of {report.site_id}", report.zone)
    _time("issued_at", report.issued_at)
    where, offsets = f"report of zone {report.zone}", report.offsets
    if len(offsets) != len(report.events) or not offsets or offsets[0] < 0:
        raise PoisonInput(f"{where}: {len(report.events)} events, {len(offsets)} offsets")
    if any(a >= b for a, b in pairwise(offsets)):
        raise PoisonInput(f"{where}: its offsets do not rise")
    for event in events_of(report):
        if event.site_id != zone_site(report.site_id, report.zone):
            raise PoisonInput(f"{where}: an event of {event.site_id[:40]!r}")
        _time(f"a time in the {where}", event.at)


def _check_frame(frame: Frame) -> None:
    """Of what is sound, as nearly all is, nothing is written down."""
    _name("camera_id", frame.camera_id)
    if frame.session:
        _name("session", frame.session)
    if not 0 < frame.captured_at < _LATEST:
        _time(f"captured_at of camera {frame.camera_id}", frame.captured_at)
    if frame.model is not None:
        _check_model(f"camera {frame.camera_id}", frame.model)
    seen: set[str] = set()
    for person in frame.persons:
        track = str(person.tracker_id)
        if track in seen:
            raise PoisonInput(f"camera {frame.camera_id}: two persons with tracker id {track} in one frame")
        seen.add(track)
        if not _usual(frame, person):
            _check_person(frame, person, track)


def _usual(frame: Frame, person: Person) -> bool:
    """What nearly all are, in one look; of others `_check_person` says what is wrong, if anything."""
    # A whole number, 64 bits at most, is always a name.
    return (
        type(person.tracker_id) is int
        and _sound(person)
        and not person.crop
        and (frame.model is not None or person.embedding is None)
        and 0 <= person.since <= frame.captured_at
    )


def _check_person(frame: Frame, person: Person, track: str) -> None:
    if isinstance(person.tracker_id, str):
        _name(f"tracker_id of camera {frame.camera_id}", track)
    if not _sound(person):
        _complain(_where(frame, person), person)
    if person.crop:
        _check_crop(_where(frame, person), person.crop, person.crop_quality)
    if person.embedding is not None and frame.model is None:
        raise PoisonInput(f"{_where(frame, person)}: an embedding without the frame's model")
    if not 0 <= person.since <= frame.captured_at:
        raise PoisonInput(
            f"{_where(frame, person)}: since {person.since} is not before captured_at {frame.captured_at}"
        )


def _check_embeddings(frames: Sequence[Frame]) -> None:
    """All of a message at once; where they are not sound, one by one: which of them it is."""
    by_size: dict[int, list[bytes]] = {}
    for frame in frames:
        if frame.model is not None:
            raws = [person.embedding for person in frame.persons if person.embedding is not None]
            by_size.setdefault(frame.model.dim, []).extend(raws)
    if all(are_sound(raws, dim) for dim, raws in by_size.items() if raws):
        return
    for frame in frames:
        for person in frame.persons:
            if person.embedding is not None and frame.model is not None:
                _check_embedding(_where(frame, person), person.embedding, frame.model)


def _check_embedding(where: str, embedding: bytes, model: Model) -> None:
    try:
        decode_wire(embedding, model.dim)
    except PoisonInput as error:
        raise PoisonInput(f"{where}: {error}") from error


def _where(frame: Frame, person: Person) -> str:
    return f"camera {frame.camera_id}, track {person.tracker_id}"


def _sound(person: Person) -> bool:
    """What nearly all are, in one look. A NaN fails every comparison."""
    left, top, width, height = person.bbox
    return (
        -_LARGEST <= left <= _LARGEST
        and -_LARGEST <= top <= _LARGEST
        and 0 < width <= _LARGEST
        and 0 < height <= _LARGEST
        and -_LARGEST <= person.confidence <= _LARGEST
        and 0.0 <= person.quality <= 1.0
    )


def _complain(where: str, person: Person) -> None:
    """Which of the numbers it is."""
    numbers = (*person.bbox, person.confidence, person.quality)
    if not all(map(math.isfinite, numbers)):
        raise PoisonInput(f"{where}: bbox, confidence or quality is not a finite number")
    if not 0.0 <= person.quality <= 1.0:
        raise PoisonInput(f"{where}: quality {person.quality} is not 0 to 1")
    if max(map(abs, numbers)) > _LARGEST:
        raise PoisonInput(f"{where}: bbox {person.bbox} or confidence {person.confidence} is out of range")
    if person.bbox[2] <= 0 or person.bbox[3] <= 0:
        raise PoisonInput(f"{where}: bbox {person.bbox} has no area")


def _check_model(where: str, model: Model) -> None:
    _name("model name", model.name)
    if model.dim < 1 or model.dim > 8192:
        raise PoisonInput(f"{where}: model {model.key} declares {model.dim} dimensions")
    if not _rises(model.calibration):
        raise PoisonInput(f"{where}: calibration of {model.key} does not rise: {model.calibration}")
    if model.agreement is not None and not 0.0 <= model.agreement <= 1.0:
        raise PoisonInput(f"{where}: agreement {model.agreement} of {model.key} is not 0 to 1")


@lru_cache(maxsize=256)
def _rises(knots: tuple[tuple[float, float], ...]) -> bool:
    rising = all(a[0] < b[0] and a[1] <= b[1] for a, b in pairwise(knots))
    return len(knots) != 1 and rising and all(math.isfinite(v) for knot in knots for v in knot)


def _check_confirmation(command: ConfirmIdentity) -> None:
    _name("person_id", command.person_id)
    if (command.track is None) == (command.other_id is None):
        raise PoisonInput(f"confirmation of {command.person_id}: name either a track or another person")
    if command.score is not None and not 0.0 <= command.score <= 1.0:
        raise PoisonInput(f"confirmation of {command.person_id}: score {command.score} is not 0 to 1")
    if not -_MOST_LEARNED <= command.learned <= _MOST_LEARNED:
        raise PoisonInput(f"confirmation of {command.person_id}: learned {command.learned} log odds")


def _check_import(command: ImportPerson) -> None:
    where = f"import of {command.source[:200]!r}"
    if not 0 < len(command.source) <= 512 or not command.source.isprintable():
        raise PoisonInput(f"{where}: a source has 1 to 512 printable characters")
    _name(f"gallery of {where}", command.gallery)
    _name(f"person_id of {where}", command.person_id)
    for camera_id in command.cameras:
        _name(f"camera of {where}", camera_id)
    _check_model(where, command.model)
    _time(f"first_seen of {where}", command.first_seen)
    _time(f"last_seen of {where}", command.last_seen)
    if not command.first_seen <= command.last_seen <= command.issued_at:
        raise PoisonInput(f"{where}: first_seen, last_seen and issued_at are not in this order")
    if not 0 <= command.visit_count < 1_000_000_000:
        raise PoisonInput(f"{where}: visit_count is {command.visit_count}")
    if not 0 < len(command.embeddings) <= MAX_IMPORTED:
        raise PoisonInput(f"{where}: {len(command.embeddings)} embeddings, not 1 to {MAX_IMPORTED}")
    for embedding in command.embeddings:
        _check_embedding(where, embedding, command.model)


def _check_added(command: AddTemplates) -> None:
    where = f"templates of {command.person_id[:40]!r}"
    _name(f"person_id of {where}", command.person_id)
    _check_model(where, command.model)
    if not 0 < len(command.shown) <= MAX_IMPORTED:
        raise PoisonInput(f"{where}: {len(command.shown)} crops, not 1 to {MAX_IMPORTED}")
    for shown in command.shown:
        _name(f"camera of {where}", shown.camera_id)
        _check_crop(where, shown.crop, shown.quality)
        _check_embedding(where, shown.embedding, command.model)


def _check_crop(where: str, crop: str, quality: float) -> None:
    if not _SHA256.match(crop):
        raise PoisonInput(f"{where}: crop {crop[:70]!r} is no SHA-256 in 64 small hexadecimal digits")
    if not math.isfinite(quality) or not 0.0 <= quality <= 1.0:
        raise PoisonInput(f"{where}: quality {quality} of crop {crop} is not 0 to 1")


def _name(what: str, value: str) -> None:
    if not is_name(value):
        raise PoisonInput(told(what, value))


def _time(what: str, value: int) -> None:
    if not 0 < value < _LATEST:
        raise PoisonInput(f"{what} is {value}, not milliseconds since the epoch")
