"""What a zone's persons are called in its site."""

from dataclasses import dataclass, field

import msgspec

from reid.contracts.events import Decision
from reid.contracts.zones import ZoneReport
from reid.domain.policy import Policy
from reid.domain.state import SiteState


@dataclass(slots=True)
class Names:
    """While a report is taken in. ``links``: zone's person id -> ours, of this report; empty for who is
    gone."""

    site: SiteState
    report: ZoneReport
    policy: Policy
    links: dict[str, str] = field(default_factory=dict)

    @property
    def site_id(self) -> str:
        return self.report.site_id

    def holder(self, theirs: str | None) -> str | None:
        """Who the zone's person is for the site now."""
        if theirs is None:
            return None
        ours = self.links.get(theirs)
        if ours is None:
            ours = self.site.zones.persons.get(self.report.zone, {}).get(theirs)
        return self.site.holder(ours) if ours else None

    def translated(self, decision: Decision) -> Decision:
        """The zone's evidence, its persons as the site calls them."""
        return msgspec.structs.replace(
            decision,
            candidate=self.holder(decision.candidate),
            runner_up=self.holder(decision.runner_up),
        )

    def said(self, outcome: str, reason: str) -> Decision:
        """The zone's word, which needs no score."""
        return Decision(
            outcome="matched" if outcome == "matched" else "new",
            reason=reason,
            candidate=None,
            score=None,
            runner_up=None,
            runner_up_score=None,
            threshold=self.policy.threshold,
            margin=self.policy.margin,
            samples=0,
            gallery_size=len(self.site.persons),
            model="",
            policy=self.policy.version,
        )
