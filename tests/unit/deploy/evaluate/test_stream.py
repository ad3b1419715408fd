"""Crops as a stream: order, messages and numbers, decided by the real rule."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from deploy.evaluate.crops import CropSet, open_crops
from deploy.evaluate.stream import FRAME_MS, Played, Stream, decided, pause_of, played, tracks_of
from deploy.evaluate.stream_command import StreamPlan, run
from deploy.evaluate.stream_score import mean_of, stream_score
from deploy.evaluate.variants import variants
from producers.training.data import Named
from reid.contracts.detections import Model
from reid.contracts.embedding import encode_wire
from reid.contracts.events import PersonLeft, PersonRegistered
from reid.contracts.policy import Policy
from reid.errors import ConfigError
from tests.unit.deploy.evaluate.crop_files import paint, strangers

MODEL = Model("made", "1", 8)
POLICY = Policy()


def crop_set(people: int, cameras: int = 2, crops: int = 2) -> CropSet:
    files = [
        Named(Path(f"{p}-{c}-{i}"), p, c)
        for p in range(1, people + 1)
        for c in range(1, cameras + 1)
        for i in range(crops)
    ]
    return CropSet("made", tuple(files))


def play(crops: CropSet, looks: dict[int, Sequence[float]], seed: int = 0) -> Played:
    """Each person looks the same in every crop."""
    tracks = tracks_of(crops, None, seed)
    wires = {c.path: encode_wire(np.array(looks[c.person], np.float32)) for c in crops.files}
    qualities = {c.path: 1.0 for c in crops.files}
    stream = Stream(tracks, wires, qualities, MODEL, POLICY.max_samples, pause_of(POLICY))
    return played(stream, decided(stream.messages(), POLICY))


def test_people_who_look_like_themselves_alone_are_told_apart() -> None:
    found = play(crop_set(8), {p: np.eye(8)[p - 1].tolist() for p in range(1, 9)})
    score = stream_score(found)
    assert (score["pair_f1"], score["idf1"], score["ids"], score["count_error"]) == (1.0, 1.0, 8, 0)
    assert (score["ids_per_person"], score["persons_per_id"]) == (1.0, 1.0)
    # The evidence that the rule asks for is the wait, and so many crops of twelve are without an id.
    assert score["crops_to_right_id"] == POLICY.min_samples
    labelled = POLICY.max_samples - POLICY.min_samples + 1
    expected = 2 * labelled / (labelled + POLICY.max_samples)
    assert score["idf1_crops"] == pytest.approx(expected)


def test_people_who_all_look_alike_become_one() -> None:
    score = stream_score(play(crop_set(5), dict.fromkeys(range(1, 6), [1.0] * 8)))
    assert (score["ids"], score["persons_per_id"], score["count_error"]) == (1, 5.0, -4)
    # 10 tracks of one id are 45 pairs, 5 of them right.
    assert score["pair_precision"] == pytest.approx(5 / 45)
    assert score["pair_recall"] == 1.0
    assert score["idf1"] == pytest.approx(2 * 2 / 20)


def test_a_track_has_ended_everywhere_before_the_next_begins() -> None:
    crops = crop_set(3)
    tracks = tracks_of(crops, None, 1)
    wires = {c.path: encode_wire(np.eye(8)[c.person]) for c in crops.files}
    stream = Stream(tracks, wires, dict.fromkeys(wires, 1.0), MODEL, POLICY.max_samples, pause_of(POLICY))
    events = list(decided(stream.messages(), POLICY))
    left = [event for event in events if isinstance(event, PersonLeft)]
    assert [event.reason for event in left] == ["track_ended"] * (len(tracks) - 1)
    assert len([event for event in events if isinstance(event, PersonRegistered)]) == 3


def test_crops_are_consecutive_frames_and_are_shown_in_turn() -> None:
    crops = crop_set(2, crops=2)
    tracks = tracks_of(crops, None, 0)
    wires = {c.path: bytes([i]) * 16 for i, c in enumerate(crops.files)}
    stream = Stream(tracks, wires, dict.fromkeys(wires, 0.5), MODEL, 5, 1000, start_ms=1_000_000)
    messages = list(stream.messages())
    assert len(messages) == 4
    for track, message in zip(tracks, messages, strict=True):
        times = [frame.captured_at for frame in message.frames]
        assert np.diff(times).tolist() == [FRAME_MS] * 4
        shown = [frame.persons[0].embedding for frame in message.frames]
        first, second = (wires[crop.path] for crop in track.crops)
        assert shown == [first, second, first, second, first]
        assert all(len(frame.persons) == 1 for frame in message.frames)
        assert {frame.persons[0].quality for frame in message.frames} == {0.5}
    assert messages[1].frames[0].captured_at == messages[0].frames[-1].captured_at + 1000


def test_a_seed_draws_the_people_and_the_order() -> None:
    crops = crop_set(20)
    one, again, other = (tracks_of(crops, 5, seed) for seed in (3, 3, 4))
    assert one == again
    assert one != other
    assert len({track.person for track in one}) == 5
    assert len(one) == 10
    assert [track.number for track in one] == list(range(10))
    with pytest.raises(ConfigError, match="21 people"):
        tracks_of(crops, 21, 0)


def test_crops_of_a_directory_with_their_quality(tmp_path: Path) -> None:
    paint(tmp_path, 4)
    (tmp_path / "-001_c1s1_000000_00.jpg").write_bytes(b"junk is not read")
    crops = open_crops(tmp_path)
    assert len(crops.files) == 24
    assert sorted(set(crops.people.tolist())) == [1, 2, 3, 4]
    # 128 rows, nothing cut off: only sharpness is below 1.
    assert all(0.4 <= quality <= 1.0 for quality in crops.qualities().values())
    few = open_crops(tmp_path, limit=2, seed=1)
    assert len(set(few.people.tolist())) == 2
    with pytest.raises(ConfigError, match="no such directory"):
        open_crops(tmp_path / "nothing")


def test_distractors_do_not_come_in_a_stream(tmp_path: Path) -> None:
    crops = open_crops(strangers(strangers(paint(tmp_path, 4), "0000", 6), "-1", 2))
    assert {track.person for track in tracks_of(crops, None, 0)} == {1, 2, 3, 4}
    assert (len(crops.distractors), crops.junk) == (6, 2)
    assert sorted(person for person in crops.with_distractors().people.tolist() if person < 1) == [
        *range(-6, 0)
    ]


def test_one_person_was_a_perfect_stream(tmp_path: Path) -> None:
    plan = StreamPlan(paint(tmp_path / "one", 1), None, [0])
    with pytest.raises(ConfigError, match=r"one: a stream of one person; telling apart needs two"):
        run(plan, variants("appearance-512", [], None, "", tmp_path))
    plan = StreamPlan(paint(tmp_path / "more", 3), 1, [0])
    with pytest.raises(ConfigError, match=r"more: a stream of one person"):
        run(plan, variants("appearance-512", [], None, "", tmp_path))


@pytest.mark.parametrize("cameras", [1, 2])
def test_where_nobody_comes_twice_the_scores_said_nothing_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cameras: int
) -> None:
    plan = StreamPlan(paint(tmp_path / "hall", 3, cameras, crops=1), None, [0])
    run(plan, variants("appearance-512", [], None, "", tmp_path))
    told = " ".join(capsys.readouterr().out.split())
    assert ("nobody comes twice: whether anybody is recognised can't be measured" in told) == (cameras == 1)


def test_means_leave_out_what_a_seed_lacks() -> None:
    assert mean_of([{"a": 1, "b": None}, {"a": 2, "b": 3.0}]) == {"a": 1.5, "b": 3.0}
    assert mean_of([{"a": None}]) == {"a": None}
