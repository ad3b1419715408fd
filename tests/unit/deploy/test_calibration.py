"""What ``saferoom calibration show`` tells of a site, from its events alone."""

import json
from typing import Any

import msgspec
import pytest

from deploy.calibration import gathering
from deploy.calibration.command import off_by, show
from deploy.calibration.gathering import Gathered, gather, norm
from deploy.calibration.model import Clock
from deploy.calibration.summary import summary
from reid.contracts.embedding import fixed_from_bytes
from reid.contracts.events import CameraCalibrated
from reid.domain.policy import Policy
from reid.errors import ConfigError
from tests.unit.domain.crowds import told
from tests.unit.domain.story import MODEL, SITE, Story, at, walk
from tests.unit.domain.test_learning import answered


def gathered(story: Story, off: dict[str, int] | None = None) -> Gathered:
    """As read from a log whose records were written 200 ms after what they tell; ``off``: clocks ahead."""
    found = Gathered(SITE)
    for event in story.log:
        track = getattr(event, "track", None)
        ahead = (off or {}).get(track.camera_id, 0) if track is not None else 0
        found.take(event, event.at + 200 - ahead)
    return found


@pytest.fixture(scope="module")
def story() -> Story:
    made = told(Policy(), tracks=20)
    answered(made, 1, "no", 0.9, track=None, other_id=list(made.site.persons)[-1])
    return made


def test_the_numbers_are_those_that_decide(story: Story) -> None:
    found = summary(gathered(story))
    assert (found.site_id, found.events, found.persons) == (SITE, len(story.log), len(story.site.persons))
    assert found.policy == Policy().version
    (encoder,) = found.encoders
    assert (encoder.model, encoder.learned, encoder.answers) == (MODEL.key, story.site.learned(MODEL.key), 1)
    assert encoder.calibration is None is encoder.agreement, "no camera reports it"
    assert {scale.camera_id for scale in found.scales} == {"room1", "room2", "room3"}
    assert all(-0.5 < scale.mean < 0.5 and 0.05 < scale.deviation < 0.5 for scale in found.scales)
    assert sum(scale.looks for scale in found.scales) >= found.persons
    for mean in found.means:
        known = story.site.centring(mean.model).cameras[mean.camera_id]
        assert (mean.tracks, mean.stated) == (known.tracks, known.stated)
        assert mean.norm is not None and 0 < mean.norm < 1


def test_before_the_logs_beginning_an_earlier_time_was_asked_for(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "_events", lambda *_: ((event, event.at) for event in story.log))
    with pytest.raises(ConfigError, match="a later time with --at"):
        gather("nowhere", SITE, story.log[0].at - 1)
    with pytest.raises(ConfigError, match=r"no event of site elsewhere: name one with --site$"):
        gather("nowhere", "elsewhere", None)


def test_every_correction_is_told_in_order(story: Story) -> None:
    found = summary(gathered(story))
    stated = story.all(CameraCalibrated)
    means = [step for step in found.steps if step.kind == "camera_mean"]
    assert [(s.at, s.camera_id, s.count) for s in means] == [(e.at, e.camera_id, e.tracks) for e in stated]
    (answer,) = [step for step in found.steps if step.kind == "answer"]
    assert (answer.before, answer.value, answer.count) == (0.0, story.site.learned(MODEL.key), 1)
    whole = fixed_from_bytes(stated[-1].mean).astype(float) / 32767
    assert norm(stated[-1].mean) == pytest.approx(float((whole**2).sum() ** 0.5), abs=1e-4)


def test_the_gate_is_told_by_pair_and_length_of_absence(story: Story) -> None:
    found = summary(gathered(story))
    counts = story.site.passages.counts
    assert sum(way.opportunities for way in found.gate) == sum(c.opportunities for c in counts.values())
    for way in found.gate:
        assert way.hits == sum(gap.hits for gap in way.gaps)
        assert [gap.from_s for gap in way.gaps] == sorted(gap.from_s for gap in way.gaps)
        for gap in way.gaps:
            assert gap.to_s is None or gap.to_s == max(2 * gap.from_s, 1)
        assert way.median_ms is None or 0 < way.median_ms <= 600_000


def test_a_clock_that_is_off_is_named_with_the_remedy(
    story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    found = summary(gathered(story, {"room2": 4_000}))
    by_camera = {clock.camera_id: clock for clock in found.clocks}
    assert by_camera["room2"].ahead_ms == 4_000 and by_camera["room1"].ahead_ms == 0
    show(found)
    out = capsys.readouterr().out
    assert "room2: its clock seems 4.0 s ahead of the others: set the time of the host" in out
    assert "room1: its clock" not in out
    for title in ("Encoders", "Strangers", "Camera means", "Corrections", "Ways", "Clocks"):
        assert title in out
    plain: Any = json.loads(msgspec.json.encode(found))
    assert set(plain) == set(found.__struct_fields__)


def test_a_slow_link_was_taken_for_a_clock_that_is_behind(
    story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    """By arrival both are the same; people who walk there and back tell the one from the other."""
    late = Clock("room2", 60_200, -60_000, 200)
    assert off_by(late) == ""
    show(msgspec.structs.replace(summary(gathered(story)), clocks=[late]))
    said = "room2: its frames come 60.0 s after the others', by a clock that is right: look at its link"
    assert said in capsys.readouterr().out
    assert "behind" in off_by(Clock("room2", 60_200, -60_000, -59_000))
    assert "behind" in off_by(Clock("room2", 60_200, -60_000, None))


def test_walks_told_late_are_no_walks_of_a_clock_that_is_behind() -> None:
    """Somebody went from room1 through room2 to room3; what room2 saw comes last."""
    made = Story().given(walk("room1", 0, 1, "a"), walk("room3", 40, 1, "a"), walk("room2", 20, 1, "a"))
    assert gathered(made).absences == {("room1", "room3"): [39_200 + 800]}
    behind = Story().given(walk("room1", 0, 1, "a", crops=90), walk("room2", 10, 1, "a"))
    (known,) = behind.site.persons.values()
    ((_, told),) = gathered(behind).absences.items()
    assert told == [at(10.8) - known.last_seen] and told[0] < -20_000, (
        "a clock that is behind is told as ever"
    )


@pytest.mark.parametrize(
    ("clock", "said"),
    [
        (Clock("a", 100, 900, None), ""),
        (Clock("a", 100, None, None), ""),
        (Clock("a", 100, 200, -2_000), "a: its clock seems 2.0 s behind the others"),
    ],
)
def test_only_what_matters_is_advised(clock: Clock, said: str) -> None:
    assert off_by(clock) == said
