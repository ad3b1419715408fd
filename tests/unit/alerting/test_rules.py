"""Each kind of rule: what it tells, once an incident, and what it does not."""

from typing import Any

import pytest

from reid.contracts.alert_rules import Hours, WatchList, Zone
from reid.contracts.alerts import (
    AlertAcknowledged,
    AlertClosed,
    AlertOpened,
    AlertRefused,
    AlertRulesAdopted,
    AlertUpdated,
)
from tests.unit.alerting.story import (
    HOUR,
    Story,
    acknowledge,
    at,
    canonical,
    registered,
    rule,
    seen,
    stays,
    tick,
)
from tests.unit.projections.story import merged

DAILY = tuple(Hours(day, 8 * 60, 18 * 60) for day in range(7))
STAFF = WatchList("staff", ("ada",), ("Night nurse",))
SERVER = Zone("server", ("room3",))
BACK = (Zone("back", ("room2",)),)
DESK = Zone("desk", ("room1",), {"room1": ((0.0, 0.0), (100.0, 0.0), (100.0, 200.0), (0.0, 200.0))})


def test_rules_enter_the_log_once() -> None:
    story = Story(rule("loitering", longer_than=5_000)).when(stays("a", 0, 3))
    adopted = story.event(AlertRulesAdopted)
    assert story.log == [adopted]
    assert adopted.rules == story.rules and adopted.version == story.rules.version


def test_a_loiterer_is_told_of_once_then_updated_then_closed() -> None:
    story = Story(rule("loitering", longer_than=60_000, rearm=30_000))
    story.when(stays("a", 0, 59)).then()
    story.when(stays("a", 60, 119)).then(AlertOpened)
    opened = story.event(AlertOpened)
    assert (opened.at, opened.camera_id, opened.person_id) == (at(60), "room1", "a")
    assert (opened.evidence.measured, opened.evidence.limit, opened.evidence.since) == (60_000, 60_000, at(0))
    assert opened.evidence.cause == "reid.events.v1/0/60" and opened.evidence.event_id == "id-60"
    story.when(stays("a", 120, 239)).then(AlertUpdated, AlertUpdated)
    assert story.event(AlertUpdated).alert_id == opened.alert_id
    story.when(tick(250)).then()
    story.when(tick(270)).then(AlertClosed)
    closed = story.event(AlertClosed)
    assert (closed.alert_id, closed.last_at, closed.reason) == (opened.alert_id, at(239), "over")
    story.when(tick(300)).then()
    story.folds_to_the_same().replays_to_the_same()


def test_a_loiterer_has_stayed_since_the_track_began_however_late_its_first_crop_came() -> None:
    story = Story(rule("loitering", longer_than=60_000))
    story.when(seen("a", 50, bound=True, since=at(20)), stays("a", 51, 79)[1:]).then()
    story.when(seen("a", 80)).then(AlertOpened)
    assert story.event(AlertOpened).evidence.since == at(20)
    story.folds_to_the_same().replays_to_the_same()


def test_who_comes_back_within_rearm_is_the_same_incident() -> None:
    story = Story(rule("loitering", longer_than=10_000, rearm=60_000, gap=20_000))
    story.when(stays("a", 0, 15)).then(AlertOpened)
    story.when(stays("a", 50, 62)).then()
    story.when(stays("a", 200, 215)).then(AlertClosed, AlertOpened)
    assert len({event.alert_id for event in story.all(AlertOpened)}) == 2


def test_who_walks_through_loiters_nowhere() -> None:
    story = Story(rule("loitering", longer_than=10_000))
    for turn in range(10):
        story.when(stays("a", turn * 10, turn * 10 + 8, f"room{turn % 2}")).then()
    hall = Zone("hall", ("room0", "room1"))
    both = Story(rule("loitering", longer_than=10_000, zone="hall"), zones=(hall,))
    both.when(stays("a", 0, 8, "room0"), stays("a", 9, 12, "room1")).then(AlertOpened)


def test_a_short_absence_is_none() -> None:
    story = Story(rule("loitering", longer_than=30_000, gap=10_000))
    story.when(stays("a", 0, 15), stays("a", 24, 35)).then(AlertOpened)
    story = Story(rule("loitering", longer_than=30_000, gap=5_000))
    story.when(stays("a", 0, 15), stays("a", 24, 35)).then()


def test_the_forbidden_room_lets_the_listed_pass_by_id_label_and_after_merges() -> None:
    story = Story(rule("restricted", zone="server", lists=("staff",)), zones=(SERVER,), watch_lists=(STAFF,))
    story.when(seen("ada", 0, "room3"), seen("b", 1, "room3", label="Night nurse")).then()
    story.when(seen("c", 2, "room1")).then()
    story.when(seen("c", 3, "room3"), seen("c", 4, "room3")).then(AlertOpened)
    assert story.event(AlertOpened).zone == "server"
    story.when(merged("d", "ada", "Visitor-D", at=at(5))).then()
    story.when(seen("d", 6, "room3")).then()
    story.folds_to_the_same()


def test_a_polygon_is_about_where_the_feet_are() -> None:
    story = Story(rule("restricted", zone="desk"), zones=(DESK,))
    story.when(seen("a", 0, bbox=(80.0, 50.0, 60.0, 100.0))).then()
    story.when(seen("a", 1, bbox=(60.0, 150.0, 60.0, 100.0))).then()
    story.when(seen("a", 2, bbox=(60.0, 50.0, 60.0, 100.0))).then(AlertOpened)


def test_outside_hours_is_local_time() -> None:
    """Berlin is an hour ahead in November: 17:30 UTC is 18:30 there, after closing."""
    berlin = {"timezone": "Europe/Berlin", "offsets": ((0, 3600),)}
    inside = Story(rule("out_of_hours", when="closed"), hours=DAILY)
    inside.when(seen("a", 5.5 * HOUR)).then()
    Story(rule("out_of_hours", when="closed"), hours=DAILY, **berlin).when(seen("a", 5.5 * HOUR)).then(
        AlertOpened
    )


def test_a_span_over_midnight() -> None:
    night = tuple(Hours(day, 22 * 60, 30 * 60) for day in range(7))
    story = Story(rule("restricted", zone="server", when="during", during=night), zones=(SERVER,))
    story.when(seen("a", 9.9 * HOUR, "room3")).then()
    story.when(seen("a", 10 * HOUR, "room3")).then(AlertOpened)
    Story(rule("restricted", zone="server", when="during", during=night), zones=(SERVER,)).when(
        seen("a", 17.9 * HOUR, "room3")
    ).then(AlertOpened)
    Story(rule("restricted", zone="server", when="during", during=night), zones=(SERVER,)).when(
        seen("a", 18 * HOUR, "room3")
    ).then()


def test_somebody_on_the_watch_list() -> None:
    story = Story(rule("watched", lists=("staff",), severity="critical"), watch_lists=(STAFF,))
    story.when(seen("b", 0)).then()
    story.when(seen("ada", 1), seen("ada", 2)).then(AlertOpened)
    assert story.event(AlertOpened).severity == "critical"


def walk(person: str, start: float, took: float) -> list[Any]:
    """From room1 to room2."""
    return [seen(person, start, "room1", bound=True), seen(person, start + took, "room2", bound=True)]


def test_an_impossible_journey_by_what_is_given() -> None:
    story = Story(rule("impossible_journey", travel=(("room1", "room2", 5_000),)))
    story.when(walk("a", 0, 6)).then()
    story.when(walk("b", 20, 4)).then(AlertOpened)
    evidence = story.event(AlertOpened).evidence
    assert (evidence.from_camera, evidence.measured, evidence.limit) == ("room1", 4_000, 5_000)
    story.when(walk("c", 40, 3)[::-1]).then()  # the clocks of cameras may differ: this is no journey back


def test_an_impossible_journey_by_what_the_log_shows() -> None:
    story = Story(rule("impossible_journey"))
    for number in range(19):
        story.when(walk(f"p{number}", number * 30, 8 + number % 3)).then()
    story.when(walk("fast", 590, 1)).then()  # not known enough yet
    story.when(walk("faster", 620, 1)).then(AlertOpened)
    assert story.event(AlertOpened).evidence.limit == 4_000
    Story(rule("impossible_journey", learn=False)).when(
        *(walk(f"p{n}", n * 30, 8) for n in range(30)), walk("fast", 1000, 0.5)
    ).then()


def test_overlapping_cameras_make_nothing_impossible() -> None:
    story = Story(rule("impossible_journey"))
    for number in range(60):
        story.when(walk(f"p{number}", number * 30, 0.2 if number % 2 else 6)).then()


def arrivals(hour: float, count: int) -> list[Any]:
    return [registered(f"p{hour}-{n}", hour * HOUR + n) for n in range(count)]


def test_more_strangers_than_usual() -> None:
    story = Story(rule("unusual_count", days=3, least=5, rearm=3_600_000))
    story.when(arrivals(0, 20)).then()  # nothing is usual yet
    for day, count in enumerate((6, 8, 7, 6), 1):
        story.when(arrivals(24 * day, count)).then()
    story.when(arrivals(24 * 5, 12))
    opened = story.event(AlertOpened)
    assert (opened.evidence.measured, opened.evidence.limit, opened.person_id) == (12, 11, None)
    assert len(story.all(AlertOpened)) == 1
    story.when(registered("late", 24 * 5 * HOUR + 1800)).then(AlertUpdated)
    story.when(tick(24 * 5 * HOUR + 3 * 3600)).then(AlertClosed)
    story.folds_to_the_same().replays_to_the_same()


def test_a_few_strangers_are_never_unusual_and_merged_ones_are_none() -> None:
    story = Story(rule("unusual_count", days=2, least=5))
    for day in range(4):
        story.when(arrivals(24 * day, 1)).then()
    story.when(arrivals(24 * 4, 4)).then()
    story.when(merged("p96-0", "p96-1", "Visitor-A", at=at(24 * 4 * HOUR + 60))).then()
    story.when(registered("another", 24 * 4 * HOUR + 70)).then()
    story.when(registered("one more", 24 * 4 * HOUR + 71)).then(AlertOpened)


CLOSING = 6 * HOUR


@pytest.fixture
def evening() -> Story:
    """Two people in the afternoon: one leaves by the exit, one does not."""
    story = Story(rule("not_left", exits=("room1",), longer_than=600_000, rearm=60_000), hours=DAILY)
    story.when(stays("a", 1000, 1010, "room2"), stays("b", 1000, 1010, "room2"))
    return story.when(stays("a", 1100, 1105, "room1")).then()


def test_who_has_not_left_is_told_of_on_a_silent_site(evening: Story) -> None:
    evening.when(tick(CLOSING + 599)).then()
    evening.when(tick(CLOSING + 601)).then(AlertOpened)
    opened = evening.event(AlertOpened)
    assert (opened.person_id, opened.camera_id) == ("b", "room2")
    assert opened.evidence.measured == 601_000 and opened.evidence.since == at(1010)
    evening.when(tick(CLOSING + 700)).then(AlertUpdated)
    evening.when(seen("b", CLOSING + 800, "room1")).then()
    evening.when(tick(CLOSING + 801)).then(AlertClosed)
    evening.when(tick(24 * HOUR), tick(CLOSING + 24 * HOUR + 601)).then()
    evening.folds_to_the_same()


def test_an_event_passes_the_time_as_well_as_a_tick(evening: Story) -> None:
    evening.when(seen("c", CLOSING + 700, "room1")).then(AlertOpened)
    evening.when(seen("c", CLOSING + 702, "room1")).then()


def test_opening_ends_it(evening: Story) -> None:
    evening.when(tick(CLOSING + 601)).then(AlertOpened)
    evening.when(tick(20.1 * HOUR)).then(AlertClosed)


def test_an_alert_is_acknowledged_again_and_again_but_must_be_known() -> None:
    story = Story(rule("restricted", zone="server"), zones=(SERVER,)).when(seen("a", 0, "room3"))
    alert_id = story.event(AlertOpened).alert_id
    story.when(acknowledge("nobody")).then(AlertRefused)
    assert story.event(AlertRefused).code == "unknown_alert"
    story.when(acknowledge(alert_id, 5)).then(AlertAcknowledged)
    acknowledged = story.event(AlertAcknowledged)
    assert (acknowledged.asked_by, acknowledged.command_id) == ("desk", "c-1")
    story.when(acknowledge(alert_id, 6, "c-2")).then(AlertAcknowledged)
    story.when(tick(500)).then(AlertClosed)
    story.when(acknowledge(alert_id, 501, "c-3")).then(AlertAcknowledged)
    story.folds_to_the_same()


def test_other_rules_close_what_they_no_longer_hold() -> None:
    story = Story(rule("restricted", zone="server"), zones=(SERVER,)).when(seen("a", 0, "room3"))
    other = Story(rule("loitering", longer_than=5_000))
    other.site, other.log, other.inputs = story.site, story.log, story.inputs
    other.when(seen("a", 1, "room3")).then(AlertClosed)
    assert other.event(AlertClosed).reason == "rules_changed"
    assert len(other.all(AlertRulesAdopted)) == 2
    other.folds_to_the_same()


def test_a_tick_that_causes_nothing_changes_nothing() -> None:
    story = Story(rule("loitering", longer_than=5_000)).when(stays("a", 0, 30))
    before = canonical(story.site)
    story.when(tick(31)).then()
    assert canonical(story.site) == before


def interleaved(story: Story, late: int, seconds: int = 60) -> Story:
    """One who loiters before a camera that is late, and events of another."""
    for n in range(seconds):
        first = n == 0
        story.when(seen("a", n - late, "room2", bound=first), seen("b", n, "room1", bound=first, tracker="2"))
    return story


def test_one_who_loiters_before_a_late_camera_was_a_new_alert_each_second() -> None:
    """Each event of the others closed it, for by their time it had not held for long, and each of its own
    opened another."""
    story = interleaved(
        Story(rule("loitering", zone="back", longer_than=10_000, rearm=30_000), zones=BACK), 60
    )
    story.when(seen("b", 60, "room1", tracker="2"))
    assert [type(e) for e in story.log[1:]] == [AlertOpened]
    assert story.event(AlertOpened).at == at(-50)
    story.when(*(seen("b", n, "room1", tracker="2") for n in range(61, 91))).then(AlertClosed)
    assert story.event(AlertClosed).last_at == at(-1)
    story.folds_to_the_same().replays_to_the_same()


def test_a_late_incident_that_is_merged_away_goes_on_late() -> None:
    story = interleaved(
        Story(rule("loitering", zone="back", longer_than=10_000, rearm=30_000), zones=BACK), 60
    )
    story.when(merged("b", "a", "Visitor-B", at=at(60)), seen("b", 70, "room1", tracker="2"))
    assert story.all(AlertClosed) == []
    assert list(story.site.late.values()) == [59_000]
    story.when(tick(95)).then(AlertClosed)
    story.when(seen("b", 2 * HOUR, "room1", tracker="2"))
    assert story.site.late == {}
    story.folds_to_the_same().replays_to_the_same()


def test_a_clock_ahead_closes_an_incident_of_the_others_once_at_most() -> None:
    story = Story(rule("loitering", longer_than=10_000, rearm=30_000))
    story.when(stays("a", 0, 15)).then(AlertOpened)
    for n in range(16, 26):
        story.when(seen("c", 1_200 + n, "room3", bound=n == 16, tracker="3"), seen("a", n))
    assert [type(e) for e in story.log[1:]] == [AlertOpened, AlertClosed, AlertOpened]
    story.folds_to_the_same().replays_to_the_same()
