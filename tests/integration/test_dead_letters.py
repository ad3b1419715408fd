"""Bad messages on a real broker: each goes once to the dead letters, its neighbours are not touched, and what
is sent again is sent once."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from deploy import cli, dlq_replay
from deploy.dead_letters import REPLAY_OF, letters, place_of, replays
from deploy.doctor import check_dead_letters
from deploy.doctor import run as doctor
from reid.contracts.codec import encode
from reid.contracts.commands import RenamePerson
from reid.contracts.detections import Detections, Frame, Model, Person
from reid.contracts.embedding import encode_wire
from reid.contracts.names import RULE
from reid.contracts.partitioning import partition_of
from reid.contracts.topics import COMMANDS, DETECTIONS, DETECTIONS_DLQ, MAX_MESSAGE_BYTES
from reid.errors import ConfigError
from reid.runtime.doctor import Check, run_checks
from reid.runtime.kafka import producer
from reid.runtime.settings import Settings
from streams.kafka_log import headers_in
from tests.integration.identity_worker import (
    START,
    Walk,
    decide_anew,
    decide_here,
    decided,
    log_of,
    read_all,
    until,
    worker,
)

pytestmark = pytest.mark.integration

SITE = "global"
HOUR = 3_600_000
#: JSON at the producers' limit, with room for the record around it.
LARGEST = MAX_MESSAGE_BYTES - 1024


def crowd(embedding: bytes | None, captured_at: int = START, model: Model | None = None) -> bytes:
    person = Person(tracker_id=1, bbox=(0.0, 0.0, 10.0, 20.0), embedding=embedding)
    frame = Frame("room9", captured_at, 640, 480, "s", model or Model("walk", "1", 4), (person,))
    return encode(Detections(SITE, "test", (frame,)))


def near_the_limit() -> bytes:
    head = b'{"type":"reid.detections.v1","site_id":"global","producer_id":"'
    tail = b'","frames":[]}'
    return head + b"x" * (LARGEST - len(head) - len(tail)) + tail


def vector(*values: float) -> bytes:
    import numpy as np

    return np.array(values, dtype="<f2").tobytes()


BAD: list[tuple[str, bytes | None, bytes | None]] = [
    ("malformed", b"\xff\x00 not json", b"global"),
    ("malformed", b"x" * LARGEST, b"global"),
    ("malformed", None, b"global"),
    ("malformed", b'{"type":"reid.detections.v1","site_id":7}', b"global"),
    ("too_new", b'{"type":"reid.detections.v2","site_id":"global"}', b"global"),
    ("unknown_type", b'{"type":"somebody.elses.v1"}', b"global"),
    ("poison", crowd(vector(float("nan"), 1, 1, 1)), b"global"),
    ("poison", crowd(vector(float("inf"), 1, 1, 1)), b"global"),
    ("poison", crowd(vector(1, 1, 1)), b"global"),
    ("poison", crowd(vector(0, 0, 0, 0)), b"global"),
    ("clock", crowd(None, START + 3 * HOUR), b"global"),
    ("clock", crowd(None, START - 3 * HOUR), b"global"),
    ("misrouted", crowd(None), None),
    ("misrouted", crowd(None), b"annex"),
]


def put(bootstrap: str, partition: int, *records: tuple[bytes | None, bytes | None]) -> None:
    client = producer(bootstrap)
    for value, key in records:
        client.produce(DETECTIONS.name, value, key, partition, headers=[("trace", b"7")])
    assert client.flush(30.0) == 0


def test_each_bad_message_is_one_dead_letter_and_its_neighbours_are_decided(
    topics: str, settings: Settings
) -> None:
    home = partition_of(SITE.encode(), settings.partitions)
    walk, sent = Walk(SITE), list[tuple[bytes | None, bytes | None]]()
    for _, value, key in BAD:
        sent += [(walk.message(3), b"global"), (value, key)]
    sent += [(near_the_limit(), b"global"), (walk.message(3), b"global")]
    # A model that nobody knows is none: it opens a gallery of its own.
    sent.append((crowd(encode_wire([1.0, 0.0, 0.0, 0.0]), model=Model("another", "9", 4)), b"global"))
    put(topics, home, *sent)
    with worker(settings):
        until(lambda: decided(topics, settings.partitions)[DETECTIONS.name, home] == len(sent), "decided")
    found = read_all(topics, DETECTIONS_DLQ.name, 0)
    told = [{name: text.decode() for name, text in headers_in(m)} for m in found]
    assert [(t["dlq_reason"], m.value(), m.key()) for t, m in zip(told, found, strict=True)] == BAD
    assert [int(t["dlq_offset"]) for t in told] == [2 * n + 1 for n in range(len(BAD))]
    assert {(t["dlq_topic"], t["dlq_partition"], t["trace"]) for t in told} == {
        (DETECTIONS.name, str(home), "7")
    }
    assert all(t["dlq_error"] for t in told)
    log = log_of(topics, home)
    assert len(log) > 5
    assert decide_anew(settings, topics, home, settings.partitions) == log


def test_fifty_megabytes_are_refused_where_they_are_sent(topics: str) -> None:
    with pytest.raises(KafkaException) as refused:
        producer(topics).produce(DETECTIONS.name, b"x" * 50_000_000, b"global")
    assert refused.value.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE
    # Another producer's own limit may be higher: then the broker refuses.
    told: list[KafkaError | None] = []
    careless = producer(topics, **{"message.max.bytes": 100_000_000, "compression.type": "none"})
    careless.produce(
        DETECTIONS.name, b"x" * 50_000_000, b"global", on_delivery=lambda error, _: told.append(error)
    )
    assert careless.flush(30.0) == 0
    assert told[0] is not None
    assert told[0].code() == KafkaError.MSG_SIZE_TOO_LARGE


def _frame_of(camera_id: str) -> bytes:
    return encode(Detections(SITE, "test", (Frame(camera_id, START, 640, 480),)))


def test_a_camera_whose_every_frame_is_thrown_away_is_told_by_the_doctor(
    topics: str,
    clean_redis: str,
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It said that all is well."""
    checked = {check.name: check for check in run_checks(settings)}
    assert check_dead_letters(settings, checked["Topics"]) == Check("Dead letters", True, "none")
    home = partition_of(SITE.encode(), settings.partitions)
    put(topics, home, *[(_frame_of("front door"), b"global")] * 3)
    decide_here(topics, home, settings.partitions)
    found = check_dead_letters(settings, checked["Topics"])
    assert found.ok and found.warning and "`saferoom dlq list`" in found.remedy
    assert found.detail.startswith("3, the last at 20")
    assert found.detail.endswith(f"Z, poison: camera_id 'front door': {RULE}")
    assert doctor(settings, []) == 0
    told = capsys.readouterr().out
    assert "Nothing failed" in told and "All is well" not in told and "front door" in told
    monkeypatch.setattr("deploy.dead_letters.LOOKED_AT", 2)
    assert " or more, the last at " in check_dead_letters(settings, checked["Topics"]).detail
    monkeypatch.undo()
    dlq_replay.replay(topics, None, [])
    assert check_dead_letters(settings, checked["Topics"]).detail == "none that was not sent again"
    assert not check_dead_letters(settings, Check("Topics", False, "missing", "make them")).ok


Dlq = Callable[..., Any]


@pytest.fixture
def dlq(topics: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Dlq:
    """``saferoom dlq …``: what it prints."""

    def run(*arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["saferoom", "dlq", *arguments, "--kafka", topics])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        assert ended.value.code == 0, told.err
        return told.out

    return run


def replayed(bootstrap: str, topic: str, partition: int) -> list[str]:
    """Places that the inputs say they are replays of."""
    headers = [dict(headers_in(m)) for m in read_all(bootstrap, topic, partition)]
    return [found[REPLAY_OF].decode() for found in headers if REPLAY_OF in found]


def test_what_is_sent_again_is_sent_once_and_decided(topics: str, settings: Settings, dlq: Dlq) -> None:
    """The clock was right after all: with a wider setting its letters can be decided."""
    home = partition_of(SITE.encode(), settings.partitions)
    place = f"{DETECTIONS.name}/{home}/1"
    rename = RenamePerson(
        site_id=SITE, command_id="c1", issued_at=START - 3 * HOUR, person_id="nobody", label="Ada"
    )
    put(topics, home, (Walk(SITE).message(3), b"global"), (crowd(None, START - 3 * HOUR), b"global"))
    client = producer(topics)
    client.produce(COMMANDS.name, encode(rename), b"global")
    assert client.flush(10.0) == 0
    decide_here(topics, home, settings.partitions)
    assert len(letters(topics)) == 2
    before = len(log_of(topics, home))

    listed = [json.loads(line) for line in dlq("list", "--json").splitlines()]
    assert [(x["reason"], x["replayed"]) for x in listed] == [("clock", False)] * 2
    assert place in dlq("list", "--topic", DETECTIONS.name)
    assert json.loads(dlq("show", place))["headers"] == {"trace": "7"}
    # A place written otherwise ended in a traceback.
    assert dlq("show", place.replace(f"/{home}/1", f"/0{home}/01")) == dlq("show", place)
    assert json.loads(dlq("replay", "--place", place, "--json")) == {
        "sent": [place],
        "sent_before": [],
        "came_back": [],
    }
    assert json.loads(dlq("replay", "--place", place, "--json")) == {
        "sent": [],
        "sent_before": [place],
        "came_back": [],
    }
    other = f"{COMMANDS.name}/{home}/0"
    assert json.loads(dlq("replay", "--json")) == {"sent": [other], "sent_before": [place], "came_back": []}
    assert json.loads(dlq("replay", "--json")) == {"sent": [], "sent_before": [other, place], "came_back": []}

    with worker(settings, SAFEROOM_MAX_CLOCK_SKEW="86400"):
        until(lambda: len(log_of(topics, home)) == before + 1, "the command answered")
        until(lambda: decided(topics, settings.partitions)[DETECTIONS.name, home] >= 3, "decided")
    assert replayed(topics, DETECTIONS.name, home) == [place]
    assert replayed(topics, COMMANDS.name, home) == [other]
    assert len(letters(topics)) == 2
    assert [json.loads(line)["replayed"] for line in dlq("list", "--json").splitlines()] == [True] * 2


@pytest.mark.parametrize("died", ["before it was sent", "when it was sent", "after the end"])
def test_a_replay_that_died_is_finished_by_the_next(
    topics: str, settings: Settings, monkeypatch: pytest.MonkeyPatch, died: str
) -> None:
    """Its record stands in the topic as soon as it is sent, for the agent reads uncommitted."""
    home = partition_of(SITE.encode(), settings.partitions)
    put(topics, home, (b"broken", b"global"))
    decide_here(topics, home, settings.partitions)
    assert len(letters(topics)) == 1

    class Dies(Exception):
        pass

    write, calls = dlq_replay._write, []

    def dying(client: Any, entries: Any, sent: Any = ()) -> None:
        calls.append(len(sent))
        if len(calls) < 2:
            return write(client, entries, sent)
        if died == "after the end":
            write(client, entries, sent)
        raise Dies

    if died == "when it was sent":

        class Uncommitted:
            """A producer that dies between its last record and the end of the transaction."""

            def __init__(self, client: Any) -> None:
                self._client, self._left = client, 1

            def commit_transaction(self, *args: Any) -> None:
                if not self._left:
                    raise Dies
                self._left -= 1
                self._client.commit_transaction(*args)

            def __getattr__(self, name: str) -> Any:
                return getattr(self._client, name)

        make = dlq_replay.transactional_producer
        monkeypatch.setattr(dlq_replay, "transactional_producer", lambda *a, **k: Uncommitted(make(*a, **k)))
    else:
        monkeypatch.setattr(dlq_replay, "_write", dying)
    with pytest.raises(Dies):
        dlq_replay.replay(topics)
    monkeypatch.undo()

    place = place_of(f"{DETECTIONS.name}/{home}/0")
    outcome = dlq_replay.replay(topics)
    assert [x.place for x in outcome.sent] == ([place] if died == "before it was sent" else [])
    assert replays(topics)[place].state == "done"
    assert dlq_replay.replay(topics).sent == []
    until(lambda: len(raw_replays(topics, home)) == 1, "once in the topic, committed or not")
    time.sleep(0.2)
    assert raw_replays(topics, home) == [str(place)]


def raw_replays(bootstrap: str, partition: int) -> list[str]:
    """As the agent sees the topic: uncommitted."""
    from deploy import log

    found = log.read(bootstrap, DETECTIONS.name, {partition: 0}, **{"isolation.level": "read_uncommitted"})
    return [told[REPLAY_OF] for told in map(log.headers_of, found) if REPLAY_OF in told]


def test_what_cannot_be_sent_again_is_refused(topics: str) -> None:
    with pytest.raises(ConfigError, match="no dead letter of"):
        dlq_replay.replay(topics, places=[place_of(f"{DETECTIONS.name}/0/77")])
    with pytest.raises(ConfigError, match="has no dead letters"):
        dlq_replay.replay(topics, "reid.nothing.v1")


def test_a_host_whose_clock_is_more_than_an_hour_ahead_is_refused_by_kafka(topics: str) -> None:
    """Its records are of its own clock, as its frames are: nothing of them tells which is wrong. The broker's
    clock does, so that no such time ends visits or lets anybody expire."""
    refused: list[KafkaError | None] = []
    sender = producer(topics)
    now = time.time_ns() // 1_000_000
    for ahead in (2 * HOUR, 0):
        sender.produce(
            DETECTIONS.name,
            crowd(None, now + ahead),
            SITE,
            timestamp=now + ahead,
            on_delivery=lambda error, _: refused.append(error),
        )
        assert sender.flush(20) == 0
    assert refused[0] is not None and refused[0].code() == KafkaError.INVALID_TIMESTAMP
    assert refused[1] is None
