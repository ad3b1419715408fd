"""One input: decided and folded, stage by stage.

Each stage decides on the state that the stage before it left, so its events are folded at once. When the
events cannot be committed, the state has run ahead of the log: drop it and fold the log again.
"""

from collections.abc import Callable
from functools import partial

from reid.contracts.commands import AnyCommand
from reid.contracts.detections import Detections, Frame
from reid.contracts.events import AnyEvent, PolicyAdopted
from reid.contracts.zones import ZoneReport
from reid.domain.calibrate import calibrations
from reid.domain.commanded import answer
from reid.domain.directing import directions, introductions
from reid.domain.evolve import evolve
from reid.domain.following import stages as following
from reid.domain.identify import identities
from reid.domain.policy import Policies, Policy
from reid.domain.present import absences, conflicts, sightings
from reid.domain.revising import revisions
from reid.domain.state import PartitionState, SiteState
from reid.domain.wardrobe import changes

Stage = Callable[[], list[AnyEvent]]
Message = Detections | ZoneReport | AnyCommand


def step(state: PartitionState, message: Message, policies: Policies) -> list[AnyEvent]:
    """The events of one validated message, already folded into ``state``, in order."""
    site, policy = state.site(message.site_id), policies.of(message.site_id)
    stages: list[Stage] = [partial(adoption, site, message, policy)]
    if isinstance(message, Detections):
        for frame in message.frames:
            stages += _stages(site, message.site_id, frame, policy)
    else:
        if isinstance(message, ZoneReport):
            stages += following(site, message, policy)
        else:
            stages.append(partial(answer, site, message, policy))
        stages.append(lambda: directions(site, message.site_id, message.issued_at, events))
    events: list[AnyEvent] = []
    for stage in stages:
        for event in stage():
            evolve(state, event)
            events.append(event)
    return events


def adoption(site: SiteState, message: Message, policy: Policy) -> list[AnyEvent]:
    """A rule that the log does not know yet enters it before anything is decided by it."""
    if site.policy == policy:
        return []
    at = message.issued_at if not isinstance(message, Detections) else _time_of(message)
    return [PolicyAdopted(site_id=message.site_id, at=at, version=policy.version, policy=policy)]


def _time_of(message: Detections) -> int:
    return message.frames[0].captured_at if message.frames else 0


def _stages(site: SiteState, site_id: str, frame: Frame, policy: Policy) -> list[Stage]:
    """What an encoder's similarity means; who is gone; who stands there twice; who is still there; who is
    that; who was taken for somebody else; what they have in common; what they look like now."""
    revised: list[AnyEvent] = []

    def revise() -> list[AnyEvent]:
        revised[:] = revisions(site, site_id, frame, policy)
        return revised

    return [
        partial(introductions, site, site_id, frame),
        partial(absences, site, site_id, frame.camera_id, frame.captured_at, policy),
        partial(conflicts, site, site_id, frame),
        partial(sightings, site, site_id, frame, policy),
        partial(identities, site, site_id, frame, policy),
        # Twice: a track that leaves a person makes room for another. After none all is as it was.
        revise,
        lambda: revise() if revised else [],
        partial(calibrations, site, site_id, frame, policy),
        partial(changes, site, site_id, frame),
    ]
