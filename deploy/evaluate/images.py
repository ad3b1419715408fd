"""The numbers of an encoder on crops: the cross-camera protocol, and what its threshold means."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from reid.domain.similarity import calibrated
from reid.errors import ConfigError
from reid.evaluation.open_set import open_set
from reid.evaluation.ranking import first_two, ranked, single_shot
from reid.evaluation.vectors import IntArray, Vectors
from reid.evaluation.verification import pair_counts

Knots = Sequence[tuple[float, float]]

#: The calibrated operating point of every encoder (`reid.contracts.detections.Model`).
OPERATING: Final = 0.6
CMC_UPTO: Final = 20
FPIRS: Final = (0.01, 0.001)


@dataclass(frozen=True)
class Protocol:
    """``other_cameras_only``: strangers of the probe's camera are no part of the gallery either. ``seed``:
    draws the half that is not enrolled, and the trials. ``single_shot``: people of a trial, None for none."""

    other_cameras_only: bool = False
    seed: int = 0
    single_shot: int | None = None
    trials: int = 20


@dataclass(frozen=True)
class ImageScore:
    """``numbers``: shares within 0 to 1. ``cmc``: by rank from 1; ``det``: (false match, false non-match)."""

    numbers: dict[str, Any]
    cmc: list[float]
    det: list[tuple[float, float]]


def image_score(vectors: Vectors, knots: Knots, protocol: Protocol) -> ImageScore:
    """Of single crops, or of track means: whatever the rows are. Some are of one person in two cameras, and
    not all of one person; what still has nothing to be measured on is None."""
    ranking = ranked(vectors, other_cameras_only=protocol.other_cameras_only)
    pairs, beside = pair_counts(vectors)
    error, at = pairs.equal_error()
    operating = raw_at(OPERATING, knots)
    numbers: dict[str, Any] = {
        "rows": len(vectors),
        "probes": len(ranking.probes),
        "rank1": ranking.rank(1),
        "rank5": ranking.rank(5),
        "rank10": ranking.rank(10),
        "map": ranking.mean_ap,
        "minp": ranking.mean_inp,
        "eer": error,
        "eer_raw": at,
        "eer_calibrated": calibrated(at, knots),
        "operating_raw": operating,
        "false_match_at_0.6": pairs.false_match(operating),
        "false_match_at_0.6_same_camera": beside.false_match(operating),
        "true_match_at_0.6": pairs.true_match(operating),
        **_open_set(vectors, knots, protocol),
    }
    return ImageScore(numbers, ranking.cmc(CMC_UPTO), pairs.det())


def _open_set(vectors: Vectors, knots: Knots, protocol: Protocol) -> dict[str, Any]:
    """FNIR at each FPIR, the threshold, and the FPIR that it really gives: with fewer searches than one false
    one would take, none. Without any search by a stranger, all are None."""
    searches = open_set(vectors, protocol.seed, other_cameras_only=protocol.other_cameras_only)
    found: dict[str, Any] = {"searches_by_strangers": len(searches.strangers)}
    for rate in FPIRS:
        threshold, name = searches.threshold(rate), f"at_fpir_{rate:g}"
        found |= {
            f"fnir_{name}": None if threshold is None else searches.fnir(threshold),
            f"raw_{name}": threshold,
            f"calibrated_{name}": None if threshold is None else calibrated(threshold, knots),
            f"fpir_reached_{name}": None if threshold is None else searches.fpir(threshold),
        }
    return found


def single_shot_score(vectors: Vectors, protocol: Protocol) -> dict[str, Any]:
    """Mean and standard deviation of rank-1 over the trials, and the two cameras: which, of more than two,
    are the first. Raises `ConfigError` for too few people."""
    if protocol.single_shot is None:
        return {}
    check_single_shot(protocol, vectors.people, vectors.cameras)
    ranks = single_shot(vectors, protocol.single_shot, protocol.trials, protocol.seed)
    return {
        "single_shot_cameras": first_two(vectors.people, vectors.cameras)[0],
        "single_shot_rank1": float(np.mean(ranks)),
        "single_shot_spread": float(np.std(ranks)),
    }


def check_single_shot(protocol: Protocol, people: IntArray, cameras: IntArray) -> None:
    """Before anything is embedded. Raises `ConfigError` for too few people."""
    if protocol.single_shot is None:
        return
    pair, everyone = first_two(people, cameras)
    if len(everyone) < protocol.single_shot:
        raise ConfigError(
            f"--single-shot {protocol.single_shot}: {len(everyone)} people were seen by both cameras, "
            f"{pair[0]} and {pair[1]}, the first two; give fewer, or a directory of two other cameras' crops"
        )


def raw_at(similarity: float, knots: Knots) -> float:
    """The lowest cosine whose calibrated similarity is at least so much; above 1 where none is."""
    if not knots:
        return similarity
    if knots[0][1] >= similarity:
        return -1.0
    for (x0, y0), (x1, y1) in pairwise(knots):
        if y1 >= similarity:
            return x0 + (similarity - y0) / (y1 - y0) * (x1 - x0)
    return 1.1
