"""Which policy holds at which site."""

from dataclasses import dataclass, field

from reid.contracts.policy import Policy
from reid.contracts.zones import split_zone

__all__ = ["Policies", "Policy"]


@dataclass(frozen=True, slots=True)
class Policies:
    """Policy of each site, and of its zones; ``default`` for the others."""

    default: Policy = field(default_factory=Policy)
    sites: dict[str, Policy] = field(default_factory=dict)

    def of(self, site_id: str) -> Policy:
        own = self.sites.get(site_id)
        return self.sites.get(split_zone(site_id)[0], self.default) if own is None else own
