"""What people say about decisions: for the record, and to learn from."""

from reid.contracts.commands import ConfirmIdentity
from reid.contracts.events import AnyEvent, IdentityReviewed
from reid.domain.learning import lessons
from reid.domain.policy import Policy
from reid.domain.rejection import rejected, unknown
from reid.domain.state import SiteState


def review(site: SiteState, command: ConfirmIdentity, policy: Policy) -> list[AnyEvent]:
    """The answer as an event and what it teaches, or its refusal."""
    event = _reviewed(site, command)
    return [event, *lessons(site, event, policy)] if isinstance(event, IdentityReviewed) else [event]


def _reviewed(site: SiteState, command: ConfirmIdentity) -> AnyEvent:
    """A ``no`` is taken for what it is, also after it was acted on;
    a ``yes`` must be about what still stands."""
    person = site.persons.get(command.person_id)
    if person is None:
        return unknown(command, command.person_id)
    other_id = command.other_id
    if other_id == command.person_id:
        return rejected(command, "same_person", f"{other_id} is that very person")
    if other_id is not None and other_id not in site.persons and other_id not in site.merges:
        return unknown(command, other_id)
    if command.answer == "yes" and other_id is not None and site.holder(other_id) != person.person_id:
        return rejected(command, "no_such_merge", f"{other_id} is not part of {person.label} (any longer)")
    track = command.track
    if command.answer == "yes" and track is not None and all(span.track != track for span in person.tracks):
        named = f"{track.camera_id}/{track.session}/{track.tracker_id}"
        return rejected(command, "unknown_track", f"{person.label} has no track {named} in its recent past")
    return IdentityReviewed(
        site_id=command.site_id,
        at=command.issued_at,
        person_id=command.person_id,
        answer=command.answer,
        track=track,
        other_id=other_id,
        score=command.score,
        model=command.model,
        learned=command.learned,
        command_id=command.command_id,
        asked_by=command.issued_by,
    )
