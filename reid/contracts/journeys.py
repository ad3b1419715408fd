"""Documents of the journeys and of the review queue, as Redis holds them. Times: ms since the epoch."""

from typing import Literal

import msgspec

from reid.contracts.events import TrackRef


class Interval(msgspec.Struct, array_like=True, order=True):
    """A person in front of a camera, as one track showed it.

    ``track``: ``session/tracker_id``. ``owner``: where a merge brought it from, the ids that it was of, the
    latest first, by slashes; empty: this person's own. ``tracks``: more than one where old tracks of a long
    visit were joined.
    """

    first: int
    last: int
    camera_id: str
    track: str
    owner: str = ""
    tracks: int = 1


class Visit(msgspec.Struct, kw_only=True):
    """What a person did between coming and leaving. ``gap``: longest time unseen that did not end it, of the
    policy at that time. ``intervals`` in order."""

    started_at: int
    ended_at: int
    gap: int
    intervals: list[Interval] = []


class ReviewItem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A decision that somebody should look at, and what it was decided by.

    ``small_margin``: ``track`` was taken for ``person_id``, barely; ``other_id`` is the next like it.
    ``automatic_merge``: ``other_id`` was taken into ``person_id``. ``suggested``: ``person_id`` stands by
    itself, and may be ``other_id``. ``automatic_split``: ``person_id`` was part of ``other_id`` until
    ``track`` was taken away without being asked. ``learned``: log odds in the score that answers had taught.
    ``margin``: of a close match, by how much it should have been clear. ``reason``: of the decision, where
    the kind does not tell it;
    ``other_last_seen``: before ``other_id`` was in question, ms since the epoch.
    """

    kind: Literal["small_margin", "automatic_merge", "suggested", "automatic_split"]
    at: int
    person_id: str
    camera_id: str | None = None
    track: TrackRef | None = None
    other_id: str | None = None
    other_label: str = ""
    score: float | None = None
    runner_up_score: float | None = None
    threshold: float
    margin: float = 0.0
    model: str = ""
    learned: float = 0.0
    reason: str = ""
    other_last_seen: int | None = None
