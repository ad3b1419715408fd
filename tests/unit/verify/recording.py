"""A real partition writer's log of a real walk, in memory, and the verifier on it."""

from collections.abc import Callable, Sequence

from deploy.verify.decisions import PartitionCheck
from deploy.verify.findings import Findings
from deploy.verify.inputs import Inputs
from deploy.verify.letters import Letters
from deploy.verify.records import Record
from reid.contracts.codec import encode
from reid.contracts.commands import AnyCommand, MergePersons, RenamePerson, ResetGallery, Tick
from reid.contracts.topics import COMMANDS, DETECTIONS, EVENTS
from reid.domain.policy import Policies
from streams.decider import IdentityDecider
from streams.partition import PartitionWriter
from streams.telemetry import Telemetry
from tests.integration.identity_worker import START, Walk
from tests.unit.streams.memory import PARTITION, PARTITIONS, SITE, MemoryLog, MemoryPartition

Edit = Callable[[list[Record]], Sequence[Record]]


def commands() -> list[AnyCommand]:
    """A rename that fails and one that comes twice, a merge, a tick without effect, a reset."""
    who = {"site_id": SITE, "issued_at": START + 5_000}
    rename = RenamePerson(command_id="c1", person_id="person_1_1", label="Ada", **who)
    return [
        rename,
        rename,
        MergePersons(command_id="c2", person_id1="person_1_1", person_id2="person_1_2", **who),
        Tick(command_id="c3", **who),
        ResetGallery(command_id="c4", camera_id="room2", **who),
    ]


def recorded(
    messages: int = 130,
    frames: int = 3,
    policies: Policies | None = None,
    held: MemoryPartition | None = None,
    walk: Walk | None = None,
) -> MemoryPartition:
    """Detections with commands and undecidable inputs between them, decided one by one; ``held`` and
    ``walk``: what was decided before, by a writer that is gone."""
    held = held or MemoryPartition()
    walk, asked = walk or Walk(SITE), commands()
    writer = PartitionWriter(
        MemoryLog(held), IdentityDecider(policies or Policies()), PARTITION, PARTITIONS, Telemetry()
    )
    writer.recover()
    for number in range(messages):
        writer.decide([held.put(walk.message(frames), timestamp=START + number)])
        if number % 25 == 20:
            writer.decide([held.put(encode(asked.pop(0)), COMMANDS.name, timestamp=START + number)])
        if number % 50 == 10:
            writer.decide([held.put(b"not json", timestamp=START + number)])
    return held


def log_of(held: MemoryPartition) -> list[Record]:
    return [Record(EVENTS.name, PARTITION, n, 0, *record) for n, record in enumerate(held.events)]


def letters_of(held: MemoryPartition) -> list[Record]:
    return [
        Record(letter.topic, 0, n, 0, letter.key, letter.value, letter.headers)
        for n, letter in enumerate(held.dead_letters)
    ]


def verified(
    held: MemoryPartition,
    log: Sequence[Record] | None = None,
    letters: Sequence[Record] | None = None,
    low: dict[str, int] | None = None,
) -> tuple[Findings, PartitionCheck]:
    """``low``: first retained offset of a topic."""
    findings = Findings()
    begins = {DETECTIONS.name: 0, COMMANDS.name: 0} | (low or {})
    inputs = {
        topic: Inputs(iter([Record(*i) for i in records if i.offset >= begins[topic]]), begins[topic])
        for topic, records in held.inputs.items()
    }
    upto = dict(held.ends)
    found = Letters(letters_of(held) if letters is None else letters, findings)
    check = PartitionCheck(PARTITION, PARTITIONS, inputs, upto, found, findings, max_skew_ms=1_800_000)
    check.run(log_of(held) if log is None else log)
    places = {(topic, PARTITION): end for topic, end in upto.items()}
    found.finish({(topic, PARTITION): first for topic, first in begins.items()}, places)
    return findings, check
