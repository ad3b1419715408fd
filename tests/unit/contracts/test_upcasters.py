"""Older messages are brought up to date before they are decoded, by the real decode function."""

from typing import Any

import msgspec
import pytest

from reid.contracts.codec import COMMAND_TYPES, EVENT_TYPES, decode, decode_event, encode
from reid.contracts.events import AnyEvent, PersonRenamed, PolicyAdopted
from reid.contracts.policy import RULE, Policy
from reid.contracts.upcasters import UPCASTERS, Upcaster
from reid.errors import Malformed, TooNew, UnknownType


class Greeted(msgspec.Struct, tag_field="type", tag="reid.person.greeted.v3"):
    """v1 had one ``name``, v2 first and last names, v3 a list of them."""

    names: list[str]


class Waved(msgspec.Struct, tag_field="type", tag="reid.person.waved.v1"):
    """Beside it, still in its first version."""

    hand: str = "left"


def _split(old: dict[str, Any]) -> dict[str, Any]:
    first, last = old["name"].split(" ")
    return {"first": first, "last": last}


STEPS = (
    Upcaster("reid.person.greeted.v1", "reid.person.greeted.v2", _split),
    Upcaster(
        "reid.person.greeted.v2", "reid.person.greeted.v3", lambda old: {"names": [old["first"], old["last"]]}
    ),
)
KNOWN = ("reid.person.greeted.v3", "reid.person.waved.v1")
DECODER: msgspec.json.Decoder[Greeted | Waved] = msgspec.json.Decoder(Greeted | Waved)


def read(raw: bytes) -> Greeted | Waved:
    return decode(DECODER, raw, KNOWN, STEPS)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"type":"reid.person.greeted.v1","name":"Ann Lee"}',
        b'{"type":"reid.person.greeted.v2","first":"Ann","last":"Lee"}',
        b'{"type":"reid.person.greeted.v3","names":["Ann","Lee"]}',
    ],
)
def test_every_version_is_read_as_the_newest(raw: bytes) -> None:
    assert read(raw) == Greeted(["Ann", "Lee"])


def test_a_first_version_beside_a_third() -> None:
    assert read(b'{"type":"reid.person.waved.v1"}') == Waved()


@pytest.mark.parametrize(
    ("raw", "error", "says"),
    [
        (b'{"type":"reid.person.greeted.v4"}', TooNew, "newer than v3"),
        (b'{"type":"reid.person.waved.v2"}', TooNew, "newer than v1"),
        (b'{"type":"reid.person.greeted.v0"}', UnknownType, "greeted.v0"),
        (b'{"type":"reid.person.greeted.v1"}', Malformed, "greeted.v1, an older version: KeyError"),
        (b'{"type":"reid.person.greeted.v1","name":"Ann"}', Malformed, "an older version: ValueError"),
        (b'{"type":"reid.person.greeted.v1","name":7}', Malformed, "greeted.v1"),
        (b'{"type":"reid.person.greeted.v2","first":1,"last":""}', Malformed, "greeted.v3: Expected `str`"),
        (b'{"type":"reid.person.greeted.v3"}', Malformed, "missing required field"),
        (b'{"type":"reid.person.greeted.v1"', Malformed, "not a JSON object"),
        (b'["reid.person.greeted.v1"]', Malformed, "not a JSON object"),
    ],
)
def test_what_is_wrong_is_told(raw: bytes, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        read(raw)


def test_events_are_read_by_way_of_steps_too() -> None:
    event = PersonRenamed(site_id="global", at=1, person_id="p", label="A", previous_label="B")
    old = encode(event).replace(b"renamed.v1", b"named.v1").replace(b'"label"', b'"name"')

    def renamed(plain: dict[str, Any]) -> dict[str, Any]:
        return {**plain, "label": plain["name"]}

    steps = (Upcaster("reid.person.named.v1", "reid.person.renamed.v1", renamed),)
    decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
    assert decode(decoder, old, EVENT_TYPES, steps) == event
    with pytest.raises(UnknownType):
        decode_event(old)


def test_what_is_current_never_meets_a_step() -> None:
    def explode(_: dict[str, Any]) -> dict[str, Any]:
        raise AssertionError("upcast")

    steps = (Upcaster("reid.person.waved.v1", "reid.person.waved.v2", explode),)
    assert decode(DECODER, b'{"type":"reid.person.waved.v1"}', KNOWN, steps) == Waved()
    with pytest.raises(Malformed, match="hand"):
        decode(DECODER, b'{"type":"reid.person.waved.v1","hand":1}', KNOWN, steps)


def test_steps_lead_to_types_that_are_read() -> None:
    current = {*EVENT_TYPES, *COMMAND_TYPES, "reid.detections.v1", "reid.camera.status.v1"}
    for place, step in enumerate(UPCASTERS):
        later = {s.source for s in UPCASTERS[place + 1 :]}
        assert step.target in current | later, f"{step.source} leads nowhere"
        assert step.source not in current, f"{step.source} is still read as it is"


def test_a_policy_of_the_first_version_keeps_what_it_left_unsaid() -> None:
    """Looks grow to 20 in version 2: a site that adopted version 1 by its defaults goes on with 6."""
    adopted = {"type": "reid.policy.adopted.v1", "site_id": "s", "at": 1, "version": "p", "policy": {}}
    old = decode_event(msgspec.json.encode(adopted))
    new = decode_event(msgspec.json.encode({**adopted, "type": "reid.policy.adopted.v2"}))
    said = decode_event(msgspec.json.encode({**adopted, "policy": {"look_weight": 9.0}}))
    assert isinstance(old, PolicyAdopted) and isinstance(new, PolicyAdopted)
    assert isinstance(said, PolicyAdopted)
    assert (old.policy.rule, new.policy.rule) == (1, 2)
    assert (old.policy.look_weight, new.policy.look_weight, said.policy.look_weight) == (6.0, 20.0, 9.0)
    with pytest.raises(Malformed, match="policy"):
        decode_event(b'{"type":"reid.policy.adopted.v1","site_id":"s","at":1,"version":"p"}')


def test_a_policy_of_today_says_its_form_of_the_rule() -> None:
    """Version 2 left it to a default, which could not change without another version."""
    made = PolicyAdopted(site_id="s", at=1, version="p", policy=Policy())
    assert msgspec.json.decode(msgspec.json.encode(made))["policy"]["rule"] == RULE
    assert "default" not in msgspec.json.schema(Policy)["$defs"]["Policy"]["properties"]["rule"]
