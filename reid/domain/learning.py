"""What people answer about decisions moves the site's scale, a little each time.

Logistic regression of one number, the site's own log odds of an encoder, one answer after another
(stochastic gradient): an answer moves it by how much it surprises. Who confirms what was nearly certain
teaches nothing; a ``no`` at a high score makes the site stricter, a ``yes`` at a low one more lenient. Only
doubtful decisions are asked about, and each is compared with what its own score promised, so asking about the
doubtful alone does not lead astray. The score is taken as it would be now: a queue that is answered at
once teaches no more than one that is answered over days.
"""

from typing import Final

from reid.contracts.events import IdentityReviewed, SiteCalibrated
from reid.domain.exact import share
from reid.domain.policy import Policy
from reid.domain.scoring import OPERATING_POINT, REACH
from reid.domain.state import Lesson, SiteState

#: Log odds beyond these are not told apart: a score of 0 or 1 is not infinitely sure.
_SUREST: Final = 9.0
#: After so many answers one moves half as much as the first; never less than this share, for sites change.
_SETTLED: Final = 10
_LEAST_WEIGHT: Final = 0.2
#: The share of right ones at log odds, by `share`: within 0.1 of the logistic curve, and exact everywhere.
_EVEN: Final = 0.5
_CURVE: Final = 1.0


def lessons(site: SiteState, answer: IdentityReviewed, policy: Policy) -> list[SiteCalibrated]:
    """At most one step, of ``answer_step`` at most and never beyond ``max_learned``."""
    if answer.score is None or not answer.model or not policy.site_scale:
        return []
    known = site.lessons.get(answer.model, Lesson())
    promised = share(log_odds(answer.score) - answer.learned + known.correction, _EVEN, _CURVE)
    surprise = (1.0 if answer.answer == "yes" else 0.0) - promised
    weight = max(_SETTLED / (_SETTLED + known.answers), _LEAST_WEIGHT)
    moved = known.correction + policy.answer_step * weight * surprise
    correction = round(min(max(moved, -policy.max_learned), policy.max_learned), 6)
    if correction == known.correction:
        return []
    return [
        SiteCalibrated(
            site_id=answer.site_id,
            at=answer.at,
            model=answer.model,
            before=known.correction,
            correction=correction,
            answers=known.answers + 1,
        )
    ]


def log_odds(score: float) -> float:
    """Inverse of the curve that makes a site's similarity of log odds, within ±9."""
    if score >= OPERATING_POINT:
        found = (1 - OPERATING_POINT) * REACH / max(1 - score, 1e-6) - REACH
    else:
        found = REACH - OPERATING_POINT * REACH / max(score, 1e-6)
    return min(max(found, -_SUREST), _SUREST)
