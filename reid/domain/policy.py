"""The numbers of the decision rule. A policy is data: its version stands in every decision."""

from dataclasses import dataclass, field
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class Policy:
    """Similarities are calibrated (0 to 1); times in milliseconds."""

    threshold: float = 0.6
    camera_thresholds: dict[str, float] = field(default_factory=dict)
    margin: float = 0.03
    min_samples: int = 3
    max_samples: int = 12
    grey_zone: float = 0.08
    """A best score so little below the threshold waits for more crops before a new person is made."""
    min_quality: float = 0.25
    max_templates: int = 10
    template_novelty: float = 0.92
    """A crop more similar than this to a stored template adds nothing to the gallery."""
    doubt_slack: float = 0.15
    """A bound track's crop that falls this far below the threshold is a doubt."""
    max_doubts: int = 3
    """So many doubts in a row, and the track is taken from its person."""
    seen_interval: int = 1_000
    track_timeout: int = 5_000
    visit_gap: int = 300_000
    ttl: int = 90 * 86_400_000

    def threshold_at(self, camera_id: str) -> float:
        """The camera's own threshold, else the site's."""
        return self.camera_thresholds.get(camera_id, self.threshold)

    @property
    def version(self) -> str:
        """Short hash of all values: two decisions with one version were made by the same rule."""
        return "p1-" + sha256(repr(self).encode()).hexdigest()[:10]


@dataclass(frozen=True, slots=True)
class Policies:
    """Policy of each site; ``default`` for the others."""

    default: Policy = field(default_factory=Policy)
    sites: dict[str, Policy] = field(default_factory=dict)

    def of(self, site_id: str) -> Policy:
        return self.sites.get(site_id, self.default)
