"""A person of the gallery, and what a merge of two can be undone to."""

from dataclasses import dataclass, field
from typing import Final

from reid.contracts.events import PersonState, Template, TrackRef, TrackSpan
from reid.domain.worn import Worn

#: Tracks remembered of a person, so that they can be moved to somebody else. Constants, not policy: the
#: fold of a log must not depend on settings.
MAX_SPANS: Final = 50


@dataclass(slots=True)
class Person:
    """``cameras`` in the order of first sighting; ``not_persons``: known to be somebody else."""

    person_id: str
    number: int
    label: str
    cameras: list[str] = field(default_factory=list)
    templates: list[Template] = field(default_factory=list)
    visit_count: int = 0
    visit_started_at: int = 0
    first_seen: int = 0
    last_seen: int = 0
    last_camera: str = ""
    not_persons: set[str] = field(default_factory=set)
    tracks: list[TrackSpan] = field(default_factory=list)

    def saw(self, track: TrackRef, at: int) -> None:
        """Lengthens the track's span, or begins it."""
        for place in range(len(self.tracks) - 1, -1, -1):
            span = self.tracks[place]
            if span.track == track:
                self.tracks[place] = TrackSpan(track, min(span.first_at, at), max(span.last_at, at))
                return
        self.tracks.append(TrackSpan(track, at, at))
        del self.tracks[:-MAX_SPANS]

    def state(self) -> PersonState:
        return PersonState(
            person_id=self.person_id,
            number=self.number,
            label=self.label,
            cameras=tuple(self.cameras),
            templates=tuple(self.templates),
            visit_count=self.visit_count,
            visit_started_at=self.visit_started_at,
            first_seen=self.first_seen,
            last_seen=self.last_seen,
            last_camera=self.last_camera,
            not_persons=tuple(sorted(self.not_persons)),
            tracks=tuple(self.tracks),
        )

    @classmethod
    def of(cls, state: PersonState) -> "Person":
        return cls(
            person_id=state.person_id,
            number=state.number,
            label=state.label,
            cameras=list(state.cameras),
            templates=list(state.templates),
            visit_count=state.visit_count,
            visit_started_at=state.visit_started_at,
            first_seen=state.first_seen,
            last_seen=state.last_seen,
            last_camera=state.last_camera,
            not_persons=set(state.not_persons),
            tracks=list(state.tracks),
        )


@dataclass(slots=True)
class Merge:
    """What a merge can be undone to: both persons as they were before it. ``worn``: what was known of the
    absorbed one's looks; ``own``: of which attributes of the survivor something was."""

    survivor_id: str
    survivor: PersonState
    absorbed: PersonState
    worn: dict[str, Worn] = field(default_factory=dict)
    own: tuple[str, ...] = ()
