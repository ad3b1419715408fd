"""One writer, its batches, what it skips, heals, buries, and how it comes back: no server needed."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid.contracts.cloudevents import Causation, envelope_from, event_id
from reid.contracts.codec import decode_event
from reid.contracts.topics import COMMANDS, DETECTIONS, MAX_LETTER_BYTES, MAX_MESSAGE_BYTES
from reid.errors import ConfigError, ContractError, FencedOut, Unavailable
from streams.partition import MAX_INPUTS, MAX_SKEW_MS, DirtyState, PartitionWriter
from streams.ports import Input, Record
from streams.telemetry import Telemetry
from tests.unit.streams.memory import (
    PARTITION,
    PARTITIONS,
    SITE,
    CountingDecider,
    MemoryLog,
    MemoryPartition,
    command,
    detections,
)

Writer = PartitionWriter[dict[str, int]]
#: Of the messages that `detections` makes.
START = 1_700_000_000_000


def writer(partition: MemoryPartition, decider: CountingDecider | None = None) -> Writer:
    return PartitionWriter(
        MemoryLog(partition), decider or CountingDecider(), PARTITION, PARTITIONS, Telemetry()
    )


def recovered(partition: MemoryPartition, decider: CountingDecider | None = None) -> Writer:
    made = writer(partition, decider)
    made.recover()
    return made


def decided(*values: bytes) -> MemoryPartition:
    """What a writer makes of these detections when nothing goes wrong."""
    partition = MemoryPartition()
    inputs = [partition.put(value) for value in values]
    recovered(partition).decide(inputs)
    return partition


def subjects(partition: MemoryPartition) -> list[str]:
    events = [decode_event(record.value) for record in partition.events]
    return [getattr(e, "person_id", None) or getattr(e, "message", "") for e in events]


def test_a_batch_is_one_transaction_in_order_with_the_offsets_of_its_inputs():
    partition = decided(detections("a"), detections("b", 1, 0, 1), detections("c"))
    assert subjects(partition) == ["a-0", "b-1", "b-2", "c-3"]
    assert len(partition.transactions) == 1
    assert partition.decided == {DETECTIONS.name: 3}


def test_event_ids_say_what_caused_them():
    partition = decided(detections("a"), detections("b", 1, 1))
    envelopes = [envelope_from(record.headers) for record in partition.events]
    causations = [Causation(DETECTIONS.name, PARTITION, offset) for offset in (0, 1, 1)]
    assert [e.causation for e in envelopes] == causations
    expected = [
        event_id(c, "reid.person.forgotten.v1", n) for c, n in zip(causations, (0, 0, 1), strict=True)
    ]
    assert [e.id for e in envelopes] == expected
    assert {record.key for record in partition.events} == {SITE.encode()}


def test_events_say_how_far_the_other_topic_was_decided():
    """An input without events is in no causation: only this tells between which events it was decided."""
    partition = MemoryPartition()
    quiet, loud = partition.put(detections("a", 0)), partition.put(command("c"), COMMANDS.name)
    recovered(partition).decide([quiet, loud])
    assert envelope_from(partition.events[0].headers).decided == {DETECTIONS.name: 1}


def test_positions_that_only_the_events_tell_are_not_lost_with_the_group():
    """Kafka forgets the offsets of a group that was idle for a week."""
    partition = MemoryPartition()
    quiet, loud = partition.put(detections("a", 0)), partition.put(command("c"), COMMANDS.name)
    recovered(partition).decide([quiet, loud])
    partition.decided.clear()
    assert recovered(partition).positions == {DETECTIONS.name: 1, COMMANDS.name: 1}


def test_a_large_delivery_is_cut_into_bounded_transactions():
    partition = decided(*(detections(f"p{n}") for n in range(2 * MAX_INPUTS + 1)))
    sizes = [len(t.events) for t in partition.transactions]
    assert sum(sizes) == 2 * MAX_INPUTS + 1
    assert max(sizes) <= MAX_INPUTS


def test_inputs_that_were_decided_are_skipped():
    partition = MemoryPartition()
    inputs = [partition.put(detections(name)) for name in "abc"]
    one = recovered(partition)
    one.decide(inputs[:2])
    one.decide(inputs)
    assert subjects(partition) == ["a-0", "b-1", "c-2"]


def test_a_delivery_of_nothing_new_makes_no_transaction():
    partition = MemoryPartition()
    inputs = [partition.put(detections("a"))]
    one = recovered(partition)
    one.decide(inputs)
    one.decide(inputs)
    assert len(partition.transactions) == 1


def test_an_input_without_event_is_not_decided_again():
    partition = decided(detections("a", 0))
    assert partition.events == []
    assert recovered(partition).positions[DETECTIONS.name] == 1


def test_inputs_that_were_left_out_are_read_from_their_partition_first():
    partition = MemoryPartition()
    inputs = [partition.put(detections(name)) for name in "abcdef"]
    recovered(partition).decide([inputs[2], inputs[5]])
    assert subjects(partition) == [f"{name}-{n}" for n, name in enumerate("abcdef")]


def test_offsets_without_record_are_no_gap_for_ever():
    partition = MemoryPartition()
    first = partition.put(detections("a"))
    partition.mark()
    second = partition.put(detections("b"))
    partition.mark()
    one = recovered(partition)
    one.decide([first, second])
    one.heal(partition.ends)
    assert subjects(partition) == ["a-0", "b-1"]
    assert one.positions[DETECTIONS.name] == 4
    assert recovered(partition).positions[DETECTIONS.name] == 4


def test_detections_and_commands_are_healed_in_the_order_of_their_time():
    partition = MemoryPartition()
    partition.put(detections("a"), timestamp=START + 10)
    partition.put(detections("b"), timestamp=START + 30)
    partition.put(command("c"), topic=COMMANDS.name, timestamp=START + 20)
    recovered(partition).heal(partition.ends)
    assert subjects(partition) == ["a-0", "after 1", "b-1"]


def test_recovery_resumes_behind_the_log_when_the_committed_offsets_are_lost():
    partition = decided(detections("a"), detections("b", 1, 1))
    partition.decided.clear()
    assert recovered(partition).positions == {DETECTIONS.name: 2, COMMANDS.name: 0}


def test_recovery_folds_the_state():
    partition = decided(detections("a"), detections("b", 1, 1))
    assert recovered(partition).state == {SITE: 3}


def test_only_the_newest_writer_can_commit():
    partition = MemoryPartition()
    record = partition.put(detections("a"))
    older = recovered(partition)
    newer = recovered(partition)
    with pytest.raises(FencedOut):
        older.decide([record])
    newer.decide([record])
    assert subjects(partition) == ["a-0"]


@pytest.mark.parametrize(
    ("value", "key", "reason"),
    [
        (b"{", SITE.encode(), b"malformed"),
        (None, SITE.encode(), b"malformed"),
        (b'{"type":"reid.detections.v9"}', SITE.encode(), b"too_new"),
        (b'{"type":"something.else"}', SITE.encode(), b"unknown_type"),
        (detections("poison"), SITE.encode(), b"poison"),
        (detections("x"), None, b"misrouted"),
        (detections("x"), b"elsewhere", b"misrouted"),
        (detections("x", site="site-1"), b"site-1", b"misrouted"),
    ],
)
def test_what_cannot_be_decided_is_a_dead_letter_and_its_neighbours_are_not(value, key, reason):
    partition = MemoryPartition()
    inputs = [
        partition.put(detections("a")),
        partition.put(value, key=key, headers=[("trace", b"7")]),
        partition.put(detections("b")),
    ]
    recovered(partition).decide(inputs)
    assert subjects(partition) == ["a-0", "b-1"]
    (letter,) = partition.dead_letters
    assert letter[:3] == (DETECTIONS.dead_letters, key, value)
    headers = dict(letter.headers)
    assert headers["trace"] == b"7"
    assert headers["dlq_reason"] == reason
    assert headers["dlq_error"]
    place = (headers["dlq_topic"], headers["dlq_partition"], headers["dlq_offset"])
    assert place == (DETECTIONS.name.encode(), str(PARTITION).encode(), b"1")
    assert len(partition.transactions) == 1


def test_the_largest_record_a_producer_can_send_is_a_whole_dead_letter():
    partition = MemoryPartition()
    recovered(partition).decide([partition.put(b"x" * MAX_MESSAGE_BYTES)])
    (letter,) = partition.dead_letters
    assert letter.value == b"x" * MAX_MESSAGE_BYTES
    headers = sum(len(name) + len(value) for name, value in letter.headers)
    assert len(letter.value) + headers < MAX_LETTER_BYTES
    assert "dlq_truncated" not in dict(letter.headers)


def test_a_larger_one_that_came_in_compressed_is_cut_and_says_so():
    partition = MemoryPartition()
    recovered(partition).decide([partition.put(b"x" * (MAX_MESSAGE_BYTES + 1))])
    (letter,) = partition.dead_letters
    assert letter.value == b"x" * MAX_MESSAGE_BYTES
    assert dict(letter.headers)["dlq_truncated"] == str(MAX_MESSAGE_BYTES + 1).encode()


@pytest.mark.parametrize("off", [3_600_000, -3_600_000, MAX_SKEW_MS + 1])
def test_a_clock_that_is_hours_off_is_a_dead_letter(off: int):
    partition = MemoryPartition()
    inputs = [
        partition.put(detections("a"), timestamp=START),
        partition.put(detections("b"), timestamp=START + off),
        partition.put(command("c"), COMMANDS.name, timestamp=START + off),
        partition.put(detections("d"), timestamp=START - MAX_SKEW_MS),
        partition.put(detections("e"), timestamp=0),
    ]
    recovered(partition).decide(inputs)
    assert subjects(partition) == ["a-0", "d-1", "e-2"]
    assert [dict(letter.headers)["dlq_reason"] for letter in partition.dead_letters] == [b"clock"] * 2
    assert "SAFEROOM_MAX_CLOCK_SKEW" in dict(partition.dead_letters[0].headers)["dlq_error"].decode()


def persist(partition: MemoryPartition, inputs: list[Input], decider: CountingDecider) -> int:
    """Recovers and delivers again until all is decided, as a lane does. Returns how often it recovered."""
    one = writer(partition, decider)
    for recoveries in range(1, 20):
        try:
            one.recover()
            one.decide(inputs)
        except (DirtyState, Unavailable):
            continue
        return recoveries
    raise AssertionError("does not get on")


def test_a_decider_that_failed_by_accident_decides_from_a_clean_state():
    partition = MemoryPartition()
    inputs = [partition.put(detections(name)) for name in "abc"]
    assert persist(partition, inputs, CountingDecider({"b": 1})) == 2
    assert subjects(partition) == ["a-0", "b-1", "c-2"]
    assert partition.dead_letters == []


def test_an_input_that_always_breaks_the_decider_is_buried():
    partition = MemoryPartition()
    inputs = [partition.put(detections(name)) for name in "abc"]
    assert persist(partition, inputs, CountingDecider({"b": 99})) == 3
    assert subjects(partition) == ["a-0", "c-1"]
    (letter,) = partition.dead_letters
    assert dict(letter.headers)["dlq_reason"] == b"undecidable"
    assert b"tripped on b" in dict(letter.headers)["dlq_error"]


def test_inputs_made_anew_are_not_taken_for_decided():
    partition = decided(detections("a"), detections("b"))
    partition.inputs[DETECTIONS.name].clear()
    partition.ends[DETECTIONS.name] = 0
    with pytest.raises(ConfigError, match=r"reid\.detections\.v1.*made anew"):
        recovered(partition)


def test_inputs_lost_to_retention_are_told(caplog: pytest.LogCaptureFixture):
    partition = decided(detections("a"), detections("b"))
    partition.lows[DETECTIONS.name] = partition.ends[DETECTIONS.name] = 7
    with caplog.at_level(logging.ERROR):
        assert recovered(partition).positions[DETECTIONS.name] == 7
    assert "5 inputs were deleted by retention" in caplog.text


def test_an_event_that_cannot_be_read_stops_the_recovery():
    partition = decided(detections("a"))
    good = partition.events[0]
    partition.events.append(Record(good.key, b'{"type":"reid.person.seen.v9"}', good.headers))
    with pytest.raises(ContractError, match=r"v9 is newer"):
        recovered(partition)


VALUES = [
    detections("a"),
    detections("b", 0),
    b"broken",
    detections("c", 1, 1),
    detections("d"),
    detections("e", 0, 0),
    detections("f"),
    detections("g", 3),
]
CLEAN = decided(*VALUES)


@given(
    deliveries=st.lists(st.lists(st.integers(0, len(VALUES) - 1), max_size=6), max_size=8),
    crashes=st.dictionaries(st.integers(1, 12), st.sampled_from(["lost", "unheard"]), max_size=6),
)
def test_whatever_is_delivered_and_wherever_it_crashes_the_log_is_the_same(deliveries, crashes):
    """Faust may bring inputs late, twice, not at all; any commit may fail before or after it is done."""
    partition = MemoryPartition()
    inputs = [partition.put(value) for value in VALUES]
    partition.crashes = crashes
    one = writer(partition)
    alive = False
    for chosen in [*deliveries, *([list(range(len(VALUES)))] * 8)]:
        try:
            if not alive:
                one.recover()
            alive = True
            one.decide([inputs[n] for n in chosen])
        except Unavailable:
            alive = False
    assert partition.events == CLEAN.events
    assert partition.dead_letters == CLEAN.dead_letters
    assert partition.decided == CLEAN.decided
