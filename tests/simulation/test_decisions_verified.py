"""The verifier is clean on what the agent wrote, and names what somebody did to it afterwards."""

import msgspec
import pytest

from deploy.verify.findings import Check
from deploy.verify.records import Record
from reid.contracts.cloudevents import Causation, envelope_from, headers_of
from reid.contracts.codec import decode_event, encode
from reid.contracts.events import PersonForgotten
from reid.contracts.policy import RULE, Policy
from reid.contracts.topics import COMMANDS, DETECTIONS
from reid.domain import scoring
from reid.domain.policy import Policies
from tests.integration.identity_worker import Walk
from tests.unit.streams.memory import PARTITION, SITE, MemoryPartition
from tests.unit.verify.recording import letters_of, log_of, recorded, verified


@pytest.fixture(scope="module")
def held() -> MemoryPartition:
    return recorded()


def test_clean_on_what_the_agent_wrote(held: MemoryPartition) -> None:
    findings, check = verified(held)
    assert findings.kept == {c: [] for c in Check}
    assert findings.exit_code == 0
    assert (check.frames, check.events) == (390, len(held.events))
    assert findings.examined[Check.COMMANDS] == 3
    assert findings.examined[Check.LETTERS] == 3
    assert findings.examined[Check.PERSONS] >= 4
    assert check.unordered == 0


def test_an_event_is_lost(held: MemoryPartition) -> None:
    log = log_of(held)
    for place in (3, len(log) // 2, len(log) - 1):
        findings, _ = verified(held, log[:place] + log[place + 1 :])
        assert findings.differences[Check.DECISIONS] > 0, f"event {place}"
        assert findings.exit_code == 1


def test_all_events_of_the_last_input_are_lost(held: MemoryPartition) -> None:
    log = log_of(held)
    last = envelope_from(log[-1].headers).causation
    kept = [r for r in log if envelope_from(r.headers).causation != last]
    findings, _ = verified(held, kept)
    assert "not in the log" in findings.kept[Check.DECISIONS][0]


def test_an_event_is_there_twice(held: MemoryPartition) -> None:
    log = log_of(held)
    for place in (len(log), 41):
        again = log[40]._replace(offset=9999)
        findings, _ = verified(held, [*log[:place], again, *log[place:]])
        assert findings.differences[Check.IDS] > 0
        assert "second time" in findings.kept[Check.IDS][0]


def test_a_byte_of_a_value_is_altered(held: MemoryPartition) -> None:
    log = log_of(held)
    place = next(n for n, r in enumerate(log) if b"reid.person.seen" in (r.value or b"") and n > 30)
    event = decode_event(log[place].value or b"")
    other = encode(msgspec.structs.replace(event, at=event.at + 1))
    findings, _ = verified(held, [*log[:place], log[place]._replace(value=other), *log[place + 1 :]])
    assert f"/{place}: the value of" in findings.kept[Check.DECISIONS][0]


def test_a_byte_of_a_header_is_altered(held: MemoryPartition) -> None:
    log = log_of(held)
    headers = [(k, b"2" if k == "ce_specversion" else v) for k, v in log[40].headers]
    findings, _ = verified(held, [*log[:40], log[40]._replace(headers=headers), *log[41:]])
    assert findings.differences[Check.DECISIONS] == 1
    assert "/40: the headers of" in findings.kept[Check.DECISIONS][0]


def test_an_id_is_altered(held: MemoryPartition) -> None:
    log = log_of(held)
    headers = [(k, b"x" if k == "ce_id" else v) for k, v in log[40].headers]
    findings, _ = verified(held, [*log[:40], log[40]._replace(headers=headers), *log[41:]])
    assert findings.differences[Check.IDS] == 1


def test_a_foreign_event(held: MemoryPartition) -> None:
    """Well formed, of an input that exists, but no decision."""
    log = log_of(held)
    known = next(decode_event(r.value or b"") for r in log if b"reid.person.registered" in (r.value or b""))
    event = PersonForgotten(site_id=SITE, at=1_790_000_000_000, person_id=known.person_id)  # type: ignore[union-attr]
    for topic, offset in ((DETECTIONS.name, held.ends[DETECTIONS.name] - 1), (COMMANDS.name, 0)):
        cause = Causation(topic, PARTITION, offset)
        foreign = Record("t", PARTITION, 9999, 0, SITE.encode(), encode(event), headers_of(event, cause, 0))
        findings, _ = verified(held, [*log, foreign])
        assert findings.exit_code == 1


def test_an_event_without_our_headers(held: MemoryPartition) -> None:
    log = log_of(held)
    findings, _ = verified(held, [*log, log[-1]._replace(headers=[])])
    assert findings.differences[Check.CAUSATION] == 1


def test_what_can_not_be_folded_ends_the_partition_with_its_place(held: MemoryPartition) -> None:
    log = log_of(held)
    findings, _ = verified(held, [*log[:40], log[40]._replace(value=b"{"), *log[41:]])
    assert any("/40 can't be folded" in said for said in findings.kept[Check.DECISIONS])


def test_a_command_is_not_answered(held: MemoryPartition) -> None:
    log = [r for r in log_of(held) if b'"command_id":"c2"' not in (r.value or b"")]
    findings, _ = verified(held, log)
    assert findings.kept[Check.COMMANDS] == [
        f"command c2 at {COMMANDS.name}/{PARTITION}/2 was never answered"
    ]


def test_a_dead_letter_is_missing_there_twice_or_foreign(held: MemoryPartition) -> None:
    letters = letters_of(held)
    assert verified(held, letters=letters[1:])[0].differences[Check.LETTERS] == 1
    assert verified(held, letters=[*letters, letters[0]])[0].differences[Check.LETTERS] == 1
    moved = [(k, b"0" if k == "dlq_offset" else v) for k, v in letters[0].headers]
    foreign = letters[0]._replace(headers=moved)
    assert verified(held, letters=[*letters, foreign])[0].differences[Check.LETTERS] == 1
    altered = letters[0]._replace(value=b"not JSON")
    assert verified(held, letters=[altered, *letters[1:]])[0].differences[Check.LETTERS] == 1


def test_inputs_past_their_retention_are_taken_from_the_fold(held: MemoryPartition) -> None:
    findings, check = verified(held, low={DETECTIONS.name: 60})
    assert findings.kept == {c: [] for c in Check}
    assert 0 < check.taken_over < 80
    assert check.frames == (held.ends[DETECTIONS.name] - 60 - 2) * 3
    log = log_of(held)
    findings, _ = verified(held, log[:-1], low={DETECTIONS.name: 60})
    assert findings.exit_code == 1


def test_what_an_earlier_rule_decided_is_believed_and_the_rest_decided_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After an upgrade of the rule all that was decided before was told to be wrong."""
    with monkeypatch.context() as before:
        before.setattr(scoring, "STRICTNESS", 1.2)
        old, walk = MemoryPartition(), Walk(SITE)
        recorded(60, policies=Policies(Policy(rule=RULE - 1)), held=old, walk=walk)
        same_rule = recorded(60)
    assert verified(same_rule)[0].differences[Check.DECISIONS] > 0, "that rule decides otherwise"
    count = len(old.events)
    both = recorded(60, held=old, walk=walk)
    findings, check = verified(both)
    assert findings.kept == {c: [] for c in Check}
    assert 0 < check.earlier < count and check.taken_over == check.earlier
    log = log_of(both)
    adopted = next(n for n, r in enumerate(log) if n >= count and b"policy.adopted" in (r.value or b""))
    assert len(log) > adopted + 20
    lost = adopted + 5
    findings, _ = verified(both, log[:lost] + log[lost + 1 :])
    assert findings.differences[Check.DECISIONS] > 0, "what came after is looked at"


def test_without_ce_decided_the_order_is_a_guess_and_said_to_be_one(held: MemoryPartition) -> None:
    """Inputs without events just before the reset are taken after it: then they would cause events."""

    def bare(of: MemoryPartition) -> list[Record]:
        return [r._replace(headers=[h for h in r.headers if h[0] != "ce_decided"]) for r in log_of(of)]

    findings, check = verified(held, bare(held))
    assert check.unordered > 0
    assert findings.differences[Check.DECISIONS] > 0
    one_topic = recorded(20)
    assert verified(one_topic, bare(one_topic))[0].clean


def test_two_people_are_one_in_a_frame(held: MemoryPartition, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen in the decided state, frame by frame, whatever the log says."""
    from deploy.verify import decisions
    from reid.domain.step import step

    def broken(state, message, policies):  # type: ignore[no-untyped-def]
        made = step(state, message, policies)
        for camera in state.site(SITE).cameras.values():
            for bound in camera.bound.values():
                bound.person_id = "person_1_1"
        return made

    crowd = recorded_crowd()
    monkeypatch.setattr(decisions, "step", broken)
    findings, _ = verified(crowd)
    assert findings.differences[Check.FRAMES] > 0


def recorded_crowd() -> MemoryPartition:
    """Two people side by side in every frame."""
    from reid.contracts.codec import decode_detections
    from reid.domain.policy import Policies
    from streams.decider import IdentityDecider
    from streams.partition import PartitionWriter
    from streams.telemetry import Telemetry
    from tests.unit.streams.memory import PARTITIONS, MemoryLog

    held, walk = MemoryPartition(), Walk(SITE, people=2)
    writer = PartitionWriter(MemoryLog(held), IdentityDecider(Policies()), PARTITION, PARTITIONS, Telemetry())
    writer.recover()
    for _ in range(10):
        first, second = decode_detections(walk.message(2)).frames
        both = msgspec.structs.replace(first, persons=first.persons + second.persons)
        message = msgspec.structs.replace(decode_detections(walk.message()), frames=(both,))
        writer.decide([held.put(encode(message))])
    return held


def test_a_clock_that_is_off_is_for_the_dead_letters_only_when_it_is(held: MemoryPartition) -> None:
    """The agent gave one input up for its clock: right when that clock was off, else an input is lost."""
    log, place = log_of(held), 30
    cause = Causation(DETECTIONS.name, PARTITION, place)
    kept = [r for r in log if envelope_from(r.headers).causation != cause]
    assert len(kept) < len(log)
    given = held.inputs[DETECTIONS.name][place]
    why = {"reason": b"clock", "topic": given.topic.encode(), "partition": b"%d" % PARTITION, "offset": b"30"}
    headers = [*given.headers, *((f"dlq_{name}", value) for name, value in why.items())]
    letter = Record("dlq", 0, 9999, 0, given.key, given.value, headers)
    findings, _ = verified(held, kept, [*letters_of(held), letter])
    assert findings.differences[Check.LETTERS] == 1
    held.inputs[DETECTIONS.name][place] = given._replace(timestamp=given.timestamp - 7_200_000)
    try:
        findings, _ = verified(held, kept, [*letters_of(held), letter])
        assert findings.differences[Check.LETTERS] == 0
        assert f"{cause} " not in str(findings.kept[Check.DECISIONS])
        findings, check = verified(held)
        assert findings.clean and check.clocks_off == 1
    finally:
        held.inputs[DETECTIONS.name][place] = given
