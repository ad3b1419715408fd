"""Messages survive the wire, and what is wrong with one is told by its error's type."""

import re
import uuid

import pytest

from reid.contracts.cloudevents import NAMESPACE, Causation, envelope_from, event_id, headers_of, rfc3339
from reid.contracts.codec import (
    COMMAND_TYPES,
    EVENT_TYPES,
    decode_command,
    decode_detections,
    decode_event,
    decode_status,
    encode,
    type_name,
)
from reid.contracts.commands import MergePersons
from reid.contracts.detections import CameraStatus
from reid.contracts.events import PersonForgotten, PersonSeen
from reid.contracts.topics import ALL_TOPICS, DETECTIONS, person_key
from reid.errors import Malformed, TooNew, UnknownType
from tests.unit.domain.story import SITE, START, Story, frame, message, person, walk

FORGOTTEN = PersonForgotten(site_id=SITE, at=START, person_id="person_1_0", command_id="c1")


def test_every_message_round_trips() -> None:
    detections = message(frame("room1", 0, person(1, "a"), person("t2")))
    assert decode_detections(encode(detections)) == detections
    command = MergePersons(site_id=SITE, command_id="c", issued_at=START, person_id1="p", person_id2="q")
    assert decode_command(encode(command)) == command
    status = CameraStatus(site_id=SITE, camera_id="room1", session="s", reported_at=1, state="streaming")
    assert decode_status(encode(status)) == status
    story = Story().given(walk("room1", 0, 1, "a"))
    for event in [*story.log, FORGOTTEN]:
        assert decode_event(encode(event)) == event


def test_embedding_is_base64_of_little_endian_half_floats() -> None:
    raw = encode(message(frame("room1", 0, person(1, "a"))))
    assert b'"embedding":"ADwAAA' in raw, "1.0 is 0x3c00: bytes 00 3c"


def test_every_type_name_ends_in_its_version_and_is_unique() -> None:
    names = [*EVENT_TYPES, *COMMAND_TYPES]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"reid\.[a-z_.-]+\.v[1-9]", name) for name in names)


@pytest.mark.parametrize(
    ("raw", "error", "says"),
    [
        (b"", Malformed, "not a JSON object"),
        (b"\xff\xfe", Malformed, "not a JSON object"),
        (b"[1]", Malformed, "not a JSON object"),
        (b"[" * 100_000, Malformed, "not a JSON object"),
        (b'{"type":"reid.person.forgotten.v1"}', Malformed, "missing required field"),
        (b'{"type":"reid.person.forgotten.v2"}', TooNew, "newer than v1"),
        (b'{"type":"reid.person.flown.v1"}', UnknownType, "reid.person.flown.v1"),
        (b'{"type":"what"}', UnknownType, "what"),
        (b'{"kind":1}', UnknownType, "type ''"),
        (
            b'{"type":"reid.person.forgotten.v1","site_id":"s","at":"noon","person_id":"p"}',
            Malformed,
            "at",
        ),
    ],
)
def test_what_is_wrong_is_told_by_the_type_of_the_error(
    raw: bytes, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        decode_event(raw)


def test_reader_takes_fields_of_a_later_minor_version() -> None:
    raw = encode(FORGOTTEN)[:-1] + b',"added_later":1}'
    assert decode_event(raw) == FORGOTTEN


def test_cloudevents_headers() -> None:
    causation = Causation("reid.commands.v1", 2, 17)
    headers = headers_of(FORGOTTEN, causation, 0)
    told = {k: v.decode() for k, v in headers}
    assert told["ce_type"] == "reid.person.forgotten.v1" == type_name(FORGOTTEN)
    assert told["ce_subject"] == "person_1_0"
    assert told["ce_time"] == rfc3339(START) == "2025-11-05T12:10:58.197Z"
    assert told["ce_causation"] == "reid.commands.v1/2/17"
    assert envelope_from(headers) == (told["ce_id"], told["ce_type"], causation, {})


def test_headers_tell_how_far_the_other_input_topics_were_decided() -> None:
    causation = Causation("reid.commands.v1", 2, 17)
    headers = headers_of(FORGOTTEN, causation, 0, {"reid.detections.v1": 41, "reid.commands.v1": 17})
    assert dict(headers)["ce_decided"] == b"reid.detections.v1=41"
    assert envelope_from(headers).decided == {"reid.detections.v1": 41}
    with pytest.raises(Malformed, match="ce_decided"):
        envelope_from([*headers, ("ce_decided", b"detections")])


def test_same_input_makes_the_same_event_id_and_no_other_does() -> None:
    here = Causation("t", 0, 1)
    assert event_id(here, "x.v1", 0) == event_id(here, "x.v1", 0)
    ids = {
        event_id(Causation("t", 0, offset), type_, ordinal)
        for offset in (1, 11)
        for type_ in ("x.v1", "y.v1")
        for ordinal in (0, 1)
    }
    assert len(ids) == 8


def test_an_event_id_is_a_uuid_of_the_standards_fifth_kind() -> None:
    for offset in range(50):
        here = Causation("reid.detections.v1", 3, offset)
        expected = uuid.uuid5(NAMESPACE, f"reid.detections.v1/3/{offset}/reid.person.seen.v1/2")
        assert event_id(here, "reid.person.seen.v1", 2) == str(expected)


@pytest.mark.parametrize(
    ("ms", "expected"),
    [
        (1_762_344_658_197, "2025-11-05T12:10:58.197Z"),
        (1_762_344_658_000, "2025-11-05T12:10:58.000Z"),
        (999, "1970-01-01T00:00:00.999Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
    ],
)
def test_a_time_has_its_milliseconds(ms: int, expected: str) -> None:
    assert rfc3339(ms) == expected


def test_record_without_its_headers_is_malformed() -> None:
    with pytest.raises(Malformed, match="ce_causation"):
        envelope_from([("ce_id", b"1"), ("ce_type", b"x")])
    with pytest.raises(Malformed, match="topic/partition/offset"):
        Causation.parse("nowhere")
    with pytest.raises(Malformed):
        envelope_from(None)


def test_redis_key_is_the_old_systems() -> None:
    assert person_key("global", "person_1762344658197_0") == (
        "saferoom:persons:global:person_1762344658197_0"
    )


def test_dead_letter_topics_are_declared_for_what_they_serve() -> None:
    assert DETECTIONS.dead_letters in {t.name for t in ALL_TOPICS}
    assert PersonSeen.__struct_config__.tag == "reid.person.seen.v1"
