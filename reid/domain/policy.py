"""Which policy holds at which site."""

from dataclasses import dataclass, field

from reid.contracts.policy import Policy

__all__ = ["Policies", "Policy"]


@dataclass(frozen=True, slots=True)
class Policies:
    """Policy of each site; ``default`` for the others."""

    default: Policy = field(default_factory=Policy)
    sites: dict[str, Policy] = field(default_factory=dict)

    def of(self, site_id: str) -> Policy:
        return self.sites.get(site_id, self.default)
