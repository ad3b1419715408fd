"""How far decisions and views are behind what came in, for `saferoom doctor`: servers that are well say
nothing of a worker or a projector that does not run."""

from contextlib import closing
from typing import Final

from deploy import log
from deploy.verify.run import decided_offsets
from projections.redis_store import RedisViewStore
from projections.status import lags
from reid.contracts.topics import DECIDED_GROUP, EVENTS, INPUT_TOPICS
from reid.errors import ReidError
from reid.runtime.admin import admin_client
from reid.runtime.doctor import Check, refused
from reid.runtime.settings import Settings

_DECISIONS: Final = "Decisions"
_VIEWS: Final = "Views"


def check_progress(settings: Settings, topics: Check, redis: Check) -> list[Check]:
    """``topics``, ``redis``: what was found of them."""
    return [_decisions(settings, topics), _views(settings, topics, redis)]


def _decisions(settings: Settings, topics: Check) -> Check:
    if not topics.ok:
        return Check(_DECISIONS, False, "not checked: see Topics", "put the topics right first")
    try:
        waiting = _undecided(settings)
    except ReidError as error:
        return refused(_DECISIONS, error)
    if waiting > settings.ready_lag:
        return Check(_DECISIONS, False, f"{waiting} inputs wait", "is `saferoom worker` running? See its log")
    return Check(_DECISIONS, True, f"{waiting or 'no'} inputs wait")


def _undecided(settings: Settings) -> int:
    with closing(log.log_reader(settings.kafka(), **{"group.id": DECIDED_GROUP})) as consumer:
        decided = decided_offsets(consumer, sorted(log.spans(consumer, EVENTS.name)))
        return sum(
            max(high - max(decided[topic.name, partition], low), 0)
            for topic in INPUT_TOPICS
            for partition, (low, high) in log.spans(consumer, topic.name).items()
        )


def _views(settings: Settings, topics: Check, redis: Check) -> Check:
    if not (topics.ok and redis.ok):
        return Check(_VIEWS, False, "not checked: see Topics and Redis", "put those right first")
    try:
        with closing(RedisViewStore(settings.redis())) as store:
            found = lags(admin_client(settings.kafka()), store)
    except ReidError as error:
        return refused(_VIEWS, error)
    for lag in found:
        if lag.lag < 0:
            return Check(
                _VIEWS,
                False,
                f"{lag.view} stands at {lag.topic}/{lag.partition}/{lag.position}, but that log ends at "
                f"{lag.end}: this Redis belongs to another log",
                "point REDIS_URL at an empty database, or empty this one (FLUSHDB): views are filled again",
            )
    last = max(found, key=lambda lag: lag.lag)
    detail = f"{last.view} {last.lag} records behind {last.topic}/{last.partition}"
    if last.lag > settings.ready_lag:
        return Check(_VIEWS, False, detail, "is `saferoom projector` running? See its log")
    return Check(_VIEWS, True, detail if last.lag else "at the ends of their logs")
