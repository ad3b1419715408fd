"""What is refused before any decision, with a message that names the place."""

import math
from typing import Any

import msgspec
import numpy as np
import pytest

from reid.contracts.commands import AcknowledgeAlert, MergePersons, RenamePerson, Tick
from reid.contracts.detections import Frame, Model
from reid.contracts.embedding import encode_wire
from reid.domain.validate import check
from reid.errors import PoisonInput
from tests.unit.domain.story import DIM, MODEL, SITE, START, frame, message, person

GOOD = frame("room1", 0, person(1, "a"), person("t2", "b"))


def _embedding(value: float) -> bytes:
    return encode_wire(np.full(DIM, value))


def _with(**fields: Any) -> Frame:
    return msgspec.structs.replace(GOOD, **fields)


def test_good_messages_pass() -> None:
    check(message(GOOD, _with(session="", persons=())))
    check(MergePersons(site_id=SITE, command_id="c", issued_at=START, person_id1="p", person_id2="q"))
    check(Tick(site_id=SITE, command_id="c", issued_at=START))


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (_with(camera_id="room 1"), "camera_id 'room 1'"),
        (_with(camera_id=""), "camera_id"),
        # `$` stands before a last line break, too.
        (_with(camera_id="room1\n"), "camera_id 'room1\\\\n'"),
        (_with(session="a/b"), "session"),
        (_with(captured_at=-1), "captured_at of camera room1"),
        (_with(captured_at=2**53), "captured_at of camera room1"),
        (_with(persons=(person(1), person("1"))), "two persons with tracker id 1"),
        (_with(persons=(person("a:b"),)), "tracker_id of camera room1"),
        (_with(persons=(person(1, confidence=math.nan),)), "track 1: bbox, confidence"),
        (
            _with(persons=(msgspec.structs.replace(person(1), bbox=(0.0, 0.0, 0.0, 5.0)),)),
            "has no area",
        ),
        # A weight like this would spoil the running mean of its track, and every later message with it.
        (_with(persons=(person(1, quality=1e308),)), "quality 1e\\+308 is not 0 to 1"),
        (_with(persons=(person(1, quality=-0.1),)), "quality -0.1 is not 0 to 1"),
        (_with(persons=(person(1, confidence=1e300),)), "is out of range"),
        (
            _with(persons=(msgspec.structs.replace(person(1), bbox=(1e300, 0.0, 1.0, 5.0)),)),
            "is out of range",
        ),
        (_with(model=None), "an embedding without the frame's model"),
        (_with(persons=(person(1, since=START + 1),)), f"track 1: since {START + 1} is not before"),
        (_with(persons=(person(1, since=-1),)), "track 1: since -1 is not before"),
        (_with(persons=(person(3, b"ab"),)), "track 3: embedding has 1 values"),
        (_with(persons=(person(3, _embedding(math.nan)),)), "track 3: embedding holds NaN"),
        (_with(persons=(person(3, _embedding(math.inf)),)), "track 3: embedding holds NaN or infinite"),
        (_with(persons=(person(3, _embedding(0.0)),)), "track 3: embedding is all zeros"),
        (_with(model=Model("m", "1", 0)), "declares 0 dimensions"),
        (_with(model=Model("m m", "1", DIM)), "model name"),
        (_with(model=Model("m", "1", DIM, ((0.5, 0.6),))), "does not rise"),
        (_with(model=Model("m", "1", DIM, ((0.5, 0.6), (0.4, 0.7)))), "does not rise"),
        (_with(model=Model("m", "1", DIM, agreement=1.01)), "agreement 1.01 of m@1 is not 0 to 1"),
        (_with(model=Model("m", "1", DIM, agreement=-0.1)), "agreement -0.1 of m@1 is not 0 to 1"),
        (_with(model=Model("m", "1", DIM, agreement=math.nan)), "agreement nan of m@1 is not 0 to 1"),
        (_with(model=Model("m", "1", DIM, agreement=math.inf)), "agreement inf of m@1 is not 0 to 1"),
    ],
)
def test_poisonous_frame_is_named(bad: Frame, says: str) -> None:
    with pytest.raises(PoisonInput, match=says):
        check(message(GOOD, bad))


@pytest.mark.parametrize("agreement", [None, 0.0, 0.83, 1.0])
def test_an_agreement_from_none_to_all_is_sound(agreement: float | None) -> None:
    check(message(_with(model=Model("letters", "1", DIM, agreement=agreement))))


def test_of_models_of_unequal_size_each_embedding_is_held_against_its_own() -> None:
    wide = Model("wide", "1", 2 * DIM)
    other = _with(camera_id="room2", model=wide, persons=(person(1, encode_wire(np.ones(2 * DIM))),))
    check(message(GOOD, other))
    with pytest.raises(PoisonInput, match=f"camera room2, track 1: embedding has {DIM} values"):
        check(message(GOOD, msgspec.structs.replace(other, persons=(person(1, _embedding(1.0)),))))


def test_poisonous_names_of_messages_and_commands() -> None:
    with pytest.raises(PoisonInput, match="site_id"):
        check(message(GOOD, site="a:b"))
    with pytest.raises(PoisonInput, match="command_id"):
        check(Tick(site_id=SITE, command_id="", issued_at=START))
    with pytest.raises(PoisonInput, match="issued_at"):
        check(Tick(site_id=SITE, command_id="c", issued_at=0))
    with pytest.raises(PoisonInput, match="person_id2"):
        check(MergePersons(site_id=SITE, command_id="c", issued_at=START, person_id1="p", person_id2=""))
    with pytest.raises(PoisonInput, match="person_id"):
        check(RenamePerson(site_id=SITE, command_id="c", issued_at=START, person_id="", label="x"))
    with pytest.raises(PoisonInput, match="alert_id"):
        check(AcknowledgeAlert(site_id=SITE, command_id="c", issued_at=START, alert_id="a:b"))
    assert MODEL.key == "letters@1"
