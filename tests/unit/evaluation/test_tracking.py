"""HOTA, IDF1, MOTA: by hand, and against TrackEval.

`trackeval.json` holds what TrackEval 1.3.0 said of the random sequences;
`tests/integration/test_trackeval.py` asks it again.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from reid.evaluation.tracking import BoxFrame, tracking_score

GOLDEN: Final = Path(__file__).with_name("trackeval.json")


def frame(true: str, given: str, *hits: tuple[int, int, float]) -> BoxFrame:
    overlap = np.zeros((len(true), len(given)))
    for i, j, value in hits:
        overlap[i, j] = value
    return BoxFrame(list(true), list(given), overlap)


def test_perfect_tracking_scores_one() -> None:
    found = tracking_score([frame("ab", "xy", (0, 0, 1.0), (1, 1, 1.0))] * 5)
    assert found.hota == found.det_a == found.ass_a == found.idf1 == found.mota == pytest.approx(1.0)
    assert found.switches == 0


def test_one_switch_by_hand() -> None:
    # One person, four frames; the id changes half way.
    found = tracking_score([frame("a", "x", (0, 0, 1.0))] * 2 + [frame("a", "y", (0, 0, 1.0))] * 2)
    assert found.switches == 1
    assert found.mota == pytest.approx(1 - 1 / 4)
    assert found.idf1 == pytest.approx(2 * 2 / (4 + 4))
    assert found.det_a == pytest.approx(1.0)
    # Each match: 2 together of 4 boxes of the person and 2 of the id -> 2 / 4.
    assert found.ass_a == pytest.approx(0.5)
    assert found.hota == pytest.approx(0.5**0.5)


def test_missed_and_false_boxes_by_hand() -> None:
    found = tracking_score([frame("ab", "x", (0, 0, 0.6)), frame("a", ""), frame("", "x"), frame("", "")])
    # Of three true boxes one is found, from IoU 0.6 down; one of two answers is right.
    assert found.idf1 == pytest.approx(2 * 1 / (3 + 2))
    assert (found.idp, found.idr) == (1 / 2, 1 / 3)
    assert found.mota == pytest.approx(1 - (2 + 1) / 3)
    assert found.det_a == pytest.approx(12 / 19 * 1 / 4)


def test_a_pair_goes_on_where_it_still_overlaps() -> None:
    # In the second frame y overlaps more, yet x still does: no switch.
    first, second = frame("a", "xy", (0, 0, 0.9)), frame("a", "xy", (0, 0, 0.6), (0, 1, 0.8))
    assert tracking_score([first, second]).switches == 0


def test_nothing_at_all() -> None:
    nothing = asdict(tracking_score([]))
    assert nothing.pop("switches") == 0
    assert set(nothing.values()) == {None}


def test_false_boxes_alone_were_a_mota_of_one() -> None:
    found = tracking_score([frame("", "x")])
    assert (found.mota, found.idr) == (None, None)
    assert found.hota == found.det_a == found.idf1 == found.idp == 0.0
    missed = tracking_score([frame("a", "")])
    assert (missed.mota, missed.idf1, missed.idr, missed.idp) == (0.0, 0.0, 0.0, None)


def random_frames(seed: int) -> list[BoxFrame]:
    """People who walk, boxes that are near them, ids that are mostly right."""
    generator = np.random.default_rng(seed)
    frames = []
    for _ in range(40):
        true = generator.permutation(6)[: generator.integers(0, 6)]
        given = generator.permutation(8)[: generator.integers(0, 7)]
        overlap = generator.uniform(0, 0.6, (len(true), len(given))) * (
            generator.random((len(true), len(given))) < 0.3
        )
        for i, person in enumerate(true):
            for j, name in enumerate(given):
                if person == name and generator.random() < 0.8:
                    overlap[i, j] = generator.uniform(0.4, 1.0)
        frames.append(BoxFrame(true.tolist(), given.tolist(), overlap))
    return frames


@pytest.mark.parametrize("seed", range(20))
def test_the_same_as_trackeval_said(seed: int) -> None:
    expected = json.loads(GOLDEN.read_text())[str(seed)]
    assert asdict(tracking_score(random_frames(seed))) == pytest.approx(expected, abs=1e-8)
