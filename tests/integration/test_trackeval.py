"""TrackEval says of the random sequences what its stored answers say, which our own numbers are held to."""

import json
from typing import Any

import numpy as np
from trackeval.metrics import CLEAR, HOTA, Identity

from reid.evaluation.tracking import BoxFrame
from tests.unit.evaluation.test_tracking import GOLDEN, random_frames


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


def test_trackeval_still_says_so() -> None:
    golden = json.loads(GOLDEN.read_text())
    assert golden == {str(seed): by_trackeval(random_frames(seed)) for seed in range(20)}
