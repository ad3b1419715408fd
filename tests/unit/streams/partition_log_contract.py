"""What every `PartitionLog` must do. A subclass gives the fixture ``site``: a fresh partition."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from reid.contracts.topics import COMMANDS, DETECTIONS
from reid.errors import FencedOut
from streams.ports import DeadLetter, Decided, Input, PartitionLog, Record, SnapshotPart, Span, Transaction

EVENT = Record(b"global", b'{"n":1}', [("ce_id", b"1")])
LETTER = DeadLetter(DETECTIONS.dead_letters, b"k", b"v", [("dlq_reason", b"malformed")])


@dataclass
class Site:
    """``open`` makes one more writer's log of the same partition; ``put`` appends an input record;
    ``letters`` reads the committed dead letters."""

    open: Callable[[], PartitionLog]
    put: Callable[[str, bytes], Input]
    letters: Callable[[], list[DeadLetter]]


class PartitionLogContract:
    def test_a_fresh_partition_is_empty(self, site: Site) -> None:
        log = site.open()
        log.fence()
        assert list(log.events()) == []
        assert log.decided() == Decided({})
        assert log.snapshot() == []
        assert log.tip == -1
        assert log.spans() == {DETECTIONS.name: Span(0, 0), COMMANDS.name: Span(0, 0)}
        log.close()

    def test_a_transaction_is_there_whole(self, site: Site) -> None:
        log = site.open()
        log.fence()
        log.commit(Transaction([EVENT, EVENT], [LETTER], {DETECTIONS.name: 5}))
        log.commit(Transaction([EVENT], [], {COMMANDS.name: 2}))
        assert list(log.events()) == [EVENT] * 3
        assert site.letters() == [LETTER]
        assert log.decided().offsets == {DETECTIONS.name: 5, COMMANDS.name: 2}
        assert log.decided().tip == log.tip
        log.close()

    def test_events_are_read_from_any_of_them_on(self, site: Site) -> None:
        log = site.open()
        log.fence()
        tips = []
        for number in range(3):
            event = Record(b"global", b'{"n":%d}' % number, [("ce_id", b"1")])
            log.commit(Transaction([event, event], [], {DETECTIONS.name: number + 1}))
            tips.append(log.tip)
        assert tips == sorted(set(tips))
        assert [r.value for r in log.events(tips[1])] == [b'{"n":1}', b'{"n":2}', b'{"n":2}']
        assert log.tip == tips[2]
        log.close()

    def test_the_newest_snapshot_is_found_whole_behind_older_ones(self, site: Site) -> None:
        log = site.open()
        log.fence()
        for number in range(30):
            parts = [SnapshotPart(b"part-%d" % n, b"%d" % number) for n in range(5)]
            manifest = SnapshotPart(b"manifest", b"%d" % number)
            log.commit(Transaction([EVENT], [], {DETECTIONS.name: number + 1}, [*parts, manifest]))
        newest = {part.key: part.value for part in log.snapshot()}
        assert newest == dict.fromkeys((*(b"part-%d" % n for n in range(5)), b"manifest"), b"29")
        log.close()

    def test_a_fenced_writer_leaves_no_snapshot(self, site: Site) -> None:
        older, newer = site.open(), site.open()
        older.fence()
        newer.fence()
        with pytest.raises(FencedOut):
            older.commit(Transaction([EVENT], [], {DETECTIONS.name: 1}, [SnapshotPart(b"manifest", b"x")]))
        assert newer.snapshot() == []
        older.close()
        newer.close()

    def test_the_next_writer_sees_what_the_last_one_committed(self, site: Site) -> None:
        first = site.open()
        first.fence()
        first.commit(Transaction([EVENT], [], {DETECTIONS.name: 1}))
        first.close()
        second = site.open()
        second.fence()
        assert list(second.events()) == [EVENT]
        assert second.decided() == Decided({DETECTIONS.name: 1}, second.tip)
        second.close()

    def test_a_newer_writer_fences_the_older(self, site: Site) -> None:
        older, newer = site.open(), site.open()
        older.fence()
        older.commit(Transaction([EVENT], [], {DETECTIONS.name: 1}))
        newer.fence()
        with pytest.raises(FencedOut):
            older.commit(Transaction([EVENT], [], {DETECTIONS.name: 2}))
        newer.commit(Transaction([EVENT], [], {DETECTIONS.name: 2}))
        assert len(list(newer.events())) == 2
        older.close()
        newer.close()

    def test_inputs_come_within_their_spans_merged_by_time(self, site: Site) -> None:
        log = site.open()
        log.fence()
        sent = [
            site.put(topic, value)
            for topic, value in [
                (DETECTIONS.name, b"d0"),
                (DETECTIONS.name, b"d1"),
                (COMMANDS.name, b"c0"),
                (DETECTIONS.name, b"d2"),
            ]
        ]
        spans = log.spans()
        assert spans == {DETECTIONS.name: Span(0, 3), COMMANDS.name: Span(0, 1)}
        assert [r.value for r in log.inputs(spans)] == [b"d0", b"d1", b"c0", b"d2"]
        assert list(log.inputs({DETECTIONS.name: Span(1, 2)})) == [sent[1]]
        assert list(log.inputs({DETECTIONS.name: Span(3, 3)})) == []
        log.close()
