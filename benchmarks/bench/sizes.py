"""Bytes: of the log for each minute that somebody is in front of a camera, of the agent's memory and of Redis
for each person. Counted, not timed: the same on any machine."""

import gc
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

import cramjam
import psutil
import redis

from benchmarks.bench.galleries import TEMPLATES, known
from benchmarks.bench.gallery_log import views_of
from benchmarks.bench.row import Row, short
from deploy.bench.crowd import Cameras, Crowd
from projections.redis_store import RedisViewStore
from reid.contracts.cloudevents import Causation, headers_of
from reid.contracts.codec import encode, type_name
from reid.contracts.detections import Detections
from reid.contracts.topics import DETECTIONS
from reid.domain.policy import Policies
from reid.domain.state import PartitionState
from reid.domain.step import step
from reid.runtime.servers.redis import EmbeddedRedis

SITE: Final = "global"
START: Final = 1_762_344_658_197
#: What Kafka adds to a record: lengths, offset and time deltas; a batch's 61 bytes are shared.
_RECORD: Final = 12
_LINGER_MS: Final = 50


def run(quick: bool) -> list[Row]:
    return [
        *_log(60 if quick else 300),
        _memory(2_000 if quick else 10_000),
        *_redis(500 if quick else 1_000),
    ]


def _log(seconds: int) -> list[Row]:
    """A site as `saferoom bench load` imitates one by default, decided by the real domain."""
    crowd, state, policies = Crowd(), PartitionState(), Policies()
    cameras, next_offset = Cameras(crowd, "s1"), {DETECTIONS.name: 0}
    raw, packed, inputs, kinds, seen = 0, 0, 0, Counter[str](), 0
    for number in range(round(seconds * crowd.fps)):
        at = round(1000 * number / crowd.fps)
        frames = tuple(cameras.frame(camera, at, START) for camera in range(crowd.cameras))
        seen += sum(len(frame.persons) for frame in frames)
        message = Detections(SITE, "bench", frames)
        inputs += len(cramjam.lz4.compress_block(encode(message)))
        batch = bytearray()
        for ordinal, event in enumerate(step(state, message, policies)):
            headers = headers_of(event, Causation(DETECTIONS.name, 0, number), ordinal, next_offset)
            value = encode(event)
            kinds[type_name(event)] += len(value)
            batch += SITE.encode() + value + b"".join(k.encode() + v for k, v in headers) + bytes(_RECORD)
        raw += len(batch)
        packed += len(cramjam.lz4.compress_block(bytes(batch))) + 61 if batch else 0
    minutes = seen / crowd.fps / 60
    shape = f"{crowd.cameras} cameras x {crowd.people:g} people, {seconds} s, a batch each frame time"
    by_kind = {name: short(size / minutes) for name, size in kinds.most_common(4)}
    return [
        Row(what="event log: a person-minute", unit="bytes", value=short(packed / minutes),
            note=f"lz4; {shape}",
            more={"before compression": short(raw / minutes), **by_kind}),
        Row(what="detections topic: a camera-minute", unit="bytes",
            value=short(inputs / (crowd.cameras * seconds / 60)), note=f"lz4; {shape}",
            more={"people a camera": short(seen / crowd.fps / crowd.cameras / seconds)}),
    ]  # fmt: skip


def _memory(persons: int) -> Row:
    """Resident memory of a process before and after the gallery is there."""
    warm, process = known(TEMPLATES * 100, seed=3), psutil.Process()
    gc.collect()
    before = process.memory_info().rss
    state, probes = known(TEMPLATES * persons)
    del probes
    gc.collect()
    grown = process.memory_info().rss - before
    assert len(state.site(SITE).persons) == persons and warm
    return Row(
        what="identity agent: memory of a person", unit="bytes", value=short(grown / persons),
        note=f"{persons:,} persons of {TEMPLATES} templates of 512 numbers; the templates alone take 10,240",
    )  # fmt: skip


def _redis(persons: int) -> list[Row]:
    with (
        tempfile.TemporaryDirectory(prefix="saferoom-bench-") as folder,
        EmbeddedRedis(Path(folder)) as server,
    ):
        client, store = redis.Redis.from_url(server.url), RedisViewStore(server.url)
        before = int(client.info("memory")["used_memory"])  # type: ignore[index]
        views_of(store, persons)
        grown = int(client.info("memory")["used_memory"]) - before  # type: ignore[index]
        families: Counter[str] = Counter()
        for key in client.scan_iter(count=1000):
            families[key.decode().split(":")[1]] += int(client.memory_usage(key) or 0)  # type: ignore[arg-type]
        store.close()
        client.close()
    by_family = {name: short(size / persons) for name, size in families.most_common(5)}
    return [
        Row(what="Redis: a person", unit="bytes", value=short(families.total() / persons),
            more={**by_family, "server grown by": short(grown / persons)},
            note=f"{persons:,} persons, {TEMPLATES} templates each; a history of {TEMPLATES} steps each"),
    ]  # fmt: skip
