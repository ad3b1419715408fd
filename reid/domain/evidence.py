"""The evidence of a decision, told in the same words wherever it is taken."""

from typing import Literal

from reid.contracts.events import Decision
from reid.domain.exact import share
from reid.domain.policy import Policy
from reid.domain.scoring import OPERATING_POINT, REACH, Score
from reid.domain.state import SiteState

Outcome = Literal["matched", "new"]
#: A person and its similarity.
Scored = tuple[str, float]


def of_track(
    site: SiteState,
    model: str,
    samples: int,
    policy: Policy,
    *,
    outcome: Outcome,
    reason: str,
    best: Scored | None,
    second: Scored | None,
    detail: Score | None,
    threshold: float,
) -> Decision:
    """On a track of so many crops; ``detail``: what ``best`` is made of."""
    return Decision(
        outcome=outcome,
        reason=reason,
        candidate=best[0] if best else None,
        score=best[1] if best else None,
        runner_up=second[0] if second else None,
        runner_up_score=second[1] if second else None,
        threshold=threshold,
        margin=policy.margin,
        samples=samples,
        gallery_size=len(site.persons),
        model=model,
        policy=policy.version,
        appearance=detail.appearance if detail else None,
        passage=detail.passage if detail else 0.0,
        across_days=detail.across_days if detail else 0.0,
        learned=site.learned(model) if policy.site_scale else 0.0,
    )


def of_looks(
    site: SiteState,
    model: str,
    samples: int,
    policy: Policy,
    *,
    outcome: Outcome,
    reason: str,
    candidate: str,
    odds: float,
    needed: float,
) -> Decision:
    """On all that is kept of a person, in so many looks; ``odds``, ``needed``: log odds."""
    return Decision(
        outcome=outcome,
        reason=reason,
        candidate=candidate,
        score=share(odds, OPERATING_POINT, REACH),
        runner_up=None,
        runner_up_score=None,
        threshold=share(needed, OPERATING_POINT, REACH),
        margin=policy.margin,
        samples=samples,
        gallery_size=len(site.persons),
        model=model,
        policy=policy.version,
        learned=site.learned(model),
    )
