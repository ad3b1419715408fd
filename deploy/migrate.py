"""``saferoom migrate``: the old per-camera galleries into the log, by way of the one writer.

1. Read the old records; fold the site's events, which tell what was imported before.
2. Plan: the agent's own `step` decides every record in memory. Within a gallery the best match comes first,
   for no two records of one gallery are one person, and the first to come takes the place.
3. Publish `ImportPerson` for what is to come in, and wait until the log holds the answers. The agent decides;
   what is reported is what the log says.

Ids of commands follow from key and content: a migration that is run again, or broken off, repeats nothing.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console

from deploy.legacy_calibration import MEASURED, calibration_of
from deploy.migration_report import Outcome, Report
from deploy.old_store import OldPerson, OldStore, Unreadable, read_store
from deploy.places import check_places
from deploy.site_log import SiteLog
from reid.contracts.commands import ImportPerson
from reid.contracts.detections import Model
from reid.contracts.embedding import encode_wire
from reid.contracts.events import AnyEvent, CommandRejected, PersonRegistered
from reid.contracts.names import RULE, alike, is_name
from reid.contracts.topics import DEFAULT_SITE
from reid.domain.importing import candidates
from reid.domain.policy import Policies
from reid.domain.state import PartitionState
from reid.domain.step import step
from reid.domain.validate import MAX_IMPORTED, check
from reid.errors import ConfigError, PoisonInput
from reid.runtime.settings import Settings
from streams.policies import policies_of


@dataclass(frozen=True)
class Options:
    """``url`` of the old Redis. ``galleries``: only these; none: all but this system's own.
    ``calibration``: as `calibration_of` reads it. ``attempt``: 2 and more bring in again what was brought in.
    ``cameras``: ``OLD=NEW``, what cameras and galleries are called here.
    """

    url: str
    dry_run: bool = False
    galleries: tuple[str, ...] = ()
    model_name: str = "legacy"
    model_version: str = "1"
    calibration: str = MEASURED
    attempt: int = 1
    cameras: tuple[str, ...] = ()


ASKED_BY: Final = "saferoom migrate"


def command_of(person: OldPerson, site_id: str, model: Model, attempt: int, now: int) -> ImportPerson:
    """Raises `PoisonInput` for a record that the agent could not decide on."""
    source = person.key if attempt == 1 else f"{person.key}#{attempt}"
    content = f"{source} {person.digest} {model!r}"
    places = np.linspace(0, len(person.vectors) - 1, min(len(person.vectors), MAX_IMPORTED)).round()
    command = ImportPerson(
        site_id=site_id,
        command_id=f"import-{hashlib.sha256(content.encode()).hexdigest()[:32]}",
        issued_at=now,
        issued_by=ASKED_BY,
        source=source,
        gallery=person.gallery,
        person_id=person.person_id,
        model=model,
        embeddings=tuple(encode_wire(person.vectors[int(place)]) for place in places),
        first_seen=person.first_seen,
        last_seen=person.last_seen,
        label=person.label,
        cameras=person.cameras,
        visit_count=person.visit_count,
    )
    check(command)
    return command


def commands_of(
    store: OldStore, site_id: str, model: Model, attempt: int, now: int
) -> tuple[list[ImportPerson], list[Unreadable]]:
    """A command for each record, and the records that can't have one."""
    commands, refused = [], []
    for person in store.persons:
        try:
            commands.append(command_of(person, site_id, model, attempt, now))
        except PoisonInput as error:
            unheard = [name for name in (person.gallery, *person.cameras) if not is_name(name)]
            remedy = f"; rename it: --camera '{unheard[0]}={alike(unheard[0])}'" if unheard else ""
            refused.append(Unreadable(person.key, f"{error}{remedy}"))
    return commands, refused


def rename(store: OldStore, cameras: Sequence[str]) -> None:
    """Gives cameras and galleries the names of ``OLD=NEW``. The records keep their keys, by which each is
    brought in once. Raises `ConfigError` for a name that is none, or that nobody has."""
    names = {}
    for text in cameras:
        old, _, new = text.rpartition("=")
        if not old or not is_name(new):
            raise ConfigError(
                f"--camera {text}: give OLD=NEW, such as 'front door=front-door'; {new!r}: {RULE}"
            )
        names[old] = new
    there = {name for person in store.persons for name in (person.gallery, *person.cameras)}
    if unknown := [old for old in names if old not in there]:
        raise ConfigError(f"--camera {unknown[0]}=…: no record is of it, but of {', '.join(sorted(there))}")
    store.persons = [
        person._replace(
            gallery=names.get(person.gallery, person.gallery),
            cameras=tuple(dict.fromkeys(names.get(camera, camera) for camera in person.cameras)),
        )
        for person in store.persons
    ]


def plan(
    commands: Sequence[ImportPerson], state: PartitionState, policies: Policies
) -> list[tuple[ImportPerson, Outcome]]:
    """Commands in the order in which to send them, each with what it will come to. ``state`` goes along."""
    planned = []
    for gallery in sorted({command.gallery for command in commands}):
        for command in _best_first([c for c in commands if c.gallery == gallery], state):
            events = step(state, command, policies)
            answers = [o for o in (outcome_of(event) for event in events) if o is not None]
            answer = answers[0] if answers else Outcome("", "", "rejected", code="answered_before")
            planned.append((command, answer._replace(source=command.source, gallery=gallery)))
    return planned


def _best_first(commands: list[ImportPerson], state: PartitionState) -> list[ImportPerson]:
    def score(command: ImportPerson) -> float:
        site = state.site(command.site_id)
        if site.gallery.dim(command.model.key) not in (None, command.model.dim):
            return 0.0
        return next((score for _, score in candidates(site, command)), 0.0)

    return sorted(commands, key=lambda command: (-score(command), command.source))


def outcome_of(event: AnyEvent) -> Outcome | None:
    """What an event says of an imported record; None for an event that answers no import."""
    if isinstance(event, PersonRegistered) and event.source:
        decision = event.decision
        return Outcome(
            event.source,
            event.track.camera_id,
            "merged" if decision.outcome == "matched" else "registered",
            person_id=event.person_id,
            label=event.label,
            into=decision.candidate if decision.outcome == "matched" else None,
            reason=decision.reason,
            score=decision.score,
            runner_up=decision.runner_up,
            runner_up_score=decision.runner_up_score,
            threshold=decision.threshold,
        )
    if isinstance(event, CommandRejected):
        return Outcome("", "", "rejected", code=event.code, message=event.message)
    return None


def run(settings: Settings, options: Options) -> Report:
    """Migrates, or plans to, and reports. Raises `ConfigError`, `Unavailable`."""
    now = time.time_ns() // 1_000_000
    mine = {settings.site_id, DEFAULT_SITE}
    store = read_store(options.url, options.galleries, mine, now)
    rename(store, options.cameras)
    knots = calibration_of(options.calibration, store.persons)
    model = Model(options.model_name, options.model_version, max(store.dim, 1), knots)
    commands, refused = commands_of(store, settings.site_id, model, options.attempt, now)
    site = SiteLog(settings.kafka(), settings.site_id, ASKED_BY)
    state = site.fold()
    # Decided under the rule that the worker decides by, where the log knows it.
    known = state.site(settings.site_id).policy
    planned = plan(commands, state, Policies(known) if known else policies_of(settings))
    report = Report(
        dry_run=options.dry_run,
        read=store.read,
        model=model,
        passed_over=store.passed_over,
        unreadable=[*store.unreadable, *refused],
        dropped_embeddings=sum(person.dropped for person in store.persons),
        outcomes=[outcome for _, outcome in planned],
    )
    coming = [command for command, outcome in planned if outcome.kind != "rejected"]
    if coming and not options.dry_run:
        site.publish(coming)
        answers = ((command, outcome_of(event)) for command, event in site.answers(coming))
        told = [o._replace(source=c.source, gallery=c.gallery) for c, o in answers if o is not None]
        report.outcomes = [*report.of("rejected"), *told]
    return report


def run_command(settings: Settings, options: Options, json_file: Path | None) -> None:
    """`run`, with its report on the terminal and in ``json_file``."""
    check_places(json_file)
    report = run(settings, options)
    if json_file is not None:
        report.write(json_file)
    report.show(Console())
