"""Calibrates an encoder that nobody has any more, from the galleries that it left.

Two records of one old gallery are two people, so their similarities are those of strangers. The knots follow
`benchmarks.calibrate`: similarity 0 at the median stranger, 0.6 where 1 % of strangers lie above; 1 at
identity, for no true pairs are known. Strangers of one camera share its light, so the rule is rather strict.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deploy.old_store import OldPerson
from reid.errors import ConfigError

Knots = tuple[tuple[float, float], ...]
MEASURED: Final = "measured"
RAW: Final = "raw"
#: Fewer pairs of strangers have no hundredth part.
MIN_PAIRS: Final = 100
#: Records of a gallery that are compared with each other; more would tell nothing new.
_MAX_RECORDS: Final = 400
_DIGITS: Final = 4


def calibration_of(text: str, persons: Sequence[OldPerson]) -> Knots:
    """``measured``, ``raw``, or knots such as ``0.8:0,0.95:0.6,1:1``. Raises `ConfigError`."""
    if text == MEASURED:
        return measured(persons)
    if text == RAW:
        return ()
    try:
        pairs = (knot.split(":") for knot in text.split(","))
        return tuple((float(raw), float(similarity)) for raw, similarity in pairs)
    except ValueError as error:
        raise ConfigError(
            f"--calibration {text}: {MEASURED}, {RAW}, or pairs such as 0.8:0,0.95:0.6,1:1"
        ) from error


def measured(persons: Sequence[OldPerson]) -> Knots:
    """Knots from the strangers; none, the raw cosine, where there are too few of them."""
    strangers = strangers_of(persons)
    if len(strangers) < MIN_PAIRS:
        return ()
    zero, operating = (float(q) for q in np.quantile(strangers, [0.5, 0.99]))
    step = 10**-_DIGITS
    operating = min(round(operating, _DIGITS), 1 - step)
    zero = min(round(zero, _DIGITS), round(operating - step, _DIGITS))
    return ((zero, 0.0), (operating, 0.6), (1.0, 1.0))


def strangers_of(persons: Sequence[OldPerson]) -> NDArray[np.float64]:
    """Cosines as the import compares: one's mean appearance with another's nearest."""
    galleries: dict[str, list[OldPerson]] = defaultdict(list)
    for person in persons:
        if len(galleries[person.gallery]) < _MAX_RECORDS:
            galleries[person.gallery].append(person)
    found: list[NDArray[np.float64]] = []
    for gallery in galleries.values():
        means = np.stack([person.vectors.mean(axis=0) for person in gallery])
        lengths = np.linalg.norm(means, axis=1)
        means = means[lengths > 0] / lengths[lengths > 0, None]
        for index, person in enumerate(gallery):
            others = np.arange(len(gallery))[lengths > 0] != index
            found.append((means[others] @ person.vectors.T).max(axis=1))
    return np.concatenate(found) if found else np.zeros(0)
