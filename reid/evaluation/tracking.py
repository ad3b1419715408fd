"""Ids on boxes, frame by frame: HOTA (Luiten et al., IJCV 2020), IDF1 (Ristani et al., ECCV 2016 workshops)
and CLEAR MOT (Bernardin and Stiefelhagen, 2008), as TrackEval computes them; the tests compare the two."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from reid.evaluation.matching import assignment, one_to_one

FloatArray = npt.NDArray[np.float64]

#: Localisation thresholds that HOTA is the mean over.
ALPHAS: Final = np.arange(0.05, 0.99, 0.05)
#: Overlap from which a box is found, for IDF1 and CLEAR MOT.
FOUND: Final = 0.5
_EPSILON: Final = float(np.finfo(np.float64).eps)


class BoxFrame(NamedTuple):
    """A camera's frame. ``true``, ``given``: ids, each at most once; ``overlap``: (true, given) IoU."""

    true: Sequence[Hashable]
    given: Sequence[Hashable]
    overlap: FloatArray


@dataclass(frozen=True)
class TrackingScore:
    """Shares within 0 to 1. ``switches``: how often a true person's id changed. ``mota`` may be below 0.

    None is a share of nothing, found neither well nor badly: ``idp`` without given boxes, ``idr`` and
    ``mota`` without true ones, the others without either.
    """

    hota: float | None
    det_a: float | None
    ass_a: float | None
    idf1: float | None
    idp: float | None
    idr: float | None
    mota: float | None
    switches: int


def tracking_score(frames: Iterable[BoxFrame]) -> TrackingScore:
    """``frames`` of one camera, or of several with ids that hold for all of them, in the order of time."""
    seen = list(frames)
    whole, detection, association = _hota(seen)
    idf1, idp, idr = _identity(seen)
    mota, switches = _clear(seen)
    return TrackingScore(whole, detection, association, idf1, idp, idr, mota, switches)


def _hota(frames: Sequence[BoxFrame]) -> tuple[float, float, float] | tuple[None, None, None]:
    """HOTA, DetA and AssA, means over `ALPHAS`."""
    true, given = _counts(frames)
    if not true and not given:
        return None, None, None
    potential: Counter[tuple[Hashable, Hashable]] = Counter()
    for frame in frames:
        shared = frame.overlap
        union = shared.sum(axis=0)[None] + shared.sum(axis=1)[:, None] - shared
        soft = np.divide(shared, union, out=np.zeros_like(shared), where=union > _EPSILON)
        for i, j in np.argwhere(soft > 0).tolist():
            potential[frame.true[i], frame.given[j]] += float(soft[i, j])  # type: ignore[assignment]
    hits: dict[tuple[Hashable, Hashable], FloatArray] = {}
    for frame in frames:
        gain = np.zeros(frame.overlap.shape)
        for i, j in np.argwhere(frame.overlap > 0).tolist():
            pair = frame.true[i], frame.given[j]
            gain[i, j] = potential[pair] / (true[pair[0]] + given[pair[1]] - potential[pair])
        for i, j in _assigned(gain * frame.overlap):
            found = frame.overlap[i, j] >= ALPHAS - _EPSILON
            pair = frame.true[i], frame.given[j]
            hits[pair] = hits.get(pair, np.zeros(len(ALPHAS))) + found
    matched = sum(hits.values(), np.zeros(len(ALPHAS)))
    detection = matched / np.maximum(true.total() + given.total() - matched, 1)
    aligned = [h * h / np.maximum(true[t] + given[g] - h, 1) for (t, g), h in hits.items()]
    association = sum(aligned, np.zeros(len(ALPHAS))) / np.maximum(matched, 1)
    return (
        float(np.sqrt(detection * association).mean()),
        float(detection.mean()),
        float(association.mean()),
    )


def _identity(frames: Sequence[BoxFrame]) -> tuple[float | None, float | None, float | None]:
    """IDF1, its precision and recall: one pairing of true and given ids for all frames."""
    true, given = _counts(frames)
    together: Counter[tuple[Hashable, Hashable]] = Counter()
    for frame in frames:
        for i, j in np.argwhere(frame.overlap >= FOUND).tolist():
            together[frame.true[i], frame.given[j]] += 1
    agreed = sum(together[pair] for pair in one_to_one(together).items())
    boxes, answers = true.total(), given.total()
    return (
        2 * agreed / (boxes + answers) if boxes + answers else None,
        agreed / answers if answers else None,
        agreed / boxes if boxes else None,
    )


def _clear(frames: Sequence[BoxFrame]) -> tuple[float | None, int]:
    """MOTA and the switches of ids. Pairs of the frame before go on where they still overlap."""
    last: dict[Hashable, Hashable] = {}
    before: dict[Hashable, Hashable] = {}
    boxes = missed = false = switches = 0
    for frame in frames:
        boxes += len(frame.true)
        if not len(frame.true) or not len(frame.given):
            missed, false = missed + len(frame.true), false + len(frame.given)
            continue
        gain = frame.overlap.copy()
        for i, person in enumerate(frame.true):
            for j, name in enumerate(frame.given):
                gain[i, j] += 1000.0 * (person in before and before[person] == name)
        gain[frame.overlap < FOUND - _EPSILON] = 0
        pairs = [(frame.true[i], frame.given[j]) for i, j in _assigned(gain)]
        switches += sum(person in last and last[person] != name for person, name in pairs)
        before = dict(pairs)
        last |= before
        missed, false = missed + len(frame.true) - len(pairs), false + len(frame.given) - len(pairs)
    return (1 - (missed + false + switches) / boxes if boxes else None), switches


def _assigned(gain: FloatArray) -> list[tuple[int, int]]:
    """The best one-to-one pairs of a frame, those without gain left out."""
    if not gain.size:
        return []
    return [(i, j) for i, j in assignment(gain) if gain[i, j] > _EPSILON]


def _counts(frames: Sequence[BoxFrame]) -> tuple[Counter[Hashable], Counter[Hashable]]:
    """Boxes of each true id, and of each given id."""
    return (
        Counter(name for frame in frames for name in frame.true),
        Counter(name for frame in frames for name in frame.given),
    )
