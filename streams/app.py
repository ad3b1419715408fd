"""The Faust app: one agent over commands.

Faust gives membership, assignment and commands; whoever has a partition of the commands reads that of the
detections (`streams.feed`). It is not the truth: the agent acknowledges an input as soon as its partition's
lane has it, Faust's committed offsets are a hint, and what Faust leaves out or brings twice is made good
from the log (`streams.partition`).
"""

import asyncio
from pathlib import Path
from typing import Any, Final

import faust

from reid.contracts.topics import COMMANDS, WORKER_APP_ID
from reid.runtime.kafka_access import access_of
from streams.lanes import Lanes
from streams.ports import Input

#: Seconds. A killed worker's partitions move on after the session time-out.
_SESSION_TIMEOUT_S: Final = 6
_HEARTBEAT_S: Final = 1
#: Seconds that a revocation waits for transactions at hand; the next writer fences what is left.
REVOKE_TIMEOUT_S: Final = 1.5


def create_app(bootstrap: str, member: str, datadir: Path, lanes: Lanes) -> Any:
    """An app, not started. ``bootstrap``: ``host:port[,host:port…]``; ``member``: its name in the group, by
    which it keeps its partitions. Topics are not declared here."""
    app = faust.App(
        WORKER_APP_ID,
        broker=[f"aiokafka://{address.strip()}" for address in bootstrap.split(",")],
        broker_credentials=_credentials(bootstrap),
        datadir=str(datadir),
        store="memory://",
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        key_serializer="raw",
        value_serializer="raw",
        consumer_auto_offset_reset="earliest",
        # Static membership: a restart within the session time-out gets its partitions back at once.
        consumer_group_instance_id=member,
        broker_session_timeout=_SESSION_TIMEOUT_S,
        broker_heartbeat_interval=_HEARTBEAT_S,
        # The agent never holds an event, so there is nothing to wait for.
        stream_wait_empty=False,
        # Above 0 makes Faust use its co-partitioning assignor, as older workers of the group do: all members
        # must have one in common. There are no tables, so no standby exists.
        table_standby_replicas=1,
    )
    topic = app.topic(COMMANDS.name, key_type=bytes, value_type=bytes)

    async def identity(stream: Any) -> None:
        async for event in stream.events():
            lanes.offer(_input_of(event.message))

    async def on_assigned(_: Any, assigned: Any, **__: Any) -> None:
        lanes.assign(place.partition for place in assigned)

    async def on_revoked(_: Any, revoked: Any, **__: Any) -> None:
        await asyncio.to_thread(lanes.revoke, REVOKE_TIMEOUT_S)

    app.agent(topic, name="identity")(identity)
    # Faust holds signal receivers weakly: the app must keep them alive.
    app.saferoom_receivers = (on_assigned, on_revoked)
    app.on_partitions_assigned.connect(on_assigned)
    app.on_partitions_revoked.connect(on_revoked)
    return app


def _credentials(bootstrap: str) -> Any:
    """None where nothing is asked."""
    access = access_of(bootstrap)
    context = access.context() if access.tls else None
    if access.sasl:
        return faust.SASLCredentials(
            username=access.username,
            password=access.password,
            mechanism=access.mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context is not None else None


def _input_of(message: Any) -> Input:
    return Input(
        message.topic,
        message.partition,
        message.offset,
        round((message.timestamp or 0) * 1000),
        message.key,
        message.value,
        [(name, value) for name, value in message.headers or ()],
    )
