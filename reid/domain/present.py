"""Decisions on the tracks of a frame that already have an identity, and on absences."""

from functools import lru_cache

from reid.contracts.detections import Frame, Person
from reid.contracts.embedding import decode_wire, fixed_to_bytes, to_fixed
from reid.contracts.events import (
    AnyEvent,
    PersonExpired,
    PersonLeft,
    PersonSeen,
    Template,
    TrackRef,
)
from reid.domain.policy import Policy
from reid.domain.similarity import best_raw, calibrated
from reid.domain.state import BoundTrack, SiteState
from reid.domain.state import Person as KnownPerson
from reid.domain.templates import grown, slot_for

#: A track of *another* camera ends only after this many time-outs: that camera's clock may be behind.
OTHER_CAMERA_FACTOR = 6


def track_of(frame: Frame, person: Person) -> TrackRef:
    return _track(frame.camera_id, frame.session, str(person.tracker_id))


@lru_cache(maxsize=4096)
def _track(camera_id: str, session: str, tracker_id: str) -> TrackRef:
    """Asked for many times in every frame."""
    return TrackRef(camera_id, session, tracker_id)


def probe_of(frame: Frame, person: Person) -> Template | None:
    """The person's embedding in fixed point; None when the frame brings none for it."""
    if person.embedding is None or frame.model is None:
        return None
    vector = to_fixed(decode_wire(person.embedding, frame.model.dim))
    track = track_of(frame, person)
    return Template(frame.model.key, fixed_to_bytes(vector), frame.camera_id, round(person.quality, 4), track)


def absences(
    site: SiteState, site_id: str, camera_id: str | None, now: int, policy: Policy
) -> list[AnyEvent]:
    """Tracks that ended and persons that expired by ``now``; ``camera_id``: whose clock that is."""
    ended: list[tuple[int, TrackRef, str]] = []
    for name, camera in site.cameras.items():
        factor = 1 if name == camera_id or camera_id is None else OTHER_CAMERA_FACTOR
        before = now - policy.track_timeout * factor
        ended += camera.unseen_since(before)
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
        for p in site.expired_before(now - policy.ttl)
    ]
    return events


def conflicts(site: SiteState, site_id: str, frame: Frame) -> list[AnyEvent]:
    """Two tracks of one frame are never one person: the track that was bound first keeps it."""
    bound = site.camera(frame.camera_id).bound
    present = [(t, bound[t]) for t in (track_of(frame, p) for p in frame.persons) if t in bound]
    holder: dict[str, TrackRef] = {}
    events: list[AnyEvent] = []
    for track, binding in sorted(present, key=lambda pair: (pair[1].bound_at, pair[0])):
        if holder.setdefault(binding.person_id, track) != track:
            events.append(_unbind(site, site_id, frame, track, binding, "two_in_one_frame"))
    return events


def sightings(site: SiteState, site_id: str, frame: Frame, policy: Policy) -> list[AnyEvent]:
    """`PersonSeen` for each bound track that is due one, or `PersonLeft` when evidence disagrees."""
    bound = site.camera(frame.camera_id).bound
    here = {bound[t].person_id for t in (track_of(frame, p) for p in frame.persons) if t in bound}
    events: list[AnyEvent] = []
    told: set[tuple[str, str]] = set()
    for person in frame.persons:
        track = track_of(frame, person)
        binding = bound.get(track)
        if binding is None or not _due(frame, person, binding, policy):
            continue
        doubts, score, probe = _recheck(site, frame, person, binding, policy)
        if doubts >= policy.max_doubts:
            events.append(_unbind(site, site_id, frame, track, binding, "evidence_disagrees"))
            continue
        others = sorted(
            o
            for o in here - {binding.person_id} - site.persons[binding.person_id].not_persons
            if (o, binding.person_id) not in told
        )
        told.update((binding.person_id, o) for o in others)
        events.append(
            seen(
                site.persons[binding.person_id],
                site_id,
                frame,
                person,
                policy,
                score=score,
                probe=probe,
                doubts=doubts,
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
    doubts: int = 0,
    strictness: float | None = None,
    together: tuple[str, ...] = (),
) -> PersonSeen:
    """A periodic sighting of a known person, with the template that is worth keeping, if any.

    ``strictness``: by how much it must pass the threshold, the policy's unless given.
    """
    visit_count, visit_started_at = known.visit_count, known.visit_started_at
    if visit_count == 0 or frame.captured_at - known.last_seen > policy.visit_gap:
        visit_count, visit_started_at = visit_count + 1, frame.captured_at
    slot = None
    enough = policy.threshold_at(frame.camera_id)
    enough += policy.template_strictness if strictness is None else strictness
    if probe is not None and score is not None and score >= enough:
        knots = frame.model.calibration if frame.model else ()
        growth = grown(known.templates, probe, policy)
        if growth is not None:
            slot, probe = growth
        else:
            slot = slot_for(known.templates, probe, knots, policy)
    return PersonSeen(
        site_id=site_id,
        at=frame.captured_at,
        person_id=known.person_id,
        label=known.label,
        track=track_of(frame, person),
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
    """Once an interval; a frame without embedding waits one interval more for one with."""
    elapsed = frame.captured_at - binding.seen_at
    patience = policy.seen_interval * (1 if person.embedding is not None else 2)
    return elapsed >= patience


def _recheck(
    site: SiteState, frame: Frame, person: Person, binding: BoundTrack, policy: Policy
) -> tuple[int, float | None, Template | None]:
    """Doubts from now on, the score of this crop with its person, and the crop as a template."""
    probe = probe_of(frame, person) if person.quality >= policy.min_quality else None
    raw = best_raw(site.persons[binding.person_id].templates, probe) if probe else None
    if raw is None or frame.model is None:
        return binding.doubts, None, None
    score = calibrated(raw, frame.model.calibration)
    doubtful = score < policy.threshold_at(frame.camera_id) - policy.doubt_slack
    return (binding.doubts + 1 if doubtful else 0), score, probe


def _unbind(
    site: SiteState, site_id: str, frame: Frame, track: TrackRef, binding: BoundTrack, reason: str
) -> PersonLeft:
    assert reason in ("evidence_disagrees", "two_in_one_frame")
    return PersonLeft(
        site_id=site_id,
        at=frame.captured_at,
        person_id=binding.person_id,
        label=site.persons[binding.person_id].label,
        track=track,
        last_seen_at=binding.seen_at,
        reason=reason,  # type: ignore[arg-type]
    )
