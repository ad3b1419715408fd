"""What went between zones and their sites: any letter lost, forged or altered is told."""

import msgspec
import pytest

from deploy.verify.findings import Check, Findings
from deploy.verify.post import PostCheck
from deploy.verify.records import Record
from reid.contracts.cloudevents import Causation, headers_of
from reid.contracts.codec import encode
from reid.contracts.commands import ForgetPerson
from reid.contracts.topics import COMMANDS, DETECTIONS, EVENTS
from streams.zones.letters import Posted, letters
from tests.unit.domain.story import walk
from tests.unit.domain.two_levels import HALL, TwoLevels


def made() -> tuple[list[Record], list[Record]]:
    """Inputs and log of a site over zones in one partition, each letter sent alone."""
    story = TwoLevels().when(walk("room1", 0, 1, "a"), walk("room3", 20, 7, "a"))
    (own,) = story.site().persons
    story.when(ForgetPerson(site_id=HALL, command_id="c", issued_at=story.log[-1].at, person_id=own))
    log, inputs = [], []
    for offset, event in enumerate(story.log):
        headers = headers_of(event, Causation(DETECTIONS.name, 0, offset), 0)
        raw = encode(event)
        log.append(Record(EVENTS.name, 0, offset, 0, event.site_id.encode(), raw, headers))
        for letter in letters([Posted(offset, dict(headers)["ce_id"].decode(), raw, event)]):
            key, value = letter.site_id.encode(), encode(letter.message)
            inputs.append(Record(letter.topic, 0, len(inputs), 0, key, value, []))
    return inputs, log


def found(
    inputs: list[Record], log: list[Record], delivered: int | None = None, complete: bool = True
) -> list[str]:
    findings = Findings()
    check = PostCheck(findings, complete)
    check.inputs(inputs)
    check.log(log, len(log) if delivered is None else delivered)
    check.finish()
    assert findings.examined[Check.POST] > 0
    return findings.kept[Check.POST]


def altered(record: Record, old: bytes, new: bytes) -> Record:
    assert record.value is not None and old in record.value
    return record._replace(value=record.value.replace(old, new))


def test_all_that_was_sent_is_clean_also_twice_and_with_dead_letters_between() -> None:
    inputs, log = made()
    assert found(inputs, log) == []
    noise = Record(DETECTIONS.name, 0, 99, 0, b"hall", b'{"type":"reid.zone.report.v1"}', [])
    assert found([*inputs, noise, *inputs], log) == []


def test_every_letter_that_is_lost_is_told_unless_it_is_not_due_yet() -> None:
    inputs, log = made()
    for place in range(len(inputs)):
        assert len(found(inputs[:place] + inputs[place + 1 :], log)) == 1
    assert found(inputs[:-1], log, delivered=len(log) - 3) == []


def test_what_retention_took_is_not_missed() -> None:
    inputs, log = made()
    assert found(inputs[2:], log) != []
    west = [r for r in inputs if b'"zone":"west"' in (r.value or b"")]
    assert found([r for r in inputs if r not in west[:2]], log, complete=False) == []


@pytest.mark.parametrize(
    ("topic", "old", "new"),
    [
        (DETECTIONS.name, b'"quality":1.0', b'"quality":0.9'),
        (DETECTIONS.name, b'"offsets":[', b'"offsets":[7'),
        (COMMANDS.name, b'"person_id":"person_1', b'"person_id":"person_2'),
        (COMMANDS.name, b'"command_id":"', b'"command_id":"x'),
    ],
)
def test_every_letter_that_is_altered_is_told(topic: str, old: bytes, new: bytes) -> None:
    inputs, log = made()
    place = next(n for n, r in enumerate(inputs) if r.topic == topic and old in (r.value or b""))
    inputs[place] = altered(inputs[place], old, new)
    assert found(inputs, log) != []


def test_the_same_event_told_in_two_ways_is_told() -> None:
    inputs, log = made()
    second = altered(inputs[1], b'"quality":1.0', b'"quality":0.9')
    assert any("otherwise than before" in what for what in found([*inputs, second], log))


def test_a_command_in_the_sites_name_that_it_never_gave_is_told() -> None:
    inputs, log = made()
    forged = ForgetPerson(
        site_id="hall/west", command_id="mine", issued_at=1, issued_by="site", person_id="person_1"
    )
    record = Record(COMMANDS.name, 0, 50, 0, b"hall/west", encode(forged), [])
    assert len(found([*inputs, record], log)) == 1
    by_hand = record._replace(value=encode(msgspec.structs.replace(forged, issued_by="desk")))
    assert found([*inputs, by_hand], log) == []
