"""Who is in view of a site that fell silent."""

import pytest

from reid.contracts.commands import Tick
from reid.contracts.policy import Policy
from reid.contracts.topics import COMMANDS, DETECTIONS
from reid.domain.present import OTHER_CAMERA_FACTOR
from reid.domain.state import PartitionState
from streams.ports import Input
from streams.silence import Silence
from tests.unit.domain.story import SITE, Story, at, walk

PATIENCE = Policy().track_timeout * OTHER_CAMERA_FACTOR / 1000


class Silent:
    """A `Silence` with a clock that is set by hand, seconds; ``sent``: its ticks."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sent: list[Tick] = []
        self.silence = Silence(self.sent.append, lambda: self.now)

    def after(self, seconds: float, state: PartitionState) -> list[Tick]:
        """What is sent in so long, looked at each second."""
        before = len(self.sent)
        for _ in range(round(seconds)):
            self.now += 1.0
            self.silence.look(state)
        return self.sent[before:]

    def hear(self, topic: str = DETECTIONS.name, site: str = SITE) -> None:
        self.silence.hear([Input(topic, 0, 0, 0, site.encode(), b"", [])])


@pytest.fixture
def silent() -> Silent:
    return Silent()


def test_whoever_was_in_view_when_the_last_camera_stopped_stayed_for_ever(silent: Silent) -> None:
    story = Story().given(walk("room1", 0, 1, "a"), walk("room2", 20, 1, "b"))
    silent.hear()
    assert silent.after(PATIENCE - 1, story.state) == []
    (tick,) = silent.after(2, story.state)
    assert (tick.site_id, tick.issued_by) == (SITE, "worker")
    story.when(tick)
    assert not any(camera.bound for camera in story.site.cameras.values())
    assert silent.after(10 * PATIENCE, story.state) == []


def test_nobody_leaves_while_something_is_heard(silent: Silent) -> None:
    story = Story().given(walk("room1", 0, 1, "a"))
    for _ in range(10):
        silent.hear()
        assert silent.after(PATIENCE - 1, story.state) == []
    silent.hear(site="elsewhere")
    silent.hear(COMMANDS.name)
    assert len(silent.after(2, story.state)) == 1


def test_a_recording_of_another_year_is_told_its_own_time(silent: Silent) -> None:
    """By the clock on the wall everybody in it would expire at once."""
    story = Story().given(walk("room1", 0, 1, "a"))
    (tick,) = silent.after(PATIENCE + 1, story.state)
    assert at(PATIENCE) < tick.issued_at < at(PATIENCE + 5)


def test_a_tick_that_was_lost_comes_again(silent: Silent) -> None:
    story = Story().given(walk("room1", 0, 1, "a"))
    assert len(silent.after(PATIENCE + 1, story.state)) == 1
    assert silent.after(PATIENCE - 1, story.state) == []
    assert len(silent.after(2, story.state)) == 1


def test_while_the_log_was_folded_nobody_listened(silent: Silent) -> None:
    story = Story().given(walk("room1", 0, 1, "a"))
    silent.hear()
    silent.now += 10 * PATIENCE
    silent.silence.begin()
    assert silent.after(PATIENCE, story.state) == []


def test_a_camera_that_is_behind_does_not_keep_its_people_in_view(silent: Silent) -> None:
    story = Story().given(walk("room1", 100, 1, "a"), walk("room2", 60, 1, "b"))
    (tick,) = silent.after(PATIENCE + 1, story.state)
    story.when(tick)
    assert not any(camera.bound for camera in story.site.cameras.values())


def test_a_worker_that_stood_still_heard_nothing_and_takes_nobody_for_gone(silent: Silent) -> None:
    story = Story().given(walk("room1", 0, 1, "a"))
    silent.after(3, story.state)
    silent.now += 10 * PATIENCE
    assert silent.after(PATIENCE - 5, story.state) == []
    assert len(silent.after(10, story.state)) == 1


def test_a_site_over_zones_is_told_by_them_who_left(silent: Silent) -> None:
    """Its zones' reports come as commands: it would seem silent all the time."""
    story = Story().given(walk("room1", 0, 1, "a"))
    story.site.zones.upto["hall"] = 7
    assert silent.after(10 * PATIENCE, story.state) == []
