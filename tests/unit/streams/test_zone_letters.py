"""What the post sends: a zone's events to its site, a site's wishes to its zones, nothing else."""

from reid.contracts.codec import decode_event, encode
from reid.contracts.commands import ForgetPerson, RejectTrack, ResetGallery
from reid.contracts.events import PersonExpired, PolicyAdopted, TrackRef, ZoneDirected
from reid.contracts.policy import Policy
from reid.contracts.topics import COMMANDS, DETECTIONS
from reid.contracts.zones import ZoneReport
from reid.domain.validate import check
from streams.zones.letters import MAX_REPORT_BYTES, Posted, letters


def gone(site_id: str, at: int) -> PersonExpired:
    return PersonExpired(site_id=site_id, at=at, person_id=f"person_{at}_0", last_seen=at)


def posted(*events: object, value: bytes = b"") -> list[Posted]:
    return [Posted(n, f"id-{n}", value or encode(event), event) for n, event in enumerate(events)]  # type: ignore[arg-type]


def test_a_zones_events_go_to_its_site_as_they_stand_in_the_log() -> None:
    events = [gone("hall/west", 5), gone("hall", 6), gone("yard/north", 7), gone("hall/west", 8)]
    hall, yard = letters(posted(*events))
    assert (hall.topic, hall.site_id, hall.at) == (DETECTIONS.name, "hall", 8)
    assert isinstance(hall.message, ZoneReport)
    assert (hall.message.zone, hall.message.offsets) == ("west", (0, 3))
    assert [decode_event(bytes(raw)) for raw in hall.message.events] == [events[0], events[3]]
    assert (yard.site_id, yard.at) == ("yard", 7)
    check(hall.message)


def test_what_is_the_zones_own_is_not_told() -> None:
    policy = Policy()
    rule = PolicyAdopted(site_id="hall/west", at=5, version=policy.version, policy=policy)
    assert letters(posted(rule, gone("hall", 6))) == []


def test_a_long_report_is_several_in_order() -> None:
    many = posted(*(gone("hall/west", at) for at in range(1, 6)), value=b"x" * (MAX_REPORT_BYTES // 2))
    offsets = [letter.message.offsets for letter in letters(many) if isinstance(letter.message, ZoneReport)]
    assert offsets == [(0, 1), (2, 3), (4,)]


def test_what_a_site_asks_becomes_a_command_with_the_events_own_id() -> None:
    track = TrackRef("room1", "s1", "7")
    head = {"site_id": "hall", "at": 5, "zone": "west"}
    made = letters(
        posted(
            ZoneDirected(action="forget", person_id="person_1_0", **head),  # type: ignore[arg-type]
            ZoneDirected(action="reject", person_id="person_1_0", track=track, **head),  # type: ignore[arg-type]
            ZoneDirected(action="reset", **head),  # type: ignore[arg-type]
        )
    )
    common = {"site_id": "hall/west", "issued_at": 5, "issued_by": "site"}
    assert [letter.message for letter in made] == [
        ForgetPerson(command_id="id-0", person_id="person_1_0", **common),  # type: ignore[arg-type]
        RejectTrack(command_id="id-1", person_id="person_1_0", track=track, **common),  # type: ignore[arg-type]
        ResetGallery(command_id="id-2", **common),  # type: ignore[arg-type]
    ]
    assert {letter.topic for letter in made} == {COMMANDS.name}
    for letter in made:
        check(letter.message)
