"""From the cosines of a search to similarities that mean the same at every site: 0.6 decides.

The encoder's calibration knows its training set; the site knows its own strangers. A cosine, each camera's
mean taken away, is counted in deviations above the strangers of both sides. What those deviations are worth
was measured on many encoders at once (docs/identity.md): log odds that the nearest of a crowd is the same
person. The site moves the encoder's own similarity by a bounded amount only.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from reid.contracts.events import Template
from reid.contracts.policy import Policy
from reid.domain.centring import WholeVector, cosines_of_many, squares
from reid.domain.cohort import Pairs, Spread
from reid.domain.exact import logarithm, share
from reid.domain.person import Person
from reid.domain.similarity import Calibration, best_raws, calibrated
from reid.domain.state import SiteState
from reid.domain.ways import gate

T = TypeVar("T")

#: Log odds for each deviation above the strangers.
WORTH: Final = 1.64
#: Deviations at which a candidate is as likely right as 0.6 asks, and how many more for each e-fold of
#: persons to be mistaken for.
STRICTNESS: Final = 1.9
STRICTNESS_BY_CROWD: Final = 0.366
#: With so many tracks of a person the nearest of their looks counts as ever; with more its share falls in
#: proportion, and the rest is their mean look's.
FEW: Final = 2
#: What a look weighs, in tenths of a good crop: one crop, and a track's at most.
_ONE_CROP: Final = 3
_GROWN: Final = 30
#: In a large crowd the nearest stranger is a look-alike: the tail is heavier than in a small one.
CROWDED: Final = -0.35
CROWDED_BY_CROWD: Final = 0.873
#: Looks agree so much at least, squared: whoever looks different each time is not made like everybody.
_LEAST_AGREEMENT: Final = 0.25
#: The similarity of even odds, and the log odds that halve the distance to 0 or 1.
OPERATING_POINT: Final = 0.6
REACH: Final = 2.0
#: Of strangers' cosines, that many deviations lie between the middle and the one at 1 % false matches, 0.6.
_ONE_PERCENT: Final = 2.33
#: Spread of strangers' cosines without their common part; and of an encoder without calibration, with it.
_CENTRED: Final = 0.2
_UNKNOWN: Final = ((0.25, 0.0), (0.6, 0.6))


class Score(NamedTuple):
    """``similarity`` decides; ``appearance`` is without the gate; ``passage``: the gate's log odds;
    ``across_days``: what the similarity has lost because the person was last seen on an earlier day."""

    similarity: float
    appearance: float
    passage: float
    across_days: float = 0.0


class Side(NamedTuple):
    """What looks of one model are compared with; ``own``: numbers of persons who are no strangers to it;
    ``crowd``: how many persons may be mistaken for it."""

    templates: Sequence[Template]
    own: Collection[int]
    crowd: int


def score(
    site: SiteState, probe: Template, person: Person, at: int, knots: Calibration, policy: Policy
) -> Score:
    """Of a track's look, seen at ``at``, with a person."""
    return scores(site, probe, [person], at, knots, policy)[0]


def scores(
    site: SiteState, probe: Template, persons: Sequence[Person], at: int, knots: Calibration, policy: Policy
) -> list[Score]:
    """As `score`, with each of the persons."""
    sides = [
        Side(
            [t for t in person.templates if t.model == probe.model],
            {person.number},
            site.lately.crowd(person.last_seen, at),
        )
        for person in persons
    ]
    raws = best_raws([side.templates for side in sides], probe)
    encoders = [calibrated(raw if raw is not None else -1.0, knots) for raw in raws]
    if not policy.site_scale:
        return [Score(encoder, encoder, 0.0) for encoder in encoders]
    found = []
    for person, encoder, odds in zip(persons, encoders, likenesses(site, probe, sides, knots), strict=True):
        way = gate(site.passages, person, probe.camera_id, at) if policy.gate else 0.0
        appearance = _bounded(odds, encoder, policy)
        found.append(Score(_bounded(odds + way, encoder, policy), appearance, round(way, 6)))
    return found


def _bounded(odds: float, encoder: float, policy: Policy) -> float:
    scaled = share(odds, OPERATING_POINT, REACH)
    low, high = encoder - policy.max_correction, encoder + policy.max_correction
    return round(min(max(scaled, low, 0.0), high, 1.0), 6)


def likenesses(site: SiteState, probe: Template, sides: Sequence[Side], knots: Calibration) -> list[float]:
    """Log odds that ``probe``, what a track looks like, and each of the sides show one person, all of one
    model; -9 where nothing can be compared.

    Whoever was seen on few tracks is known by single looks, and the nearest says most. The more there are,
    the sooner one is near by chance, and the better the mean of all is known.
    """
    found = [-9.0] * len(sides)
    for place, above, _, rows in _compared(site, [probe], sides, knots):
        theirs = sides[place].templates
        first = min(FEW / len({look.track for look in theirs}), 1.0)
        likeness = together(above[0].tolist()) * first
        if first < 1:
            weights = _weights(theirs)
            likeness += _mean(above, _weights([probe]), weights) / _agreement(rows, weights) * (1 - first)
        found[place] = odds(site, probe.model, likeness, sides[place].crowd)
    return found


def resemblances(
    site: SiteState, looks: Sequence[Template], sides: Sequence[Side], knots: Calibration
) -> list[float]:
    """As `likenesses`, of ``looks``, all that is kept of somebody.

    By the mean of all looks with all, each weighed by the crops it is made of (average linkage, Sokal and
    Michener 1958): one look that is by chance like another does not make two persons one. A single look is
    weighed as a track is.
    """
    if len(looks) == 1:
        return likenesses(site, looks[0], sides, knots)
    found = [-9.0] * len(sides)
    if not looks:
        return found
    mine, own = _weights(looks), 0.0
    for place, above, ours, rows in _compared(site, looks, sides, knots):
        own = own or _agreement(ours, mine)
        weights = _weights(sides[place].templates)
        likeness = _mean(above, mine, weights) / (own * _agreement(rows, weights))
        found[place] = odds(site, looks[0].model, likeness, sides[place].crowd)
    return found


def _compared(
    site: SiteState, looks: Sequence[Template], sides: Sequence[Side], knots: Calibration
) -> Iterator[tuple[int, NDArray[np.float64], WholeVector, WholeVector]]:
    """The place of each side with looks, their `deviations`; and the looks of both, ``(n, d)`` centred."""
    filled = [(place, side) for place, side in enumerate(sides) if side.templates]
    if not filled:
        return
    above, rows = _above(site, looks, [side for _, side in filled], knots)
    start = 0
    for place, side in filled:
        stop = start + len(side.templates)
        yield place, above[:, start:stop], rows[: len(looks)], rows[len(looks) + start : len(looks) + stop]
        start = stop


def _mean(above: NDArray[np.float64], mine: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    """Of the deviations of looks with looks, weighed. In millionths: the sum is exact in any order."""
    total = float(mine @ np.rint(above * 1e6) @ theirs)
    return total / float(mine.sum() * theirs.sum()) / 1e6


def _weights(looks: Sequence[Template]) -> NDArray[np.float64]:
    """Whole numbers: crops of one track say much the same, so that from a few on more of them add nothing."""
    return np.array([min(max(round(look.weight * 10), _ONE_CROP), _GROWN) for look in looks], np.float64)


def _agreement(rows: WholeVector, weights: NDArray[np.float64]) -> float:
    """How long the mean of looks of unit length is, 1 where all are the same (the mean resultant length of
    directional statistics, Mardia and Jupp 2000). Looks that differ from each other are, on an average,
    less like anybody: divided by this, the mean of likenesses is a likeness with the mean look."""
    if len(rows) == 1:
        return 1.0
    total = float(weights @ cosines_of_many(rows, squares(rows), rows) @ weights)
    return math.sqrt(max(total / float(weights.sum()) ** 2 / 1e6, _LEAST_AGREEMENT))


def odds(site: SiteState, model: str, above: float, crowd: int) -> float:
    """Log odds of what is so many deviations above the strangers, where so many persons may be mistaken."""
    persons = logarithm(max(crowd, 2))
    asked = max(STRICTNESS + STRICTNESS_BY_CROWD * persons, CROWDED + CROWDED_BY_CROWD * persons)
    return (above - asked) * WORTH + site.learned(model)


def together(above: Iterable[float]) -> float:
    """A look's deviations above the strangers with each template. The nearest counts half, all together the
    other half: who looks like everybody to some template must look like the others too."""
    each, total = list(above), 0.0
    # Added one by one: Python's `sum` of floats is not the same in every version.
    for one in each:
        total += one
    return max(each) / 2 + total / len(each) / 2


def deviations(
    site: SiteState, looks: Sequence[Template], sides: Sequence[Side], knots: Calibration
) -> NDArray[np.float64]:
    """``(looks, templates of all sides)``: how far above the strangers of both each two are."""
    return _above(site, looks, sides, knots)[0]


def _above(
    site: SiteState, looks: Sequence[Template], sides: Sequence[Side], knots: Calibration
) -> tuple[NDArray[np.float64], WholeVector]:
    """`deviations`, and all looks, ``(n, d)`` centred, those of the sides behind.

    Each look is set off against the strangers of each side's cameras, each template against those of each
    look's.
    """
    model, templates = looks[0].model, [template for side in sides for template in side.templates]
    every, first, centring = [*looks, *templates], len(looks), site.centring(looks[0].model)
    rows = centring.all_centred([look.vector for look in every], [look.camera_id for look in every])
    raws = cosines_of_many(rows[first:], squares(rows[first:]), rows[:first]) / 1e6
    places: dict[str, int] = {}
    mine, theirs = (
        [places.setdefault(look.camera_id, len(places)) for look in some] for some in (looks, templates)
    )
    side = [number for number, one in enumerate(sides) for _ in one.templates]
    whose = list(zip(side, theirs, strict=True))
    befores, groups = _numbered(mine), _numbered(whose)
    pairs = _pairs(first, side, befores, groups)
    of = np.array(mine + theirs)[pairs.look]
    common = np.array([centring.common(camera_id) for camera_id in places])
    priors = _expected(np.maximum(common[of], common[pairs.camera]), knots)
    middle, spread = site.cohort(model).spreads(
        every, rows, list(places), [one.own for one in sides], pairs, *priors
    )
    cut, columns = len(befores) * len(templates), [groups[one] for one in whose]
    ours = [each[cut:].reshape(first, -1)[:, columns] for each in (middle, spread)]
    other = [each[:cut].reshape(-1, len(templates))[[befores[c] for c in mine]] for each in (middle, spread)]
    return ((raws - ours[0]) / ours[1] + (raws - other[0]) / other[1]) / 2, rows


def _numbered(items: Sequence[T]) -> dict[T, int]:
    """In the order in which they first come."""
    return {item: number for number, item in enumerate(dict.fromkeys(items))}


def _pairs(first: int, side: list[int], befores: Iterable[int], groups: Collection[tuple[int, int]]) -> Pairs:
    """Of templates, by their ``side``, with the cameras of looks, ``befores``; behind them of looks, which
    are the ``first`` of all, with each camera of a side, ``groups``: no more than there are."""
    cameras = list(befores)
    behind = range(first, first + len(side))
    return Pairs(
        np.array([*behind] * len(cameras) + [look for look in range(first) for _ in groups]),
        np.array([camera for camera in cameras for _ in side] + [camera for _, camera in groups] * first),
        np.array(side * len(cameras) + [number for number, _ in groups] * first),
    )


def expected(common: float, knots: Calibration) -> Spread:
    """Of strangers at a site not known yet, as the encoder's calibration tells; ``common``: the share of the
    common part that is still in."""
    means, deviations = _expected(np.array([common]), knots)
    return Spread(float(means[0]), float(deviations[0]))


def _expected(
    common: NDArray[np.float64], knots: Calibration
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means and deviations."""
    knots = knots or _UNKNOWN
    mean = knots[0][0]
    deviation = max((_raw_at(OPERATING_POINT, knots) - mean) / _ONE_PERCENT, 1e-3)
    return mean * common, deviation * common + _CENTRED * (1 - common)


def _raw_at(wanted: float, knots: Calibration) -> float:
    """Inverse of `calibrated`: the lowest cosine of this similarity."""
    before = knots[0]
    for knot in knots:
        if knot[1] >= wanted:
            rise = knot[1] - before[1]
            return knot[0] if rise <= 0 else before[0] + (wanted - before[1]) / rise * (knot[0] - before[0])
        before = knot
    return before[0]
