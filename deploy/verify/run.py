"""``saferoom verify``: fixed ends first, then one partition after another, then the views.

Ends are taken in the order inputs, decided offsets, log: whatever was decided by then is in the log below
its end, so a system at work is verified as well as one at rest.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from deploy import log
from deploy.verify import views
from deploy.verify.alert_log import verify_alerts
from deploy.verify.decisions import PartitionCheck
from deploy.verify.findings import Check, Findings
from deploy.verify.inputs import Inputs
from deploy.verify.letters import Letters
from deploy.verify.post import PostCheck
from deploy.verify.records import Record, records
from projections.redis_store import RedisViewStore
from reid.contracts.topics import (
    COMMANDS_DLQ,
    DECIDED_GROUP,
    DETECTIONS_DLQ,
    EVENTS,
    EVENTS_DLQ,
    INPUT_TOPICS,
    ZONES_GROUP,
)
from reid.errors import Unavailable
from reid.runtime.settings import Settings

_POLL_S: Final = 0.25
#: Offsets at the end of an input partition that may all be markers of transactions.
_MARKERS: Final = 100
_TIMEOUT_S: Final = 10.0
Place = tuple[str, int]


@dataclass(slots=True)
class Plan:
    """What to verify. ``spans``: (first offset, offset after the last) of each partition of each topic."""

    spans: dict[str, dict[int, tuple[int, int]]]
    decided: dict[Place, int]
    partitions: list[int] = field(default_factory=list)

    def low(self, place: Place) -> int:
        return self.spans[place[0]][place[1]][0]

    def upto(self, place: Place) -> int:
        return min(self.decided.get(place, 0), self.spans[place[0]][place[1]][1])


@dataclass(slots=True)
class Totals:
    """Sums over the partitions."""

    frames: int = 0
    inputs: int = 0
    events: int = 0
    alerts: int = 0
    seconds: float = 0.0
    per_partition: dict[int, dict[str, Any]] = field(default_factory=dict)


def verify(settings: Settings, wait_s: float, with_views: bool = True) -> tuple[Findings, Totals]:
    """``wait_s``: seconds that the agent is given to decide what stands in the inputs now.

    Raises `Unavailable`, `ConfigError`.
    """
    begun, findings, totals = time.monotonic(), Findings(), Totals()
    bootstrap = settings.kafka()
    plan = _plan(bootstrap, wait_s, findings)
    letters = _letters(bootstrap, findings)
    zones = [
        _verify_partition(settings, partition, plan, letters, findings, totals)
        for partition in plan.partitions
    ]
    if any(zones):
        _verify_post(bootstrap, plan.partitions, findings)
    places = [(topic.name, partition) for topic in INPUT_TOPICS for partition in plan.partitions]
    letters.finish({p: plan.low(p) for p in places}, {p: plan.upto(p) for p in places})
    totals.alerts = verify_alerts(settings, wait_s, findings)
    if with_views:
        _verify_views(settings, bootstrap, findings)
    totals.seconds = time.monotonic() - begun
    return findings, totals


def decided_offsets(consumer: Consumer, partitions: list[int]) -> dict[Place, int]:
    """Next offset to decide of each input partition, as the transactions of the log left it."""
    places = [TopicPartition(topic.name, p) for topic in INPUT_TOPICS for p in partitions]
    try:
        found = consumer.committed(places, timeout=_TIMEOUT_S)
    except KafkaException as error:
        raise Unavailable(f"Kafka does not tell the decided offsets: {error.args[0].str()}") from error
    return {(place.topic, place.partition): max(place.offset, 0) for place in found}


def _plan(bootstrap: str, wait_s: float, findings: Findings) -> Plan:
    consumer = log.log_reader(bootstrap, **{"group.id": DECIDED_GROUP})
    try:
        spans = {topic.name: log.spans(consumer, topic.name) for topic in INPUT_TOPICS}
        partitions = sorted(log.spans(consumer, EVENTS.name))
        deadline = time.monotonic() + wait_s
        while True:
            decided = decided_offsets(consumer, partitions)
            late = sum(
                _inputs_between(bootstrap, name, p, max(decided[name, p], low), high)
                for name, found in spans.items()
                for p, (low, high) in found.items()
            )
            if not late or time.monotonic() > deadline:
                break
            time.sleep(_POLL_S)
        spans[EVENTS.name] = log.spans(consumer, EVENTS.name)
    finally:
        consumer.close()
    if late:
        findings.unchecked.append(
            f"{late} inputs are not decided yet: start a worker (`saferoom worker`), or wait longer (--wait)"
        )
    return Plan(spans, decided, partitions)


def _inputs_between(bootstrap: str, topic: str, partition: int, low: int, high: int) -> int:
    """From offset ``low``, below ``high``. Where there are few they are looked at: what a transaction left at
    the end, such as that of `saferoom dlq replay`, is no input, and on a silent site none comes after it."""
    if high - low > _MARKERS:
        return high - low
    return sum(1 for _ in records(bootstrap, topic, partition, low, high, committed=False))


def _letters(bootstrap: str, findings: Findings) -> Letters:
    consumer, topics = log.log_reader(bootstrap), (DETECTIONS_DLQ.name, COMMANDS_DLQ.name)
    try:
        complete = all(low == 0 for topic in topics for low, _ in log.spans(consumer, topic).values())
    finally:
        consumer.close()
    if not complete:
        findings.notes.append("dead letters were deleted by retention: missing ones are not told")
    return Letters(chain.from_iterable(_all_of(bootstrap, topic) for topic in topics), findings, complete)


def _all_of(bootstrap: str, topic: str) -> Iterator[Record]:
    consumer = log.log_reader(bootstrap)
    try:
        spans = log.spans(consumer, topic)
    finally:
        consumer.close()
    for partition, (low, high) in spans.items():
        yield from records(bootstrap, topic, partition, low, high)


def _verify_partition(
    settings: Settings, partition: int, plan: Plan, letters: Letters, findings: Findings, totals: Totals
) -> bool:
    """Whether there are zones in it."""
    bootstrap, inputs, upto = settings.kafka(), {}, {}
    for topic in (t.name for t in INPUT_TOPICS):
        low, upto[topic] = plan.low((topic, partition)), plan.upto((topic, partition))
        inputs[topic] = Inputs(records(bootstrap, topic, partition, low, upto[topic], committed=False), low)
    skew = round(settings.max_clock_skew * 1000)
    check = PartitionCheck(partition, len(plan.partitions), inputs, upto, letters, findings, skew)
    low, high = plan.spans[EVENTS.name][partition]
    check.run(records(bootstrap, EVENTS.name, partition, low, high))
    _judge_later(bootstrap, check, partition, findings)
    _note(check, partition, {t: i.low for t, i in inputs.items() if i.low}, findings)
    totals.frames += check.frames
    totals.inputs += check.records
    totals.events += check.events
    totals.per_partition[partition] = {
        "inputs": check.records,
        "frames": check.frames,
        "events": check.events,
        "decided": upto,
        "log_end": high,
    }
    return check.zones


def _verify_post(bootstrap: str, partitions: list[int], findings: Findings) -> None:
    """What is delivered is asked first, then where inputs end, then the logs: each holds what came before."""
    consumer = log.log_reader(bootstrap, **{"group.id": ZONES_GROUP})
    try:
        places = [TopicPartition(EVENTS.name, partition) for partition in partitions]
        delivered = {p.partition: p.offset for p in consumer.committed(places, timeout=_TIMEOUT_S)}
        inputs = {topic.name: log.spans(consumer, topic.name) for topic in INPUT_TOPICS}
        complete = all(low == 0 for spans in inputs.values() for low, _ in spans.values())
        check = PostCheck(findings, complete)
        for topic, spans in inputs.items():
            for partition, (low, high) in spans.items():
                check.inputs(records(bootstrap, topic, partition, low, high, committed=False))
        for partition, (low, high) in log.spans(consumer, EVENTS.name).items():
            check.log(records(bootstrap, EVENTS.name, partition, low, high), delivered[partition])
    except KafkaException as error:
        raise Unavailable(f"Kafka does not tell what the post delivered: {error.args[0].str()}") from error
    finally:
        consumer.close()
    check.finish()


def _judge_later(bootstrap: str, check: PartitionCheck, partition: int, findings: Findings) -> None:
    """Events of inputs past the fixed end: right when these inputs were decided meanwhile, else foreign."""
    if not check.later:
        return
    consumer = log.log_reader(bootstrap, **{"group.id": DECIDED_GROUP})
    try:
        decided = decided_offsets(consumer, [partition])
    finally:
        consumer.close()
    for group in check.later:
        topic, _, offset = group.causation
        if offset >= decided.get((topic, partition), 0):
            findings.differ(
                Check.CAUSATION,
                f"{group.records[0].place} was caused by {group.causation}, which nobody decided",
            )


def _note(check: PartitionCheck, partition: int, low: dict[str, int], findings: Findings) -> None:
    if low:
        text = ", ".join(f"{topic} begins at {offset}" for topic, offset in low.items())
        findings.notes.append(
            f"partition {partition}: {text} (retention): the state there is the fold of the log, "
            f"{check.taken_over - check.earlier} inputs' events are believed"
        )
    if check.earlier:
        findings.notes.append(
            f"partition {partition}: {check.earlier} inputs were decided by an earlier form of the rule: "
            "their events are believed, and folded; what came after is decided anew"
        )
    if check.unordered:
        findings.notes.append(
            f"partition {partition}: {check.unordered} inputs' events do not say how far the other topic was "
            "decided (ce_decided): inputs without events were taken just before the next of their own topic"
        )
    if check.clocks_off:
        findings.notes.append(
            f"partition {partition}: {check.clocks_off} inputs were decided whose clock is further off "
            "than SAFEROOM_MAX_CLOCK_SKEW allows now"
        )
    if check.given_up:
        findings.notes.append(
            f"partition {partition}: {check.given_up} inputs are dead letters because deciding them failed"
        )


def _verify_views(settings: Settings, bootstrap: str, findings: Findings) -> None:
    store = RedisViewStore(settings.redis())
    try:
        try:
            positions, found = views.still(store)
        except Unavailable as error:
            findings.unchecked.append(f"views: {error}")
            return
        for letter in _all_of(bootstrap, EVENTS_DLQ.name):
            findings.differ(Check.VIEWS, f"{letter.place}: an event that the projector could not apply")
        logs = {p: records(bootstrap, EVENTS.name, p, 0, end) for p, end in sorted(positions.items())}
        expected = views.fold(logs, settings.ttl_days, settings.history_entries, found, findings)
        now = round(time.time() * 1000)
        views.compare(expected, found, store.value, settings.ttl_days, now, findings)
    finally:
        store.close()
