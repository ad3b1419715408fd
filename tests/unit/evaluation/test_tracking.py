"""HOTA, IDF1, MOTA: by hand, and against TrackEval.

`trackeval.json` holds what TrackEval 1.3.0 said of the random sequences; where it is installed
(`pip install --no-deps trackeval`) it is asked again.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

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
    assert tracking_score([]).idf1 == 1.0
    assert tracking_score([frame("", "x")]).idf1 == 0.0


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


def as_trackeval(frames: list[BoxFrame]) -> dict[str, Any]:
    return {
        "num_timesteps": len(frames),
        "num_gt_ids": 6,
        "num_tracker_ids": 8,
        "num_gt_dets": sum(len(f.true) for f in frames),
        "num_tracker_dets": sum(len(f.given) for f in frames),
        "gt_ids": [np.array(f.true, int) for f in frames],
        "tracker_ids": [np.array(f.given, int) for f in frames],
        "similarity_scores": [f.overlap for f in frames],
    }


def by_trackeval(frames: list[BoxFrame]) -> dict[str, float]:
    from trackeval.metrics import CLEAR, HOTA, Identity

    data = as_trackeval(frames)
    hota = HOTA().eval_sequence(data)
    identity = Identity({"PRINT_CONFIG": False}).eval_sequence(data)
    clear = CLEAR({"PRINT_CONFIG": False}).eval_sequence(data)
    found = {
        "hota": hota["HOTA"].mean(),
        "det_a": hota["DetA"].mean(),
        "ass_a": hota["AssA"].mean(),
        "idf1": identity["IDF1"],
        "idp": identity["IDP"],
        "idr": identity["IDR"],
        "mota": clear["MOTA"],
        "switches": clear["IDSW"],
    }
    return {name: round(float(value), 9) for name, value in found.items()}


@pytest.mark.parametrize("seed", range(20))
def test_the_same_as_trackeval_said(seed: int) -> None:
    expected = json.loads(GOLDEN.read_text())[str(seed)]
    assert asdict(tracking_score(random_frames(seed))) == pytest.approx(expected, abs=1e-8)


def test_trackeval_still_says_so() -> None:
    pytest.importorskip("trackeval.metrics", exc_type=ImportError)
    golden = json.loads(GOLDEN.read_text())
    assert golden == {str(seed): by_trackeval(random_frames(seed)) for seed in range(20)}
