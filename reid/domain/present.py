"""Decisions on the tracks of a frame that already have an identity, and on absences."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from reid.contracts.detections import Frame, Person
from reid.contracts.embedding import fixed_to_bytes, to_fixed, trusted_wire
from reid.contracts.events import (
    AnyEvent,
    PersonExpired,
    PersonLeft,
    PersonSeen,
    Template,
    TrackRef,
)
from reid.domain.hearing import SET_BACK
from reid.domain.pairing import belongs
from reid.domain.person import Person as KnownPerson
from reid.domain.policy import Policy
from reid.domain.similarity import best_raw, calibrated
from reid.domain.spans import visits_with
from reid.domain.state import SiteState
from reid.domain.templates import grown, slot_for
from reid.domain.tracks import BoundTrack, CameraState

#: A track of *another* camera ends only after this many time-outs, beyond what that camera was behind when it
#: was heard last: its clock may be off, and its frames late.
OTHER_CAMERA_FACTOR: Final = 6
#: Tracks remembered of one run of a tracker.
_REMEMBERED: Final = 1024


class _Tracks(dict[int | str, TrackRef]):
    """The tracks of one run of a camera's tracker, by its ids."""

    def __init__(self, camera_id: str, session: str) -> None:
        super().__init__()
        self._camera_id, self._session = camera_id, session

    def __missing__(self, tracker_id: int | str) -> TrackRef:
        if len(self) >= _REMEMBERED:
            self.clear()
        made = self[tracker_id] = TrackRef(self._camera_id, self._session, str(tracker_id))
        return made


#: Asked for in every frame: the same objects each time, whose hashes are known.
_tracks = lru_cache(maxsize=256)(_Tracks)


def track_of(frame: Frame, person: Person) -> TrackRef:
    return _tracks(frame.camera_id, frame.session)[person.tracker_id]


def tracks_of(frame: Frame) -> list[TrackRef]:
    """Of the frame's persons, in their order."""
    known = _tracks(frame.camera_id, frame.session)
    return [known[person.tracker_id] for person in frame.persons]


def probe_of(frame: Frame, person: Person) -> Template | None:
    """The person's embedding in fixed point; None when the frame brings none for it."""
    if person.embedding is None or frame.model is None:
        return None
    vector = to_fixed(trusted_wire(person.embedding))
    track = track_of(frame, person)
    return Template(frame.model.key, fixed_to_bytes(vector), frame.camera_id, round(person.quality, 4), track)


def calm(camera: CameraState, frame: Frame, tracks: Sequence[TrackRef], policy: Policy) -> bool:
    """Whether each track has an identity, each another, and none is due anything: what most frames are.

    `conflicts`, `sightings` and all stages that need an event of this frame find nothing then.
    """
    at, interval, bound = frame.captured_at, policy.seen_interval, camera.bound
    here: set[str] = set()
    for person, track in zip(frame.persons, tracks, strict=True):
        binding = bound.get(track)
        if binding is None or binding.person_id in here or at in (binding.seen_at, binding.bound_at):
            return False
        elapsed = at - binding.seen_at
        if elapsed >= (interval if person.embedding is not None else 2 * interval) or elapsed < -SET_BACK:
            return False
        here.add(binding.person_id)
    return True


def absences(
    site: SiteState, site_id: str, camera_id: str | None, now: int, policy: Policy, session: str = ""
) -> list[AnyEvent]:
    """Tracks that ended and persons that expired by ``now``, the clock of that camera in its ``session``."""
    ended: list[tuple[int, TrackRef, str]] = []
    here, elsewhere = now - policy.track_timeout, now - policy.track_timeout * OTHER_CAMERA_FACTOR
    own = None if camera_id is None else site.cameras.get(camera_id)
    before = here if camera_id is None else elsewhere
    for name, camera in [(n, c) for n, c in site.cameras.items() if c.bound_floor < before and c is not own]:
        ended += _unseen(site, name, camera, before)
    if camera_id is not None and own is not None and own.bound_floor < here:
        ended += _unseen(site, camera_id, own, here, session)
    expired = site.expired_before(now - policy.ttl)
    if not ended and not expired:
        return []
    events: list[AnyEvent] = [
        PersonLeft(
            site_id=site_id,
            at=now,
            person_id=person_id,
            label=site.persons[person_id].label,
            track=track,
            last_seen_at=seen_at,
            reason="track_ended",
        )
        for seen_at, track, person_id in sorted(ended)
    ]
    events += [
        PersonExpired(site_id=site_id, at=now, person_id=p, last_seen=site.persons[p].last_seen)
        for p in expired
    ]
    return events


def _unseen(
    site: SiteState, camera_id: str, camera: CameraState, before: int, session: str | None = None
) -> list[tuple[int, TrackRef, str]]:
    """Tracks last seen before that by their own clock: the one of ``session``, and others may be late."""
    return [
        (seen_at, track, person_id)
        for seen_at, track, person_id in camera.unseen_since(before)
        if track.session == session or seen_at < before - site.hearing.behind(camera_id, track.session)
    ]


def conflicts(site: SiteState, site_id: str, frame: Frame, tracks: Sequence[TrackRef]) -> list[AnyEvent]:
    """Two tracks of one frame are never one person: the track that was bound first keeps it."""
    bound = site.camera(frame.camera_id).bound
    present = [(track, bound[track]) for track in tracks if track in bound]
    if len({binding.person_id for _, binding in present}) == len(present):
        return []
    holder: dict[str, TrackRef] = {}
    events: list[AnyEvent] = []
    for track, binding in sorted(present, key=lambda pair: (pair[1].bound_at, pair[0])):
        if holder.setdefault(binding.person_id, track) != track:
            events.append(unbound(site, site_id, frame, track, binding, "two_in_one_frame"))
    return events


def sightings(
    site: SiteState, site_id: str, frame: Frame, tracks: Sequence[TrackRef], policy: Policy
) -> list[AnyEvent]:
    """`PersonSeen` for each bound track that is due one, or `PersonLeft` when evidence disagrees."""
    bound = site.camera(frame.camera_id).bound
    here = {bound[track].person_id for track in tracks if track in bound}
    events: list[AnyEvent] = []
    told: set[tuple[str, str]] = set()
    for person, track in zip(frame.persons, tracks, strict=True):
        binding = bound.get(track)
        if binding is None or not _due(frame, person, binding, policy):
            continue
        checked = _recheck(site, frame, person, binding, policy)
        if checked.doubts >= policy.max_doubts:
            events.append(unbound(site, site_id, frame, track, binding, "evidence_disagrees"))
            continue
        person_id, known = binding.person_id, site.persons[binding.person_id]
        others = [o for o in here - known.not_persons if o != person_id and (o, person_id) not in told]
        others.sort()
        told.update((person_id, o) for o in others)
        events.append(
            seen(
                known,
                site_id,
                frame,
                person,
                policy,
                score=checked.score,
                probe=checked.probe,
                nearest=checked.raw,
                doubts=checked.doubts,
                together=tuple(others),
            )
        )
    return events


def seen(
    known: KnownPerson,
    site_id: str,
    frame: Frame,
    person: Person,
    policy: Policy,
    *,
    score: float | None,
    probe: Template | None,
    nearest: float | None = None,
    doubts: int = 0,
    strictness: float | None = None,
    together: tuple[str, ...] = (),
) -> PersonSeen:
    """A periodic sighting of a known person, with the template that is worth keeping, if any.

    ``nearest``: the probe's highest cosine with the person's templates, where already known;
    ``strictness``: by how much it must pass the threshold, the policy's unless given.
    """
    track = track_of(frame, person)
    visit_count, visit_started_at = visits_with(known, track, frame.captured_at, policy)
    slot = None
    enough = policy.threshold_at(frame.camera_id)
    enough += policy.template_strictness if strictness is None else strictness
    if probe is not None and score is not None and score >= enough:
        knots = frame.model.calibration if frame.model else ()
        growth = grown(known.templates, probe, policy)
        if growth is not None:
            slot, probe = growth
        else:
            slot = slot_for(known.templates, probe, knots, policy, nearest)
    return PersonSeen(
        site_id=site_id,
        at=frame.captured_at,
        person_id=known.person_id,
        label=known.label,
        track=track,
        bbox=person.bbox,
        confidence=person.confidence,
        reason="present",
        visit_count=visit_count,
        visit_started_at=visit_started_at,
        doubts=doubts,
        score=score,
        slot=slot,
        template=probe if slot is not None else None,
        together=together,
        attributes=person.attributes,
        crop=person.crop,
        crop_quality=person.crop_quality,
    )


def _due(frame: Frame, person: Person, binding: BoundTrack, policy: Policy) -> bool:
    """Once an interval; a frame without embedding waits one interval more for one with. And at once when the
    camera's clock was set back: until it reached that time again, nobody would be seen."""
    elapsed = frame.captured_at - binding.seen_at
    patience = policy.seen_interval * (1 if person.embedding is not None else 2)
    return elapsed >= patience or elapsed < -SET_BACK


class _Checked(NamedTuple):
    """``doubts`` from now on; the crop as a template, its highest cosine with its person, and that score."""

    doubts: int
    score: float | None = None
    probe: Template | None = None
    raw: float | None = None


def _recheck(site: SiteState, frame: Frame, person: Person, binding: BoundTrack, policy: Policy) -> _Checked:
    """A crop that is nearly a look of its person is no doubt. Any other must also be one among the strangers
    of this site: where people are dressed alike, an encoder finds all of them alike."""
    probe = probe_of(frame, person) if person.quality >= policy.min_quality else None
    known = site.persons[binding.person_id]
    raw = best_raw(known.templates, probe) if probe else None
    if probe is None or raw is None or frame.model is None:
        return _Checked(binding.doubts)
    score, least = calibrated(raw, frame.model.calibration), policy.threshold_at(frame.camera_id)
    least -= policy.doubt_slack
    if policy.site_scale and least <= score < policy.template_novelty:
        here = belongs(site, probe, known, frame.captured_at, frame.model.calibration)
        score = here if here < least else score
    doubtful = score < least and probe.track not in site.revisions.confirmed
    return _Checked(binding.doubts + 1 if doubtful else 0, score, probe, raw)


def unbound(
    site: SiteState, site_id: str, frame: Frame, track: TrackRef, binding: BoundTrack, reason: str
) -> PersonLeft:
    """The track is not its person's any more."""
    assert reason in ("evidence_disagrees", "two_in_one_frame")
    return PersonLeft(
        site_id=site_id,
        at=frame.captured_at,
        person_id=binding.person_id,
        label=site.persons[binding.person_id].label,
        track=track,
        last_seen_at=binding.shown_until(reason),
        reason=reason,  # type: ignore[arg-type]
    )
