"""Two ids that are one person become one."""

from reid.contracts.commands import ImportPerson, MergePersons
from reid.contracts.events import AnyEvent, Decision, PersonsMerged
from reid.domain.person import Person
from reid.domain.policy import Policy
from reid.domain.rejection import rejected, unknown
from reid.domain.state import SiteState
from reid.domain.templates import most_diverse


def merge(site: SiteState, command: MergePersons, policy: Policy) -> AnyEvent:
    """The merge that was asked for, or its refusal."""
    if command.person_id1 == command.person_id2:
        return rejected(command, "same_person", f"{command.person_id1} cannot be merged with itself")
    for person_id in (command.person_id1, command.person_id2):
        if person_id not in site.persons:
            return unknown(command, person_id)
    survivor, absorbed = site.persons[command.person_id1], site.persons[command.person_id2]
    if absorbed.person_id in survivor.not_persons:
        return rejected(
            command,
            "seen_together",
            f"{survivor.label} and {absorbed.label} were seen in one frame, or somebody said so: "
            "they are two people",
        )
    return merged(command, survivor, absorbed, policy, command_id=command.command_id)


def merged(
    command: MergePersons | ImportPerson,
    survivor: Person,
    absorbed: Person,
    policy: Policy,
    *,
    command_id: str | None = None,
    decision: Decision | None = None,
) -> PersonsMerged:
    """``absorbed`` taken into ``survivor``, as a command asks."""
    return united(
        command.site_id,
        command.issued_at,
        survivor,
        absorbed,
        policy,
        command_id=command_id,
        asked_by=command.issued_by,
        decision=decision,
    )


def united(
    site_id: str,
    at: int,
    survivor: Person,
    absorbed: Person,
    policy: Policy,
    *,
    command_id: str | None = None,
    asked_by: str = "",
    decision: Decision | None = None,
) -> PersonsMerged:
    """``absorbed`` taken into ``survivor``."""
    latest = max(survivor, absorbed, key=lambda p: (p.last_seen, -p.number))
    return PersonsMerged(
        site_id=site_id,
        at=at,
        survivor_id=survivor.person_id,
        absorbed_id=absorbed.person_id,
        label=survivor.label,
        absorbed_label=absorbed.label,
        cameras=tuple(dict.fromkeys([*survivor.cameras, *absorbed.cameras])),
        templates=most_diverse([*survivor.templates, *absorbed.templates], policy.max_templates),
        visit_count=_visits(survivor, absorbed, policy),
        visit_started_at=latest.visit_started_at,
        first_seen=min(survivor.first_seen, absorbed.first_seen),
        last_seen=latest.last_seen,
        last_camera=latest.last_camera,
        not_persons=tuple(sorted(survivor.not_persons | absorbed.not_persons)),
        command_id=command_id,
        asked_by=asked_by,
        decision=decision,
    )


def _visits(first: Person, second: Person, policy: Policy) -> int:
    """Sum of both counts, less one when their last visits are one visit, seen under two ids."""
    gap = max(first.visit_started_at, second.visit_started_at) - min(first.last_seen, second.last_seen)
    return first.visit_count + second.visit_count - (1 if gap <= policy.visit_gap else 0)
