"""An event as one flat row for analysts: what most questions are about as columns, the whole beside it.

Rows are made from the JSON, not from our types: events of a newer version are exported too.
"""

from typing import Any, Final

import msgspec
from confluent_kafka import Message

from deploy import log

#: Column -> what it holds. Kept in this order in every format.
COLUMNS: Final = {
    "partition": "int32",
    "offset": "int64",
    "ce_id": "string",
    "type": "string",
    "site_id": "string",
    "at": "timestamp",
    "person_id": "string",
    "other_person_id": "string",
    "label": "string",
    "camera_id": "string",
    "session": "string",
    "tracker": "string",
    "reason": "string",
    "outcome": "string",
    "decision_reason": "string",
    "score": "float64",
    "runner_up": "string",
    "runner_up_score": "float64",
    "threshold": "float64",
    "margin": "float64",
    "model": "string",
    "policy": "string",
    "command_id": "string",
    "asked_by": "string",
    "causation": "string",
    "data": "json",
}
Row = dict[str, Any]


def row_of(message: Message, *, templates: bool) -> Row:
    """``at``: milliseconds since the epoch. ``data``: the value as read, None when it is no JSON object;
    without ``templates``, appearances are left out of it."""
    headers = log.headers_of(message)
    try:
        data = msgspec.json.decode(message.value() or b"")
    except (msgspec.DecodeError, RecursionError):
        data = None
    row: Row = dict.fromkeys(COLUMNS)
    row |= {
        "partition": message.partition(),
        "offset": message.offset(),
        "ce_id": headers.get("ce_id"),
        "type": headers.get("ce_type"),
        "causation": headers.get("ce_causation"),
    }
    return row | _told(data, templates) if isinstance(data, dict) else row


def _told(data: dict[str, Any], templates: bool) -> Row:
    person, other = _part(data, "person"), _part(data, "other")
    track, decision = _part(data, "track"), _part(data, "decision")
    score = data.get("score")
    return {
        "type": data.get("type"),
        "site_id": data.get("site_id"),
        "at": data.get("at"),
        "person_id": data.get("person_id") or data.get("survivor_id") or person.get("person_id"),
        "other_person_id": data.get("absorbed_id") or other.get("person_id"),
        "label": data.get("label") or person.get("label"),
        "camera_id": track.get("camera_id") or data.get("camera_id"),
        "session": track.get("session"),
        "tracker": track.get("tracker_id"),
        "reason": data.get("reason") or data.get("code") or data.get("kind"),
        "outcome": decision.get("outcome"),
        "decision_reason": decision.get("reason"),
        "score": decision.get("score") if score is None else score,
        "runner_up": decision.get("runner_up"),
        "runner_up_score": decision.get("runner_up_score"),
        "threshold": decision.get("threshold"),
        "margin": decision.get("margin"),
        "model": decision.get("model") or data.get("model"),
        "policy": decision.get("policy") or data.get("version"),
        "command_id": data.get("command_id"),
        "asked_by": data.get("asked_by") or None,
        "data": data if templates else without_templates(data),
    }


def without_templates(part: Any) -> Any:
    """``part`` without the vectors in it: what a person looks like leaves this system only when asked for."""
    if isinstance(part, list):
        return [without_templates(item) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        key: without_templates(value)
        for key, value in part.items()
        if key != "vector" and not (key == "template" and isinstance(value, str))
    }


def _part(data: dict[str, Any], name: str) -> dict[str, Any]:
    found = data.get(name)
    return found if isinstance(found, dict) else {}
