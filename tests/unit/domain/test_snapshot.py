"""A snapshot is the state: what goes on from it is what would have gone on."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid.domain.policy import Policies, Policy
from reid.domain.snapshot import LAYOUT, digest, dump, load
from reid.domain.state import PartitionState
from reid.domain.step import step
from reid.errors import Malformed
from tests.unit.domain.story import Story, frame, look, message, person, walk
from tests.unit.domain.test_commands import merge
from tests.unit.domain.test_time import tick

CAMERAS = ("room1", "room2")


def test_empty_state() -> None:
    assert digest(load(dump(PartitionState()))) == digest(PartitionState())


def test_sites_that_were_only_looked_at_leave_no_trace() -> None:
    state = PartitionState()
    state.site("nowhere").camera("room1")
    assert dump(state) == dump(PartitionState())


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b"\xff", b'{"layout":%d}' % LAYOUT, b'{"layout":%d,"sites":[' % LAYOUT],
)
def test_what_is_no_snapshot_is_damaged(raw: bytes) -> None:
    with pytest.raises(Malformed, match="damaged"):
        load(raw)


@pytest.mark.parametrize(("layout", "age"), [(LAYOUT - 1, "an older"), (LAYOUT + 1, "a newer")])
def test_a_snapshot_of_another_layout_is_told_as_such_and_not_as_a_missing_field(
    layout: int, age: str
) -> None:
    """Another layout has other fields: that the first of them is missing hid what it was."""
    raw = msgspec.json.encode({"layout": layout, "sites": [{"site_id": "global", "of_old": []}]})
    with pytest.raises(Malformed, match=f"^it is of {age} layout, {layout}; this version reads {LAYOUT}$"):
        load(raw)


crowds = st.lists(
    st.tuples(
        st.sampled_from(CAMERAS),
        st.dictionaries(st.integers(1, 4), st.tuples(st.sampled_from("abc"), st.sampled_from("abc"))),
        st.sampled_from([0.2, 0.5, 1.5, 7.0, 400.0]),
    ),
    max_size=30,
)


@given(crowds, st.integers(0, 30))
def test_story_goes_on_from_a_snapshot_as_it_would_have_without(
    life: list[tuple[str, dict[int, tuple[str, str]], float]], cut: int
) -> None:
    story, now, other = Story(Policy(ttl=3_600_000)), 0.0, None
    for place, (camera, people, pause) in enumerate(life):
        now += pause
        one = frame(camera, now, *(person(t, look(a, b, 0.7)) for t, (a, b) in people.items()))
        if place == cut:
            if len(story.site.persons) > 1:
                story.when(merge(*list(story.site.persons)[:2], now))
            other = load(dump(story.state))
        if other is not None:
            expected = step(other, message(one), story.policies)
            assert story.when(one).last == expected
        else:
            story.when(one)
    if other is not None:
        assert step(other, tick(9_000), story.policies) == story.when(tick(9_000)).last
        assert dump(other) == dump(story.state)


def test_rule_of_other_settings_enters_the_log_before_it_decides() -> None:
    story = Story().given(walk("room1", 0, 1, "a"))
    strict = Policy(threshold=0.99, doubt_zone=0.0)
    events = step(story.state, message(*walk("room2", 10, 2, "a")), Policies(strict))
    assert type(events[0]).__name__ == "PolicyAdopted"
    assert events[0].version == strict.version == events[-1].decision.policy
    assert story.site.policy == strict


def test_tracks_with_and_without_identity_are_in_the_snapshot() -> None:
    story = Story().given(walk("room1", 0, 1, "a"), walk("room2", 1, 2, "b", crops=2))
    other = load(dump(story.state))
    assert other.site("global").camera("room1").bound == story.site.camera("room1").bound
    assert other.site("global").camera("room2").pending == story.site.camera("room2").pending
    assert other.site("global").camera("room2").pending
