"""Frames whose tracks all have an identity: what most frames are."""

import time
from typing import Final

from benchmarks.bench.row import Row, alone
from benchmarks.bench.scene import SITE, looks, message, standing
from reid.contracts.cloudevents import Causation, headers_of
from reid.contracts.codec import decode_detections, encode
from reid.contracts.detections import Detections
from reid.contracts.topics import DETECTIONS
from reid.domain.policy import Policies
from reid.domain.state import PartitionState
from reid.domain.step import step
from reid.domain.validate import check

CAMERAS: Final = 8
EACH: Final = 5
FPS: Final = 10
#: 0.4 s, the default of a camera.
EMBED_EVERY: Final = 4
WARM_S: Final = 2


def run(quick: bool) -> list[Row]:
    seconds, rounds = (10, 3) if quick else (30, 7)
    people = looks(CAMERAS * EACH, 3)
    frames = standing(people, cameras=CAMERAS, seconds=WARM_S + seconds, fps=FPS, embed_every=EMBED_EVERY)
    messages = [message(moment) for moment in frames]
    warm, measured = messages[: WARM_S * FPS], messages[WARM_S * FPS :]
    raw = [encode(each) for each in measured]
    decided, whole, shares = [], [], []
    for _ in range(rounds + 1):
        state = _bound(warm)
        decided.append(_decided(state, measured))
        whole.append(_whole(_bound(warm), raw))
        shares.append(sum(s.seen_at > 0 for c in state.site(SITE).cameras.values() for s in c.bound.values()))
    assert min(shares) == CAMERAS * EACH, "a track lost its identity: these are other frames than meant"
    shape = f"{CAMERAS} cameras x {EACH} people x {FPS} frames/s, an embedding each {EMBED_EVERY} frames"
    return [
        alone(
            "all tracks bound: decide + evolve, one core", "detections/s", decided[1:],
            floor=50_000, aim=200_000, note=shape,
        ),
        alone(
            "the same with decoding, checks and encoding of events and headers", "detections/s", whole[1:],
            note=shape,
        ),
    ]  # fmt: skip


def _bound(warm: list[Detections]) -> PartitionState:
    state, policies = PartitionState(), Policies()
    for each in warm:
        step(state, each, policies)
    return state


def _decided(state: PartitionState, messages: list[Detections]) -> float:
    policies = Policies()
    begun = time.thread_time()
    for each in messages:
        step(state, each, policies)
    return _detections(messages) / (time.thread_time() - begun)


def _whole(state: PartitionState, raw: list[bytes]) -> float:
    policies, next_offset = Policies(), {DETECTIONS.name: 0}
    begun = time.thread_time()
    for offset, each in enumerate(raw):
        read = decode_detections(each)
        check(read)
        for ordinal, event in enumerate(step(state, read, policies)):
            encode(event)
            headers_of(event, Causation(DETECTIONS.name, 0, offset), ordinal, next_offset)
    return len(raw) * CAMERAS * EACH / (time.thread_time() - begun)


def _detections(messages: list[Detections]) -> int:
    return sum(len(frame.persons) for each in messages for frame in each.frames)
