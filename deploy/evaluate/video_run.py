"""One variant on all footage."""

from dataclasses import dataclass
from typing import Any

import msgspec

from deploy.evaluate.crops import Encoder
from deploy.evaluate.stream_score import mean_of
from deploy.evaluate.variants import Variant
from deploy.evaluate.watch import Watched
from deploy.identities import Identities


@dataclass(frozen=True)
class VideoRun:
    """One variant on all footage."""

    variant: Variant
    encoder: Encoder
    watched: list[Watched]
    identities: list[Identities]
    scores: list[dict[str, Any]]

    def document(self) -> dict[str, Any]:
        times = [watched.times for watched in self.watched]
        frames = sum(t.frames for t in times)
        return {
            "name": self.variant.name,
            "embedder": self.encoder.name,
            "policy": msgspec.to_builtins(self.variant.policy),
            "ms_a_frame": {
                stage: round(sum(getattr(t, stage) for t in times) / frames, 3)
                for stage in ("detect", "track", "embed")
            },
            "mean": mean_of(self.scores),
            "footage": self.scores,
        }
