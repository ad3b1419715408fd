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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from confluent_kafka import KafkaError, TopicPartition
from rich.console import Console

from deploy import log
from deploy.legacy_calibration import MEASURED, calibration_of
from deploy.migration_report import Outcome, Report
from deploy.old_store import OldPerson, OldStore, Unreadable, read_store
from reid.contracts.codec import decode_event, encode
from reid.contracts.commands import ImportPerson
from reid.contracts.detections import Model
from reid.contracts.embedding import encode_wire
from reid.contracts.events import AnyEvent, CommandRejected, PersonRegistered
from reid.contracts.partitioning import partition_of
from reid.contracts.topics import COMMANDS, DEFAULT_SITE, EVENTS
from reid.domain.evolve import evolve
from reid.domain.importing import candidates
from reid.domain.policy import Policies
from reid.domain.state import PartitionState
from reid.domain.step import step
from reid.domain.validate import MAX_IMPORTED, check
from reid.errors import PoisonInput, Unavailable
from reid.runtime import kafka
from reid.runtime.settings import Settings
from streams.policies import policies_of


@dataclass(frozen=True)
class Options:
    """``url`` of the old Redis. ``galleries``: only these; none: all but this system's own.
    ``calibration``: as `calibration_of` reads it. ``attempt``: 2 and more bring in again what was brought in.
    """

    url: str
    dry_run: bool = False
    galleries: tuple[str, ...] = ()
    model_name: str = "legacy"
    model_version: str = "1"
    calibration: str = MEASURED
    attempt: int = 1


ASKED_BY: Final = "saferoom migrate"
#: Without any answer for so long there is nobody who decides.
ANSWER_S: Final = 30.0
_ACKNOWLEDGED_S: Final = 30.0


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
            refused.append(Unreadable(person.key, str(error)))
    return commands, refused


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
    knots = calibration_of(options.calibration, store.persons)
    model = Model(options.model_name, options.model_version, max(store.dim, 1), knots)
    commands, refused = commands_of(store, settings.site_id, model, options.attempt, now)
    site = SiteLog(settings.kafka(), settings.site_id)
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
        report.outcomes = [*report.of("rejected"), *site.answers(coming)]
    return report


class SiteLog:
    """The site's partition: its events so far, commands to it, and their answers."""

    def __init__(self, bootstrap: str, site_id: str) -> None:
        self._bootstrap, self._site_id = bootstrap, site_id
        consumer = log.log_reader(bootstrap)
        try:
            spans = log.spans(consumer, EVENTS.name)
        finally:
            consumer.close()
        self._partition = partition_of(site_id.encode(), len(spans))
        self._next, _ = spans[self._partition]

    def fold(self) -> PartitionState:
        """State at the end of the log. Raises `Unavailable`, `ContractError`."""
        state = PartitionState()
        for message in log.read(self._bootstrap, EVENTS.name, {self._partition: self._next}):
            evolve(state, decode_event(message.value() or b""))
            self._next = (message.offset() or 0) + 1
        return state

    def publish(self, commands: Sequence[ImportPerson]) -> None:
        """Returns when all are acknowledged. Raises `Unavailable`."""
        client = kafka.producer(self._bootstrap, error_cb=lambda _error: None)
        lost: list[KafkaError] = []

        def delivered(error: KafkaError | None, _message: object) -> None:
            if error is not None:
                lost.append(error)

        for command in commands:
            value, key = encode(command), self._site_id.encode()
            while True:
                try:
                    client.produce(COMMANDS.name, value, key, on_delivery=delivered)
                    break
                except BufferError:
                    client.poll(0.1)
        if client.flush(_ACKNOWLEDGED_S) or lost:
            why = lost[0].str() if lost else "not acknowledged in time"
            raise Unavailable(f"Kafka did not take the commands ({why}): run `saferoom migrate` again")

    def answers(self, commands: Sequence[ImportPerson]) -> Iterator[Outcome]:
        """What the log says of each, as it comes. Raises `Unavailable` when nothing comes any more."""
        waiting = {command.command_id: command for command in commands}
        consumer = log.log_reader(self._bootstrap)
        consumer.assign([TopicPartition(EVENTS.name, self._partition, self._next)])
        heard = time.monotonic()
        try:
            while waiting:
                for message in consumer.consume(500, timeout=0.2):
                    error = message.error()
                    if error is not None:
                        if error.code() != KafkaError._PARTITION_EOF:
                            raise Unavailable(f"Kafka, topic {EVENTS.name}: {error.str()}")
                        continue
                    event = decode_event(message.value() or b"")
                    command = waiting.pop(getattr(event, "command_id", None) or "", None)
                    outcome = outcome_of(event) if command else None
                    if command is not None and outcome is not None:
                        heard = time.monotonic()
                        yield outcome._replace(source=command.source, gallery=command.gallery)
                if time.monotonic() - heard > ANSWER_S:
                    raise Unavailable(
                        f"{len(waiting)} of {len(commands)} records are not decided on: is `saferoom worker` "
                        "running? They are decided once it does; then run `saferoom migrate` again"
                    )
        finally:
            consumer.close()


def run_command(settings: Settings, options: Options, json_file: Path | None) -> None:
    """`run`, with its report on the terminal and in ``json_file``."""
    report = run(settings, options)
    if json_file is not None:
        report.write(json_file)
    report.show(Console())
