"""Persons of an older store, which had a gallery for each camera, come into the one gallery.

A record is decided on as a track would be: the mean of its appearances against the best template of each
person, by the same threshold and margin. Two differences: records of one old gallery are different people
by construction, and no further evidence will come, so what a track would wait for stays a person of its own.
"""

import numpy as np
from numpy.typing import NDArray

from reid.contracts.commands import ImportPerson
from reid.contracts.embedding import decode_wire, fixed_from_bytes, fixed_to_bytes, normalise_fixed, to_fixed
from reid.contracts.events import AnyEvent, Decision, PersonRegistered, PersonState, Template, TrackRef
from reid.domain import labels
from reid.domain.merging import merged
from reid.domain.person import Person
from reid.domain.policy import Policy
from reid.domain.rejection import rejected
from reid.domain.similarity import calibrated
from reid.domain.state import SiteState
from reid.domain.templates import most_diverse

#: Session of the reference that stands for an old gallery: no camera's tracker ever ran it.
SESSION = "import"
#: The old store kept no quality: such a template gives way to any crop of a known one.
UNKNOWN_QUALITY = 0.0

Ranked = list[tuple[str, float]]


def bring_in(site: SiteState, command: ImportPerson, policy: Policy) -> list[AnyEvent]:
    """The person registered, and merged when it is one that is known; or why not.

    `PersonRegistered` answers the command.
    """
    if command.source in site.imports:
        return [rejected(command, "already_imported", f"{command.source} was imported before")]
    if command.issued_at - command.last_seen > policy.ttl:
        days = (command.issued_at - command.last_seen) // 86_400_000
        return [rejected(command, "expired", f"{command.source} was last seen {days} days ago")]
    dim, key = site.gallery.dim(command.model.key), command.model.key
    if dim not in (None, command.model.dim):
        reason = f"{command.source} has {command.model.dim} values where {key} has {dim}: name another model"
        return [rejected(command, "wrong_dimension", reason)]
    decision = _decision(site, command, policy)
    registered = _registered(site, command, policy, decision)
    if decision.outcome == "new" or decision.candidate is None:
        return [registered]
    assert registered.state is not None
    survivor = site.persons[decision.candidate]
    return [registered, merged(command, survivor, Person.of(registered.state), policy, decision=decision)]


def candidates(site: SiteState, command: ImportPerson) -> Ranked:
    """The two nearest persons that the record may be, with their similarities, best first."""
    holders = (site.holder(i.person_id) for i in site.imports.values() if i.gallery == command.gallery)
    excluded = {person_id for person_id in holders if person_id is not None}
    found = site.gallery.search(_probe(command), excluded, 2)
    return [(c.person_id, calibrated(c.raw, command.model.calibration)) for c in found]


def _probe(command: ImportPerson) -> Template:
    """The record's mean appearance, as a track's evidence is the mean of its crops."""
    vectors = [fixed_from_bytes(t.vector) for t in _templates(command)]
    total: NDArray[np.float64] = np.stack(vectors).sum(axis=0, dtype=np.float64)
    # Appearances that cancel out have no mean direction: then the first speaks for them.
    mean = normalise_fixed(total / len(vectors)) if total.any() else vectors[0]
    return Template(command.model.key, fixed_to_bytes(mean), command.gallery, UNKNOWN_QUALITY)


def _templates(command: ImportPerson) -> list[Template]:
    fixed = (to_fixed(decode_wire(raw, command.model.dim)) for raw in command.embeddings)
    return [Template(command.model.key, fixed_to_bytes(v), command.gallery, UNKNOWN_QUALITY) for v in fixed]


def _decision(site: SiteState, command: ImportPerson, policy: Policy) -> Decision:
    best, second = (*candidates(site, command), None, None)[:2]
    threshold = policy.threshold_at(command.gallery)
    if best is None:
        reason = "empty_gallery"
    elif best[1] < threshold:
        reason = "below_threshold"
    elif second is not None and best[1] - second[1] < policy.margin:
        reason = "ambiguous"
    else:
        reason = "above_threshold"
    return Decision(
        outcome="matched" if reason == "above_threshold" else "new",
        reason=reason,
        candidate=best[0] if best else None,
        score=best[1] if best else None,
        runner_up=second[0] if second else None,
        runner_up_score=second[1] if second else None,
        threshold=threshold,
        margin=policy.margin,
        samples=len(command.embeddings),
        gallery_size=len(site.persons),
        model=command.model.key,
        policy=policy.version,
    )


def _registered(
    site: SiteState, command: ImportPerson, policy: Policy, decision: Decision
) -> PersonRegistered:
    person_id = _free_id(site, command)
    label, label_number = _free_label(site, command, decision)
    state = PersonState(
        person_id=person_id,
        number=site.next_number,
        label=label,
        cameras=tuple(dict.fromkeys(command.cameras)) or (command.gallery,),
        templates=most_diverse(_templates(command), policy.max_templates),
        visit_count=command.visit_count,
        # When its last visit began is not known; of an only one it is.
        visit_started_at=command.first_seen if command.visit_count <= 1 else command.last_seen,
        first_seen=command.first_seen,
        last_seen=command.last_seen,
        last_camera=command.cameras[-1] if command.cameras else command.gallery,
        not_persons=(),
        tracks=(),
    )
    return PersonRegistered(
        site_id=command.site_id,
        at=command.issued_at,
        person_id=person_id,
        number=state.number,
        label=label,
        label_number=label_number,
        track=TrackRef(command.gallery, SESSION, command.person_id),
        template=state.templates[0],
        decision=decision,
        source=command.source,
        state=state,
        command_id=command.command_id,
        asked_by=command.issued_by,
    )


def _free_id(site: SiteState, command: ImportPerson) -> str:
    """The old id, unless somebody here has or had it: ``person_A`` of another camera is somebody else."""
    taken = {i.person_id for i in site.imports.values()} | site.persons.keys() | site.merges.keys()
    if command.person_id not in taken:
        return command.person_id
    return labels.person_id(command.issued_at, site.next_number)


def _free_label(site: SiteState, command: ImportPerson, decision: Decision) -> tuple[str, int]:
    """The label, and the number of the last one given out. The old label is kept where it is free.

    A record that is merged at once needs none of the running labels: its own says where it came from,
    should the merge be undone.
    """
    last = site.next_label - 1
    wanted = command.label.strip()
    if decision.outcome == "matched":
        wanted = f"{wanted or command.person_id} ({command.gallery})"
    if 0 < len(wanted) <= labels.MAX_LABEL and wanted.isprintable() and site.labelled(wanted) is None:
        return wanted, last
    number = site.next_label
    while site.labelled(labels.label(number)) is not None:
        number += 1
    return labels.label(number), number
