"""Which decisions of a stream are shown as mistakes."""

import pytest

from deploy.evaluate.crops import CropSet, open_crops
from deploy.evaluate.stream import Played, Track
from deploy.evaluate.stream_page import split, wrong
from reid.contracts.events import Decision
from tests.unit.deploy.evaluate.crop_files import paint


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> CropSet:
    return open_crops(paint(tmp_path_factory.mktemp("crops"), 3, crops=1))


def decision(score: float | None) -> Decision:
    return Decision(
        outcome="new",
        reason="below_threshold",
        candidate=None,
        score=score,
        runner_up=None,
        runner_up_score=None,
        threshold=0.6,
        margin=0.03,
        samples=3,
        gallery_size=1,
        model="made@1",
        policy="p1",
    )


def played(crops: CropSet, steps: list[tuple[int, int, str | None, float | None]]) -> Played:
    """(person, camera, id, score) of each track."""
    of = {(c.person, c.camera): c for c in crops.files}
    tracks = tuple(Track(n, p, c, (of[p, c],)) for n, (p, c, _, _) in enumerate(steps))
    decisions = {n: decision(score) for n, (_, _, _, score) in enumerate(steps)}
    return Played(tracks, tuple((person_id,) for _, _, person_id, _ in steps), decisions)


def test_somebody_elses_id_the_most_certain_first(crops: CropSet) -> None:
    found = wrong(
        "x", played(crops, [(1, 1, "a", None), (2, 1, "a", 0.7), (3, 1, "a", 0.9), (1, 2, "a", 0.8)])
    )
    assert [heading for heading, _ in found.mistakes] == ["0.90", "0.70"]
    assert [picture.caption for picture in found.mistakes[0][1]] == ["3 camera 1", "as 1"]


def test_known_people_who_became_new_the_least_alike_first(crops: CropSet) -> None:
    steps = [(1, 1, "a", None), (2, 1, "b", 0.1), (2, 2, "c", 0.5), (1, 2, "d", 0.2), (3, 1, None, 0.3)]
    found = split("x", played(crops, steps))
    assert [heading for heading, _ in found.mistakes] == [
        "best score of anybody 0.20",
        "best score of anybody 0.50",
    ]
    assert not split("x", played(crops, [(1, 1, "a", None), (1, 2, "a", 0.9)])).mistakes
