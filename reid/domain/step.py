"""One input: decided and folded, stage by stage.

Each stage decides on the state that the stage before it left, so its events are folded at once. When the
events cannot be committed, the state has run ahead of the log: drop it and fold the log again.
"""

from collections.abc import Iterator, Sequence

from reid.contracts.commands import AnyCommand
from reid.contracts.detections import Detections, Frame
from reid.contracts.events import AnyEvent, PolicyAdopted
from reid.contracts.zones import ZoneReport, split_zone
from reid.domain.calibrate import calibrations
from reid.domain.commanded import answer
from reid.domain.directing import directions, introductions
from reid.domain.evolve import evolve
from reid.domain.following import stages as following
from reid.domain.identify import identities
from reid.domain.policy import Policies, Policy
from reid.domain.present import absences, calm, conflicts, sightings, tracks_of
from reid.domain.revising import revisions
from reid.domain.state import PartitionState, SiteState
from reid.domain.wardrobe import changes

Message = Detections | ZoneReport | AnyCommand


def step(state: PartitionState, message: Message, policies: Policies) -> list[AnyEvent]:
    """The events of one validated message, already folded into ``state``, in order."""
    site, policy = state.site(message.site_id), policies.of(message.site_id)
    events: list[AnyEvent] = []
    for made in _decided(site, message, policy, events):
        for event in made:
            evolve(state, event)
            events.append(event)
    return events


def _decided(
    site: SiteState, message: Message, policy: Policy, events: Sequence[AnyEvent]
) -> Iterator[Sequence[AnyEvent]]:
    """The events of each stage; those before it are in ``events``, and folded."""
    site_id = message.site_id
    yield adoption(site, message, policy)
    if isinstance(message, Detections):
        zone = split_zone(site_id)[1]
        for frame in message.frames:
            if zone:
                yield introductions(site, site_id, frame)
            yield from _of_frame(site, site_id, frame, policy)
        return
    if isinstance(message, ZoneReport):
        for stage in following(site, message, policy):
            yield stage()
    else:
        yield answer(site, message, policy)
    yield directions(site, site_id, message.issued_at, events)


def _of_frame(site: SiteState, site_id: str, frame: Frame, policy: Policy) -> Iterator[Sequence[AnyEvent]]:
    """Who is gone; who stands there twice; who is still there; who is that; who was taken for somebody
    else; what they have in common; what they look like now."""
    gone = absences(site, site_id, frame.camera_id, frame.captured_at, policy, frame.session)
    if gone:
        yield gone
    tracks = tracks_of(frame)
    quiet = calm(site.camera(frame.camera_id), frame, tracks, policy)
    if not quiet:
        yield conflicts(site, site_id, frame, tracks)
        yield sightings(site, site_id, frame, tracks, policy)
        yield identities(site, site_id, frame, tracks, policy)
        # Twice: a track that leaves a person makes room for another. After none all is as it was.
        revised = revisions(site, site_id, frame, tracks, policy)
        if revised:
            yield revised
            yield revisions(site, site_id, frame, tracks, policy)
    stated = calibrations(site, site_id, frame, policy)
    if stated:
        yield stated
    if not quiet:
        yield changes(site, site_id, frame, tracks)


def adoption(site: SiteState, message: Message, policy: Policy) -> list[AnyEvent]:
    """A rule that the log does not know yet enters it before anything is decided by it."""
    if site.policy is policy or site.policy == policy:
        return []
    at = message.issued_at if not isinstance(message, Detections) else _time_of(message)
    return [PolicyAdopted(site_id=message.site_id, at=at, version=policy.version, policy=policy)]


def _time_of(message: Detections) -> int:
    return message.frames[0].captured_at if message.frames else 0
