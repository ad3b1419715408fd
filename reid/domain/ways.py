"""Where somebody was before they came to a camera, and after: also when the camera tells it late."""

from typing import Final, NamedTuple

from reid.contracts.events import TrackRef, TrackSpan
from reid.domain.passages import Passages, passage
from reid.domain.person import Person

#: Up to so far behind a person's last sighting (milliseconds) a frame is taken in the order in which it
#: comes: so far a camera's clock may as well be off, and then that order is right and the times are not.
IN_TIME: Final = 15_000


class Came(NamedTuple):
    """``absence``: milliseconds from leaving that camera."""

    camera_id: str
    absence: int


def in_time(person: Person, at: int) -> bool:
    """Whether what is seen of the person at ``at`` is no earlier than the rest, or hardly."""
    return at >= person.last_seen - IN_TIME


def came(person: Person, at: int) -> Came | None:
    """From where the person came who is before a camera at ``at``; None where nothing earlier is known."""
    if in_time(person, at):
        return Came(person.last_camera, at - person.last_seen) if person.last_camera else None
    before = _before(person, at)
    return None if before is None else Came(before.track.camera_id, at - before.last_at)


def gate(passages: Passages, person: Person, camera_id: str, at: int) -> float:
    """Log odds that the person is the one before that camera at ``at``: that they came there from where they
    were and, where it is told late, went on to where they were next; less those of the way without it, for a
    step."""
    if in_time(person, at):
        known = came(person, at)
        return 0.0 if known is None else passages.odds(passage(known.camera_id, camera_id, known.absence))
    later = [span for span in person.tracks if span.first_at > at]
    following = min(later, key=lambda span: (span.first_at, span.track), default=None)
    beside = [span for span in (_before(person, at), following) if span is not None]
    return passages.joining([TrackSpan(TrackRef(camera_id, "", ""), at, at)], beside)


def _before(person: Person, at: int) -> TrackSpan | None:
    """The track that showed the person last up to then, or shows them at that time."""
    begun = [span for span in person.tracks if span.first_at <= at]
    return max(begun, key=lambda span: (min(span.last_at, at), span.track), default=None)
