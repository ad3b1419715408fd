"""Snapshot and tail are the full fold, byte for byte; what is no good snapshot is left aside."""

import logging
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid.contracts.codec import encode
from reid.contracts.topics import COMMANDS, DETECTIONS
from reid.domain.policy import Policies, Policy
from reid.domain.snapshot import dump
from reid.errors import ConfigError, Malformed
from streams import snapshots
from streams.decider import IdentityDecider
from streams.partition import PartitionWriter
from streams.ports import Input, SnapshotPart
from streams.snapshots import MANIFEST_KEY, pack, unpack
from streams.telemetry import Telemetry
from tests.unit.domain.story import frame, look, message, person
from tests.unit.domain.test_commands import merge
from tests.unit.streams.memory import PARTITION, PARTITIONS, MemoryLog, MemoryPartition

CAMERAS = ("room1", "room2")


def writer(held: MemoryPartition, every: int = 3) -> PartitionWriter[Any]:
    decider = IdentityDecider(Policies(Policy(ttl=3_600_000)))
    made = PartitionWriter(MemoryLog(held), decider, PARTITION, PARTITIONS, Telemetry(), every)
    made.recover()
    return made


def crowd(held: MemoryPartition, count: int = 24) -> list[Input]:
    """Four people in turn before two cameras, a merge among them."""
    inputs = []
    for number in range(count):
        who = "abcd"[number // 3 % 4]
        one = frame(CAMERAS[number % 2], number * 0.5, person(number // 6, who))
        inputs.append(held.put(encode(message(one))))
    inputs.append(held.put(encode(merge("person_0_0", "person_0_1", 60.0)), COMMANDS.name))
    return inputs


@cache
def _filled(part_bytes: int) -> MemoryPartition:
    held = MemoryPartition()
    one = writer(held)
    for record in crowd(held):
        one.decide([record])
    assert held.snapshots
    return held


def filled() -> MemoryPartition:
    """What is left of the crowd, snapshots among it, in parts as long as they are now."""
    return _filled(snapshots.PART_BYTES).copy()


def folded(held: MemoryPartition) -> tuple[bytes, dict[str, int]]:
    one = writer(held)
    return dump(one.state), dict(one.positions)


def without(held: MemoryPartition) -> tuple[bytes, dict[str, int]]:
    """State and positions by the full fold."""
    kept, held.snapshots = held.snapshots, []
    try:
        return folded(held)
    finally:
        held.snapshots = kept


lives = st.lists(
    st.tuples(
        st.sampled_from(CAMERAS),
        st.dictionaries(st.integers(1, 4), st.tuples(st.sampled_from("abc"), st.sampled_from("abc"))),
        st.sampled_from([0.2, 0.5, 1.5, 7.0, 400.0]),
    ),
    max_size=25,
)


@given(lives, st.lists(st.integers(1, 4), max_size=25), st.integers(1, 12))
def test_snapshot_and_tail_are_the_full_fold(
    life: list[tuple[str, dict[int, tuple[str, str]], float]], cuts: list[int], every: int
) -> None:
    held, now, inputs = MemoryPartition(), 0.0, list[Input]()
    for camera, people, pause in life:
        now += pause
        one = frame(camera, now, *(person(t, look(a, b, 0.7)) for t, (a, b) in people.items()))
        inputs.append(held.put(encode(message(one))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshots, "PART_BYTES", 500)
        at_work = writer(held, every)
        while inputs:
            count = cuts.pop() if cuts else 2
            at_work.decide(inputs[:count])
            inputs = inputs[count:]
        assert folded(held) == without(held)
        assert dump(at_work.state) == folded(held)[0]


def test_recovery_reads_the_tail_only() -> None:
    held = filled()
    read: list[int] = []

    class Watched(MemoryLog):
        def events(self, start: int = 0) -> Any:
            read.append(start)
            return super().events(start)

    PartitionWriter(Watched(held), IdentityDecider(Policies(Policy())), PARTITION, PARTITIONS, Telemetry())
    made = PartitionWriter(
        Watched(held), IdentityDecider(Policies(Policy())), PARTITION, PARTITIONS, Telemetry()
    )
    made.recover()
    assert len(read) == 1
    assert read[0] > len(held.events) // 2


def test_no_snapshot_before_it_pays() -> None:
    held = filled()
    written = sum(len(part.value or b"") for part in held.snapshots)
    assert written <= 2 * sum(len(record.value) for record in held.events)


def test_positions_of_inputs_without_event_are_in_the_snapshot() -> None:
    held = filled()
    held.decided.clear()
    assert folded(held)[1][DETECTIONS.name] == 24


def replaced(value: Callable[[bytes], bytes | None], key: bytes) -> Callable[[MemoryPartition], None]:
    def change(held: MemoryPartition) -> None:
        last = max(n for n, part in enumerate(held.snapshots) if part.key == key)
        part = held.snapshots[last]
        assert part.value is not None
        held.snapshots[last] = SnapshotPart(key, value(part.value))

    return change


def manifest(**fields: Any) -> Callable[[MemoryPartition], None]:
    return replaced(lambda raw: msgspec.json.encode(msgspec.json.decode(raw) | fields), MANIFEST_KEY)


def of_another_layout(held: MemoryPartition) -> None:
    """As an older version of the product wrote it: its checksum is right."""
    found = unpack(held.snapshots)
    assert found is not None
    facts, raw = found
    raw = raw.replace(b'"layout":', b'"layout":9')
    held.snapshots += pack(raw, facts.tip, facts.event_id, facts.decided, facts.events)


@pytest.mark.parametrize(
    "damage",
    [
        replaced(lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]), b"part-0"),
        replaced(lambda raw: raw[: len(raw) // 2], b"part-0"),
        replaced(lambda raw: b"", b"part-0"),
        replaced(lambda raw: None, b"part-0"),
        replaced(lambda raw: b"{", MANIFEST_KEY),
        replaced(lambda raw: b"\xff", MANIFEST_KEY),
        manifest(format=99),
        manifest(sha256="0" * 64),
        manifest(parts=2),
        manifest(length=1),
        manifest(event_id="of another log"),
        manifest(tip=10_000),
        of_another_layout,
    ],
)
def test_what_is_no_good_snapshot_is_left_aside_and_told(
    damage: Callable[[MemoryPartition], None], caplog: pytest.LogCaptureFixture
) -> None:
    held = filled()
    expected = without(held)
    damage(held)
    with caplog.at_level(logging.WARNING):
        assert folded(held) == expected
    assert len([r for r in caplog.records if r.levelno >= logging.WARNING and "snapshot" in r.message]) == 1


def test_a_shorter_snapshot_takes_the_parts_of_a_longer_one_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "PART_BYTES", 100)
    held = filled()
    newest = {part.key: part.value for part in held.snapshots}
    monkeypatch.setattr(snapshots, "PART_BYTES", 1_000_000)
    one = writer(held, every=1)
    more = [held.put(encode(message(frame("room1", 100.0 + n, person(50 + n, "e"))))) for n in range(60)]
    for record in more:
        one.decide([record])
    left = {part.key for part in held.snapshots}
    assert left == set(newest)
    final = {part.key: part.value for part in held.snapshots}
    assert {key for key, value in final.items() if value is not None} == {b"part-0", MANIFEST_KEY}


def test_a_state_too_large_is_told_and_the_log_stays_whole(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(snapshots, "MAX_BYTES", 10)
    held = MemoryPartition()
    one = writer(held, every=10)
    with caplog.at_level(logging.ERROR):
        for record in crowd(held):
            one.decide([record])
    assert held.snapshots == []
    assert "no snapshot: the state takes" in caplog.text
    assert folded(held)[0] == dump(one.state)


def test_events_made_anew_are_not_taken_for_an_empty_log() -> None:
    """Their inputs were decided: going on would skip them for ever."""
    held = filled()
    held.events.clear()
    with pytest.raises(ConfigError, match=r"reid\.events\.v1.*made anew.*saferoom-identity-decided"):
        writer(held)
    held.decided.clear()
    held.decided_tip = -1
    one = writer(held)
    one.heal(held.ends)
    assert held.events == filled().events


def test_inputs_that_were_all_dead_letters_leave_an_empty_log_that_is_right() -> None:
    held = MemoryPartition()
    writer(held).decide([held.put(b"broken")])
    assert writer(held).positions[DETECTIONS.name] == 1


def test_nothing_is_no_snapshot() -> None:
    assert unpack([]) is None
    with pytest.raises(Malformed):
        unpack([SnapshotPart(MANIFEST_KEY, b"")])
