"""One variant on all streams."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from deploy.evaluate.crops import Encoder
from deploy.evaluate.stream import Played
from deploy.evaluate.stream_score import mean_of, stream_score
from deploy.evaluate.variants import Variant


@dataclass(frozen=True)
class StreamRun:
    """All streams of one variant, in the order of the seeds. ``seconds``: of deciding them all."""

    variant: Variant
    encoder: Encoder
    played: list[Played]
    seconds: float

    def document(self, seeds: Sequence[int]) -> dict[str, Any]:
        scores = [stream_score(played) for played in self.played]
        return {
            "name": self.variant.name,
            "embedder": self.encoder.name,
            "policy": msgspec.to_builtins(self.variant.policy),
            "policy_version": self.variant.policy.version,
            "ms_a_crop": round(self.encoder.ms_a_crop, 3),
            "deciding_seconds": round(self.seconds, 2),
            "mean": mean_of(scores),
            "seeds": {str(seed): score for seed, score in zip(seeds, scores, strict=True)},
        }
