"""Any moment of a real log: quick by marks, and the same as a fold from the beginning."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from msgspec.structs import replace

from deploy import log, timeline
from deploy.past import Past
from deploy.segments import Segments
from deploy.timeline import MARKS, STOPS_KEPT, Timeline
from projections.reading import partitions
from reid.contracts.detections import CameraStatus
from reid.contracts.partitioning import partition_of
from reid.contracts.topics import EVENTS, alerts_key, camera_status_key
from reid.errors import Unavailable
from reid.runtime.ready import read_ready
from reid.runtime.settings import Settings
from tests.integration.event_log import EventLog
from tests.integration.test_past import ask, past, saferoom
from tests.unit.alerting.story import Story, rule
from tests.unit.alerting.story import seen as seen_there
from tests.unit.projections.story import (
    SITE,
    START,
    forgotten,
    left,
    merged,
    registered,
    renamed,
    seen,
    track,
)

SUMS = ("saferoom:occupancy:", "saferoom:transitions:")

pytestmark = pytest.mark.integration
PEOPLE = 12


def happenings(count: int) -> list[Any]:
    """People who come, walk, are renamed, merged and forgotten, one event every 100 ms."""
    made: list[Any] = []
    for i in range(count):
        at, who, room = START + 100 * i, f"p{i % PEOPLE}", f"room{i // PEOPLE % 3}"
        if i < PEOPLE:
            made.append(registered(who, i, f"Visitor-{i}", at))
        elif i % 97 == 0:
            made.append(replace(renamed(who, f"Name {i}"), at=at))
        elif i % 5 == 4:
            made.append(left(who, f"Visitor-{i % PEOPLE}", track(room, who), at))
        else:
            made.append(seen(who, f"Visitor-{i % PEOPLE}", track(room, who), at, reason="bound"))
    end = START + 100 * count
    return [*made, replace(merged("p0", "p1", "Visitor-0"), at=end), replace(forgotten("p2"), at=end)]


@pytest.fixture
def settings_of_log(settings: Settings, topics: str) -> Settings:
    EventLog(topics).write(*happenings(900))
    return settings


@pytest.fixture
def small_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "SPACING", 8)


@pytest.fixture
def following(settings_of_log: Settings, small_marks: None) -> Iterator[Timeline]:
    with closing(Timeline(settings_of_log)) as made:
        read_whole(made)
        yield made


def read_whole(made: Timeline) -> None:
    """All that `happenings` told: a transaction can be read a moment after it was committed."""
    deadline = time.monotonic() + 20
    made.advance()
    while made.span(0).events < 902:
        assert time.monotonic() < deadline
        time.sleep(0.05)
        made.advance()


def from_the_beginning(settings: Settings, moment: int) -> Past:
    found = Past(moment)
    with closing(log.log_reader(settings.kafka())) as consumer:
        found.fold(consumer, settings)
    return found


def test_every_moment_is_that_of_a_fold_from_the_beginning(
    following: Timeline, settings_of_log: Settings
) -> None:
    assert 0 < len(following._marks) <= MARKS and following._spacing > 8, "thinned out"
    last = START + 100 * 900
    # Backwards and forwards, twice the same, between marks and on them, before all and after all.
    marked = [following._marks[0].latest, following._marks[-1].latest]
    for moment in [last, START + 31_050, START + 31_050, START - 1, *marked, START + 500, START + 77_777]:
        here, whole = following.at(moment), from_the_beginning(settings_of_log, moment)
        assert here.store.dump("") == whole.store.dump("")
        assert (here.moment, here.events) == (whole.moment, whole.events)


def test_without_the_sums_all_else_is_as_it_was_then(following: Timeline, settings_of_log: Settings) -> None:
    def but_sums(found: Past) -> dict[str, Any]:
        views = found.store.dump("")
        return {key: value for key, value in views.items() if not key.startswith(SUMS)}

    for moment in (START + 31_050, START + 20_000, START + 31_060, START + 77_777):
        quick = following.at(moment, counted=False)
        whole = from_the_beginning(settings_of_log, moment)
        assert but_sums(quick) == but_sums(whole)
        # Asked for the sums, too, it is folded from where they are right.
        assert following.at(moment).store.dump("") == whole.store.dump("")


def test_a_moment_tells_nothing_of_a_later_one_that_was_asked_for_before(
    settings_of_log: Settings, small_marks: None
) -> None:
    """Nothing happens between the two: alerts and reports of cameras, which are folded anew for each moment,
    were folded onto those of the later one."""
    quiet = START + 31_000
    site = EventLog(settings_of_log.kafka())
    for camera, at in (("room1", quiet - 500), ("room9", quiet + 80)):
        site.report(
            CameraStatus(site_id=SITE, camera_id=camera, session="s", reported_at=at, state="streaming")
        )
    story = Story(rule("restricted"))
    story.when(seen_there("a", 0))
    for event in story.log:
        site.alert(replace(event, at=quiet + 70))
    with closing(Timeline(settings_of_log)) as made:
        made.advance()
        for moment in (quiet + 90, quiet + 60, quiet + 90, quiet + 75):
            here, whole = made.at(moment), from_the_beginning(settings_of_log, moment)
            for key in (alerts_key(SITE), camera_status_key(SITE)):
                assert here.store.dump(key) == whole.store.dump(key), moment
            assert bool(here.store.get(alerts_key(SITE))) == (moment > quiet + 70)
            assert ("room9" in here.store.get(camera_status_key(SITE))) == (moment > quiet + 80)


def test_a_slider_that_goes_to_and_fro_folds_little_and_reads_once(
    following: Timeline, settings_of_log: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    middle = START + 31_050
    following.at(middle)
    folded: list[int] = []
    apply = Past.apply

    def counting(self: Past, views: Any, place: Any, batch: Any) -> bool:
        folded.append(len(batch.records))
        return apply(self, views, place, batch)

    read = list[int]()
    segments = following._segments
    monkeypatch.setattr(Past, "apply", counting)
    monkeypatch.setattr(segments, "_consumer", None)  # whoever reads fails
    for step in (100, -200, 300, 200, 0):
        folded.clear()
        here = following.at(middle + step)
        assert sum(folded) <= following._spacing, step
        read.append(segments.bytes)
        monkeypatch.undo()
        assert here.store.dump("") == from_the_beginning(settings_of_log, middle + step).store.dump("")
        monkeypatch.setattr(Past, "apply", counting)
        monkeypatch.setattr(segments, "_consumer", None)
    assert len(set(read)) == 1 and len(following._stops) <= STOPS_KEPT


def test_segments_held_are_bounded(settings_of_log: Settings) -> None:
    with closing(log.log_reader(settings_of_log.kafka())) as consumer:
        place = EVENTS.name, partition_of(SITE.encode(), settings_of_log.partitions)
        segments = Segments(consumer, held_bytes=50 * 2_000)
        whole = Segments(consumer).between(place, 0, 600)
        assert [r.offset for r in whole] == list(range(600))
        for start in (0, 20, 40, 60, 20):
            found = segments.between(place, start, start + 20)
            assert [r.offset for r in found] == list(range(start, start + 20))
            assert segments.bytes <= 50 * 2_000
        # A part that grew is read on from where it ended.
        assert [r.offset for r in segments.between(place, 20, 45)] == list(range(20, 45))


def test_a_reader_whose_queue_was_full_waits_no_second_for_more(settings: Settings, topics: str) -> None:
    """A jump to a moment took a second longer now and then, and a long log eight times as long."""
    site, place = EventLog(topics), (EVENTS.name, partition_of(SITE.encode(), settings.partitions))
    for _ in range(10):
        site.write(*happenings(100))  # A fetch brings whole transactions, however large.
    small = {"queued.max.messages.kbytes": 16, "max.partition.fetch.bytes": 64_000}

    def took(**more: Any) -> float:
        with closing(log.log_reader(settings.kafka(), **small, **more)) as consumer:
            began = time.monotonic()
            assert len(Segments(consumer).between(place, 0, 1000)) >= 900
            return time.monotonic() - began

    # A busy machine may read so slowly that the queue is never full.
    assert any(took() < took(**{"fetch.queue.backoff.ms": 1000}) / 2 for _ in range(3))


def test_the_timeline_of_a_log_that_is_being_read_was_its_beginning(settings_of_log: Settings) -> None:
    """After a start, for minutes where the log is long: the slider ended days ago, or there was no event."""
    with closing(Timeline(settings_of_log)) as starting:
        with pytest.raises(Unavailable, match="is being read"):
            starting.span(0)
        read_whole(starting)
        assert starting.span(0).events == 902


def test_what_comes_into_the_log_is_there_at_once(following: Timeline, settings: Settings) -> None:
    later = START + 200_000
    before = following.at(later)
    EventLog(settings.kafka()).write(registered("late", 90, "Visitor-Late", later))
    assert "late" not in str(before.store.dump("saferoom:index"))
    assert "late" in str(following.at(later).store.dump("saferoom:index"))
    span = following.span()
    assert (span.first_at, span.last_at) == (START, later)
    assert sum(span.counts.values()) == span.events == 903


def test_the_timeline_told_how_busy_another_site_of_the_partition_was(
    following: Timeline, settings: Settings
) -> None:
    """`berlin`, `munich` and `annex` share one of four partitions; so did who began when, and how much."""
    places = len(partitions(following._asker, EVENTS.name))
    own = partition_of(SITE.encode(), places)
    beside = next(name for n in range(99) if partition_of((name := f"site{n}").encode(), places) == own)
    before = following.span()
    early, late = START - 3_600_000, START + 3_600_000
    others = [
        replace(registered(f"o{n}", n, f"O-{n}", at), site_id=beside) for n, at in enumerate((early, late))
    ]
    EventLog(settings.kafka()).write(*others)
    following.advance()
    assert following.span() == before
    assert before.events == sum(before.counts.values()) > 0


@pytest.fixture
def served(settings_of_log: Settings) -> Iterator[str]:
    """URL of a `saferoom past`."""
    child = saferoom(settings_of_log, "past")
    try:
        deadline = time.monotonic() + 20
        while (facts := read_ready(settings_of_log, "past")) is None:
            assert child.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        yield str(facts["url"])
        child.terminate()
        assert child.wait(10) == 0
        assert read_ready(settings_of_log, "past") is None
    finally:
        child.kill()
        child.communicate()


def test_it_is_served_as_replay_serves_it(served: str, settings_of_log: Settings) -> None:
    moment = START + 31_050
    with past(settings_of_log, moment) as (whole, _):
        for path in (
            "/persons",
            "/persons/p3",
            "/persons/p3/history",
            "/cameras",
            "/persons/stats",
            "/analytics/flows",
            "/analytics/occupancy",
            "/journeys",
            "/config",
        ):
            here, there = ask(f"{served}{path}?at={moment}"), ask(whole + path)
            assert here == there, path
    assert ask(f"{served}/persons/p3?at={START - 5}")[0] == 404
    assert ask(f"{served}/persons/reset", {}, "POST")[0] == 405
    assert ask(f"{served}/timeline")[1]["last_at"] >= moment
