"""The measured knots of each encoder (`calibration.json`), raw cosine -> similarity, and its agreement.

A cosine means nothing without its encoder: of histogram features it is above 0.8 for complete strangers.
The knots put 0.6 where 1 % of strangers' pairs lie above, of means of two crops; the agreement says what that
makes of means of others. `benchmarks/calibrate.py` measures both.
"""

import json
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Final, NamedTuple

from producers.embed.base import Knots
from reid.errors import ConfigError

TABLE: Final = "calibration.json"


class Calibrated(NamedTuple):
    """As in `reid.contracts.detections.Model`."""

    knots: Knots = ()
    agreement: float | None = None


UNMEASURED: Final = Calibrated()


@cache
def _table() -> dict[str, Calibrated]:
    raw = json.loads((files("producers.embed") / TABLE).read_text())
    return {
        name: Calibrated(
            checked(entry["knots"], f"{TABLE}: {name}"),
            checked_agreement(entry["agreement"], f"{TABLE}: {name}"),
        )
        for name, entry in raw["encoders"].items()
    }


def calibration_of(encoder: str) -> Calibrated:
    """Of an encoder by its name; without knots where nobody measured it (similarity = raw cosine)."""
    return _table().get(encoder, UNMEASURED)


def checked(knots: object, where: str) -> Knots:
    """Raises `ConfigError` unless both columns rise and lie within [-1, 1] and [0, 1]; one pair
    alone the agent takes from nobody."""
    try:
        pairs = tuple((float(raw), float(similarity)) for raw, similarity in knots)  # type: ignore[attr-defined]
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: calibration must be a list of [cosine, similarity] pairs") from error
    if len(pairs) == 1:
        raise ConfigError(f"{where}: calibration must have two pairs or more, or none: the raw cosine")
    rising = all(a[0] < b[0] and a[1] <= b[1] for a, b in pairwise(pairs))
    if not rising or any(not (-1 <= raw <= 1 and 0 <= similarity <= 1) for raw, similarity in pairs):
        raise ConfigError(f"{where}: calibration must rise, cosines in [-1, 1], similarities in [0, 1]")
    return pairs


def checked_agreement(agreement: object, where: str) -> float | None:
    """Raises `ConfigError` unless it is within [0, 1], or none."""
    if agreement is None:
        return None
    number = isinstance(agreement, int | float) and not isinstance(agreement, bool)
    if not number or not 0 <= agreement <= 1:  # type: ignore[operator]
        raise ConfigError(f"{where}: agreement must be a number in [0, 1], or left out: {agreement!r}")
    return float(agreement)  # type: ignore[arg-type]
