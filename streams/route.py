"""Between which topics a writer of this package works, and under which names Kafka knows it."""

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from reid.contracts.topics import (
    ALERT_INPUTS,
    ALERT_SNAPSHOTS,
    ALERTS,
    ALERTS_DECIDED_GROUP,
    DECIDED_GROUP,
    EVENTS,
    INPUT_TOPICS,
    SNAPSHOTS,
    Topic,
    alerts_transactional_id,
    transactional_id,
)


class Route(NamedTuple):
    """``group``: member-less, holds the offsets of decided inputs. ``isolation``: how inputs are read, the
    same way live and from the log."""

    inputs: tuple[Topic, ...]
    output: Topic
    snapshots: Topic
    group: str
    transactional_id: Callable[[int], str]
    isolation: Literal["read_committed", "read_uncommitted"]


#: Uncommitted, as Faust reads: both ways must bring the same inputs.
IDENTITY: Final = Route(INPUT_TOPICS, EVENTS, SNAPSHOTS, DECIDED_GROUP, transactional_id, "read_uncommitted")
#: An event of a transaction that was given up never happened.
ALERTING: Final = Route(
    ALERT_INPUTS, ALERTS, ALERT_SNAPSHOTS, ALERTS_DECIDED_GROUP, alerts_transactional_id, "read_committed"
)
