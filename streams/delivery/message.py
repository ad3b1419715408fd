"""An alert event as receivers get it: the same JSON by webhook and by MQTT."""

from typing import Any, Final, NamedTuple

import msgspec

from reid.contracts.alerts import AlertAcknowledged, AlertClosed, AlertOpened, AlertUpdated, AnyAlert
from reid.contracts.cloudevents import rfc3339
from reid.contracts.codec import type_name
from reid.runtime.alerts.receivers import Receiver

_SEVERITIES: Final = ("info", "warning", "critical")
Tellable = AlertOpened | AlertUpdated | AlertClosed | AlertAcknowledged


class Outgoing(NamedTuple):
    """``id``: the same in every attempt, and of no other alert event: ``ce_id``."""

    id: str
    event: Tellable
    body: bytes


def outgoing(id_: str, event: AnyAlert) -> Outgoing | None:
    """None for what no receiver is told: refusals, adopted rules, who somebody turned out to be."""
    if not isinstance(event, Tellable):
        return None
    data: dict[str, Any] = msgspec.to_builtins(event)
    data.pop("type")
    body = {"id": id_, "type": type_name(event), "timestamp": rfc3339(event.at), "data": data}
    return Outgoing(id_, event, msgspec.json.encode(body))


def wanted(receiver: Receiver, message: Outgoing) -> bool:
    """Whether this receiver is told of it."""
    event = message.event
    return (
        type_name(event) in receiver.events
        and (not receiver.rules or event.rule in receiver.rules)
        and _SEVERITIES.index(event.severity) >= _SEVERITIES.index(receiver.severity)
    )
