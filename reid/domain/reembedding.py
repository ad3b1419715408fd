"""A change of encoder does not forget everybody: stored crops of a person, as the new encoder sees them.

Appearances of different encoders are never compared, so the cameras that changed would know nobody. The old
templates stay beside the new ones: while cameras change one by one, both are searched. They give way to new
ones as ever (`reid.domain.templates.slot_for` takes a foreign template's place first).
"""

from reid.contracts.commands import AddTemplates, Shown
from reid.contracts.embedding import decode_wire, fixed_to_bytes, to_fixed
from reid.contracts.events import AnyEvent, PersonTemplatesAdded, Template
from reid.domain.policy import Policy
from reid.domain.rejection import rejected, unknown
from reid.domain.state import SiteState
from reid.domain.templates import most_diverse


def add_templates(site: SiteState, command: AddTemplates, policy: Policy) -> AnyEvent:
    """The person's templates with the new ones, or why not."""
    person = site.persons.get(command.person_id)
    if person is None:
        return unknown(command, command.person_id)
    key, dim = command.model.key, site.gallery.dim(command.model.key)
    if dim not in (None, command.model.dim):
        reason = f"{command.person_id} comes with {command.model.dim} values where {key} has {dim}"
        return rejected(command, "wrong_dimension", f"{reason}: give the encoder another version")
    mine = [t for t in person.templates if t.model == key]
    known = {t.vector for t in mine}
    fresh = {t.vector: t for t in (_template(s, command) for s in command.shown) if t.vector not in known}
    kept = most_diverse([*mine, *fresh.values()], policy.max_templates)
    added = sum(t.vector in fresh for t in kept)
    if not added:
        return rejected(command, "nothing_new", f"{person.label} is known to {key} by all of these crops")
    others = most_diverse([t for t in person.templates if t.model != key], policy.max_templates)
    return PersonTemplatesAdded(
        site_id=command.site_id,
        at=command.issued_at,
        person_id=person.person_id,
        model=key,
        templates=(*others, *kept),
        added=added,
        command_id=command.command_id,
        asked_by=command.issued_by,
    )


def _template(shown: Shown, command: AddTemplates) -> Template:
    vector = to_fixed(decode_wire(shown.embedding, command.model.dim))
    return Template(
        command.model.key, fixed_to_bytes(vector), shown.camera_id, round(shown.quality, 4), shown.track
    )
