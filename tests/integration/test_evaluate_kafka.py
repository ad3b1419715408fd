"""`evaluate stream --through-kafka`: the real stack decides as the rule in memory does."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from deploy.evaluate import kafka as through_kafka
from deploy.evaluate.crops import Encoder, open_crops
from deploy.evaluate.kafka import ThroughKafka, settings_of
from deploy.evaluate.stream import FRAME_MS, Stream, pause_of, tracks_of
from deploy.evaluate.stream_command import in_memory
from deploy.evaluate.stream_score import stream_score
from deploy.evaluate.variants import Variant, policy_with
from deploy.supervisor import Supervisor
from reid.contracts.policy import Policy
from reid.errors import ConfigError
from reid.runtime.settings import Settings
from streams.policies import policies_of
from tests.unit.deploy.evaluate.crop_files import paint

pytestmark = pytest.mark.integration


def painted_stream(directory: Path, policy: Policy) -> Stream:
    crops = open_crops(paint(directory, 8))
    encoder = Encoder.open("appearance-512")
    tracks = tracks_of(crops, None, 2)
    stream = Stream(
        tracks, encoder.wires(crops), crops.qualities(), encoder.model, policy.max_samples, pause_of(policy)
    )
    length = stream.times()[-1][-1] - stream.start_ms
    return replace(stream, start_ms=time.time_ns() // 1_000_000 - length - FRAME_MS)


def test_the_stack_and_memory_give_every_crop_the_same_id(
    tmp_path: Path,
    make_settings: Callable[..., Settings],
    kafka_jars: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a busy machine too: that Kafka was waited for was once taken for the death of a part."""
    monkeypatch.setattr(through_kafka, "Supervisor", partial(Supervisor, still_every_s=0.0))
    # Not the default: the worker must decide by what was asked for.
    variant = Variant("made", "appearance-512", policy_with(Policy(), ["margin=0.05", "threshold=0.5"]))
    stream = painted_stream(tmp_path / "crops", variant.policy)
    found = ThroughKafka(make_settings(), kafka_jars).exactly(stream, variant)
    expected = in_memory(stream, variant)
    assert found.ids == expected.ids
    assert found.decisions == expected.decisions
    assert stream_score(found) == stream_score(expected)
    assert found.final.count(None) == 0
    assert {d.policy for d in found.decisions.values()} == {variant.policy.version}


def test_a_policy_reaches_the_worker_or_is_refused(
    tmp_path: Path, make_settings: Callable[..., Settings]
) -> None:
    wanted = policy_with(Policy(), ["threshold=0.7", "track_timeout=7000", "ttl=86400000", "min_samples=2"])
    assert policies_of(settings_of(make_settings(), wanted, tmp_path)).default == wanted
    with pytest.raises(ConfigError, match="grey_zone"):
        settings_of(make_settings(), policy_with(Policy(), ["grey_zone=0.2"]), tmp_path)
