"""The alert log's part of ``saferoom verify``: fixed ends first, then one partition after another."""

import time
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from deploy import log
from deploy.verify.alerts import AlertsCheck, first_rules
from deploy.verify.findings import Check, Findings
from deploy.verify.inputs import Inputs
from deploy.verify.records import records
from reid.contracts.topics import ALERT_INPUTS, ALERTS, ALERTS_DECIDED_GROUP, COMMANDS, EVENTS
from reid.errors import Unavailable
from reid.runtime.settings import Settings

_POLL_S: Final = 0.25
_TIMEOUT_S: Final = 10.0
#: Behind the last record of a transaction stands its marker, which nobody decides.
_MARKER: Final = 1
Place = tuple[str, int]
Spans = dict[str, dict[int, tuple[int, int]]]


def verify_alerts(settings: Settings, wait_s: float, findings: Findings) -> int:
    """How many alert events were compared. ``wait_s``: seconds that the alert rules are given to decide
    what stands in their inputs now. Raises `Unavailable`, `ConfigError`."""
    bootstrap = settings.kafka()
    spans, decided = _ends(bootstrap, wait_s, findings)
    if not decided:
        return 0
    compared, skew = 0, round(settings.max_clock_skew * 1000)
    for partition, (low, high) in sorted(spans[ALERTS.name].items()):
        upto = {topic.name: decided.get((topic.name, partition), 0) for topic in ALERT_INPUTS}
        inputs = {
            topic: Inputs(records(bootstrap, topic, partition, begin, min(upto[topic], end)), begin)
            for topic in upto
            for begin, end in [spans[topic][partition]]
        }
        check = AlertsCheck(
            partition,
            len(spans[ALERTS.name]),
            inputs[EVENTS.name],
            inputs[COMMANDS.name],
            upto,
            first_rules(records(bootstrap, ALERTS.name, partition, low, high)),
            findings,
            skew,
        )
        check.run(records(bootstrap, ALERTS.name, partition, low, high))
        compared += check.alerts
        if check.earlier:
            findings.notes.append(
                f"partition {partition}: {check.earlier} inputs' alerts were told by an earlier form of the "
                "alert rules: they are believed, and folded; what came after is decided anew"
            )
        _judge_later(bootstrap, check, findings)
    return compared


def _ends(bootstrap: str, wait_s: float, findings: Findings) -> tuple[Spans, dict[Place, int]]:
    """Ends of the inputs, how far they are decided, then the end of the alert log: whatever was decided by
    then is below it. Nothing decided: the alert rules never ran."""
    consumer = log.log_reader(bootstrap, **{"group.id": ALERTS_DECIDED_GROUP})
    try:
        spans: Spans = {topic.name: log.spans(consumer, topic.name) for topic in ALERT_INPUTS}
        deadline = time.monotonic() + wait_s
        while True:
            decided = _decided(consumer, spans)
            late = sum(
                max(high - _MARKER - max(decided.get((topic, p), 0), low), 0)
                for topic, found in spans.items()
                for p, (low, high) in found.items()
            )
            if not decided or not late or time.monotonic() > deadline:
                break
            time.sleep(_POLL_S)
        spans[ALERTS.name] = log.spans(consumer, ALERTS.name)
    finally:
        consumer.close()
    if decided and late:
        findings.notes.append(
            f"alerts: up to {late} inputs are not decided yet (`saferoom alerts`): not looked at"
        )
    elif not decided and any(low < high for low, high in spans[ALERTS.name].values()):
        findings.differ(Check.ALERTS, f"{ALERTS.name} holds alerts, but no offset says that any were decided")
    return spans, decided


def _decided(consumer: Consumer, spans: Spans) -> dict[Place, int]:
    """Next offset to decide of each input, where the agent committed one."""
    places = [TopicPartition(topic, p) for topic, found in spans.items() for p in found]
    try:
        found = consumer.committed(places, timeout=_TIMEOUT_S)
    except KafkaException as error:
        raise Unavailable(
            f"Kafka does not tell the offsets of the alert rules: {error.args[0].str()}"
        ) from error
    return {(place.topic, place.partition): place.offset for place in found if place.offset >= 0}


def _judge_later(bootstrap: str, check: AlertsCheck, findings: Findings) -> None:
    """Alerts of inputs past the fixed end: right when these inputs were decided meanwhile, else foreign."""
    if not check.later:
        return
    consumer = log.log_reader(bootstrap, **{"group.id": ALERTS_DECIDED_GROUP})
    try:
        cause = check.later[-1].causation
        decided = _decided(consumer, {topic.name: {cause.partition: (0, 0)} for topic in ALERT_INPUTS})
    finally:
        consumer.close()
    for group in check.later:
        topic, partition, offset = group.causation
        if offset >= decided.get((topic, partition), 0):
            findings.differ(
                Check.ALERTS,
                f"{group.records[0].place} was caused by {group.causation}, which nobody decided",
            )
