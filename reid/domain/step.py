"""One input: decided and folded, stage by stage.

Each stage decides on the state that the stage before it left, so its events are folded at once. When the
events cannot be committed, the state has run ahead of the log: drop it and fold the log again.
"""

from collections.abc import Callable
from functools import partial

from reid.contracts.commands import AnyCommand
from reid.contracts.detections import Detections, Frame
from reid.contracts.events import AnyEvent
from reid.domain.commanded import answer
from reid.domain.evolve import evolve
from reid.domain.identify import identities
from reid.domain.policy import Policies, Policy
from reid.domain.present import absences, conflicts, sightings
from reid.domain.state import PartitionState, SiteState

Stage = Callable[[], list[AnyEvent]]


def step(state: PartitionState, message: Detections | AnyCommand, policies: Policies) -> list[AnyEvent]:
    """The events of one validated message, already folded into ``state``, in order."""
    site, policy = state.site(message.site_id), policies.of(message.site_id)
    stages: list[Stage] = []
    if isinstance(message, Detections):
        for frame in message.frames:
            stages += _stages(site, message.site_id, frame, policy)
    else:
        stages.append(partial(answer, site, message, policy))
    events: list[AnyEvent] = []
    for stage in stages:
        for event in stage():
            evolve(state, event)
            events.append(event)
    return events


def _stages(site: SiteState, site_id: str, frame: Frame, policy: Policy) -> list[Stage]:
    """Who is gone; who stands there twice; who is still there; who is that."""
    return [
        partial(absences, site, site_id, frame.camera_id, frame.captured_at, policy),
        partial(conflicts, site, site_id, frame),
        partial(sightings, site, site_id, frame, policy),
        partial(identities, site, site_id, frame, policy),
    ]
