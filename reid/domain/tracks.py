"""Tracks of a camera: with an identity, and without one yet."""

from dataclasses import dataclass
from typing import Final

from reid.contracts.events import TrackRef

_HOUR: Final = 3_600_000


@dataclass(slots=True)
class BoundTrack:
    """A track with an identity. ``seen_at``: time of its last `PersonSeen`, ``sure_at``: of the last whose
    crop was not in doubt; ``not_persons``, ``differs``: as of a pending track, should it lose its identity
    again."""

    person_id: str
    bound_at: int
    seen_at: int
    sure_at: int
    doubts: int = 0
    not_persons: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()

    def shown_until(self, reason: str) -> int:
        """When the track, which leaves its person for that, showed the person for the last time. One that
        went over to somebody else did so after the last crop that was not in doubt."""
        return self.sure_at if reason == "evidence_disagrees" else self.seen_at


@dataclass(slots=True)
class PendingTrack:
    """A track without an identity yet; ``template`` is the running mean of ``samples`` crops. ``since``: it
    was somebody else's until then, 0 where it was nobody's."""

    samples: int = 0
    weight: float = 0.0
    quality: float = 0.0
    model: str = ""
    template: bytes = b""
    first_at: int = 0
    last_at: int = 0
    not_persons: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    since: int = 0


class CameraState:
    """Tracks of one camera. The two floors are lower bounds of the times in the dictionaries: they spare
    a look at every track for each frame, and change no answer."""

    def __init__(self) -> None:
        self.bound: dict[TrackRef, BoundTrack] = {}
        self.pending: dict[TrackRef, PendingTrack] = {}
        self.bound_floor = 0
        self._pending_floor = 0

    def bind(self, track: TrackRef, bound: BoundTrack) -> None:
        self.pending.pop(track, None)
        self.bound[track] = bound
        self.bound_floor = min(self.bound_floor, bound.seen_at)

    def seen(self, bound: BoundTrack, at: int) -> None:
        """One of the bound tracks was seen again."""
        bound.seen_at = at
        if at < self.bound_floor:
            self.bound_floor = at

    def set_back(self, session: str, at: int) -> None:
        """The clock of this run of the tracker was ahead and stands at ``at`` now: nothing of it was seen
        later. Else who left meanwhile would be there until that time comes."""
        for track, bound in self.bound.items():
            if track.session == session and bound.seen_at > at:
                bound.sure_at = min(bound.sure_at, at)
                self.seen(bound, at)

    def wait(self, track: TrackRef, pending: PendingTrack) -> None:
        self.bound.pop(track, None)
        self.pending[track] = pending
        self._pending_floor = min(self._pending_floor, pending.last_at)

    def part(self, person_id: str, at: int) -> None:
        """The tracks of a person who is forgotten wait; nothing else is kept of whom they were."""
        for track, bound in [(t, b) for t, b in self.bound.items() if b.person_id == person_id]:
            # The camera's clock may be ahead of that of who asked for it.
            until = max(bound.seen_at, at)
            self.wait(track, PendingTrack(first_at=until, last_at=until, since=until))

    def unname(self, gone: frozenset[str]) -> None:
        """No track tells any more that it was taken from one of these persons. It goes on being of whoever
        comes next from then on only, not from its beginning."""
        for pending in self.pending.values():
            if not gone.isdisjoint(pending.not_persons):
                pending.since = pending.since or pending.first_at
        tracks: list[PendingTrack | BoundTrack] = [*self.pending.values(), *self.bound.values()]
        for track in tracks:
            if track.not_persons:
                track.not_persons = but(track.not_persons, gone)
                track.differs = but(track.differs, gone)

    def unseen_since(self, moment: int) -> list[tuple[int, TrackRef, str]]:
        """(seen_at, track, person id) of the bound tracks last seen before ``moment``: none, and not worth
        asking, up to the floor."""
        self.bound_floor = min((b.seen_at for b in self.bound.values()), default=moment)
        return [(b.seen_at, t, b.person_id) for t, b in self.bound.items() if b.seen_at < moment]

    def forget_pending(self, session: str, moment: int) -> None:
        """Drops the tracks without identity last sampled before ``moment``; of another run than ``session``,
        whose frames may be late, an hour before."""
        if moment <= self._pending_floor:
            return
        self.pending = {
            t: p
            for t, p in self.pending.items()
            if p.last_at >= (moment if t.session == session else moment - _HOUR)
        }
        self._pending_floor = min((p.last_at for p in self.pending.values()), default=moment)


def but(ids: tuple[str, ...], gone: frozenset[str]) -> tuple[str, ...]:
    """The ids without those that are gone."""
    return tuple(one for one in ids if one not in gone)
