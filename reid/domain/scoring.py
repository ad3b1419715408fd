"""From the cosines of a search to similarities that mean the same at every site: 0.6 decides.

The encoder's calibration knows its training set; the site knows its own strangers. A cosine, each camera's
mean taken away, is counted in deviations above the strangers of both sides. What those deviations are worth
was measured on many encoders at once (docs/identity.md): log odds that the nearest of a crowd is the same
person. The site moves the encoder's own similarity by a bounded amount only.
"""

import math
from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from reid.contracts.embedding import fixed_from_bytes
from reid.contracts.events import Template
from reid.contracts.policy import Policy
from reid.domain.centring import cosines
from reid.domain.cohort import Spread
from reid.domain.exact import logarithm, share
from reid.domain.passages import passage
from reid.domain.similarity import Calibration, best_raw, calibrated
from reid.domain.state import Person, SiteState

#: Log odds for each deviation above the strangers.
WORTH: Final = 1.64
#: Deviations at which a candidate is as likely right as 0.6 asks, and how many more for each e-fold of
#: persons to be mistaken for.
STRICTNESS: Final = 1.9
STRICTNESS_BY_CROWD: Final = 0.366
#: In a large crowd the nearest stranger is a look-alike: the tail is heavier than in a small one.
CROWDED: Final = -0.35
CROWDED_BY_CROWD: Final = 0.873
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


def score(
    site: SiteState, probe: Template, person: Person, at: int, knots: Calibration, policy: Policy
) -> Score:
    """Of a track's look, seen at ``at``, with a person."""
    templates = [t for t in person.templates if t.model == probe.model]
    own = best_raw(templates, probe)
    encoder = calibrated(own if own is not None else -1.0, knots)
    if not policy.site_scale:
        return Score(encoder, encoder, 0.0)
    odds = likeness(site, [probe], templates, {person.number}, knots)
    gate = 0.0
    if policy.gate and person.last_camera:
        gate = site.passages.odds(passage(person.last_camera, probe.camera_id, at - person.last_seen))
    appearance = _bounded(odds, encoder, policy)
    return Score(_bounded(odds + gate, encoder, policy), appearance, round(gate, 6))


def _bounded(odds: float, encoder: float, policy: Policy) -> float:
    scaled = share(odds, OPERATING_POINT, REACH)
    low, high = encoder - policy.max_correction, encoder + policy.max_correction
    return round(min(max(scaled, low, 0.0), high, 1.0), 6)


def likeness(
    site: SiteState,
    looks: Sequence[Template],
    templates: Sequence[Template],
    own: Collection[int],
    knots: Calibration,
) -> float:
    """Log odds that ``looks`` and ``templates``, all of one model and neither empty, show one person.

    ``own``: registration numbers that are no strangers to them.
    """
    if not looks or not templates:
        return -9.0
    persons = logarithm(max(len(site.persons), 2))
    crowd = max(STRICTNESS + STRICTNESS_BY_CROWD * persons, CROWDED + CROWDED_BY_CROWD * persons)
    total = 0.0
    for look in looks:
        total += _deviations(site, look, templates, own, knots)
    return (total / len(looks) - crowd) * WORTH + site.learned(looks[0].model)


def _deviations(
    site: SiteState,
    look: Template,
    templates: Sequence[Template],
    own: Collection[int],
    knots: Calibration,
) -> float:
    """The nearest template counts half, all together the other half: who looks like everybody to some
    template must look like the others too."""
    centring, cohort = site.centring(look.model), site.cohort(look.model)
    vector = centring.centred(fixed_from_bytes(look.vector), look.camera_id)
    rows = centring.all_centred([t.vector for t in templates], [t.camera_id for t in templates])
    raws = cosines(rows, vector)
    priors = {
        c: expected(centring.common(look.camera_id, c), knots) for c in {t.camera_id for t in templates}
    }
    ours = {camera_id: cohort.spread(look, camera_id, own, prior) for camera_id, prior in priors.items()}
    theirs = cohort.spreads(templates, look.camera_id, own, [priors[t.camera_id] for t in templates])
    nearest, together = -math.inf, 0.0
    for raw, template, other in zip((raws / 1e6).tolist(), templates, theirs, strict=True):
        mine = ours[template.camera_id]
        above = ((raw - mine.mean) / mine.deviation + (raw - other.mean) / other.deviation) / 2
        # Added one by one: Python's `sum` of floats is not the same in every version.
        nearest, together = max(nearest, above), together + above
    return nearest / 2 + together / len(templates) / 2


def expected(common: float, knots: Calibration) -> Spread:
    """Of strangers at a site not known yet, as the encoder's calibration tells; ``common``: the share of the
    common part that is still in."""
    knots = knots or _UNKNOWN
    mean = knots[0][0]
    deviation = max((_raw_at(OPERATING_POINT, knots) - mean) / _ONE_PERCENT, 1e-3)
    return Spread(mean * common, deviation * common + _CENTRED * (1 - common))


def _raw_at(wanted: float, knots: Calibration) -> float:
    """Inverse of `calibrated`: the lowest cosine of this similarity."""
    before = knots[0]
    for knot in knots:
        if knot[1] >= wanted:
            rise = knot[1] - before[1]
            return knot[0] if rise <= 0 else before[0] + (wanted - before[1]) / rise * (knot[0] - before[0])
        before = knot
    return before[0]
