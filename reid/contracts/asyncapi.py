"""``docs/asyncapi.yaml``: the topics, their messages and headers, as AsyncAPI 3.0."""

from typing import Any, Final

from reid.contracts.codec import ALERT_TYPES, COMMAND_TYPES, EVENT_TYPES
from reid.contracts.detections import SCHEMA as DETECTIONS_TYPE
from reid.contracts.schemas import MESSAGE_TYPES, urn
from reid.contracts.topics import (
    ALERTS,
    ALL_TOPICS,
    AUDIT,
    CAMERAS,
    COMMANDS,
    DETECTIONS,
    EVENTS,
    PICTURES,
    UNDELIVERED,
    Topic,
)
from reid.contracts.zones import SCHEMA as REPORT_TYPE

Part = dict[str, Any]
VERSION: Final = "3.0.0"
#: Version of the Kafka bindings, which AsyncAPI counts apart from itself.
BINDING: Final = "0.5.0"
STATUS_TYPE: Final = "reid.camera.status.v1"
AUDIT_TYPE: Final = "reid.audit.search.v1"

#: Topic -> what it is for, whether SafeRoom receives it from others or sends, its messages.
_SAID: Final[dict[str, tuple[str, str, tuple[str, ...]]]] = {
    DETECTIONS.name: (
        "Frames with tracked people, from our cameras or any other detector; and what zones tell their site.",
        "receive",
        (DETECTIONS_TYPE, REPORT_TYPE),
    ),
    COMMANDS.name: ("What people and schedules ask of the identity agent.", "receive", COMMAND_TYPES),
    EVENTS.name: ("What happened: the truth, kept for ever. CloudEvents 1.0.", "send", EVENT_TYPES),
    ALERTS.name: ("What the alert rules found. CloudEvents 1.0.", "send", ALERT_TYPES),
    UNDELIVERED.name: ("Alerts that a receiver did not take.", "send", ("dead-letter",)),
    PICTURES.name: ("What each camera sees, for people to look at.", "send", ("reid.picture.v1",)),
    AUDIT.name: ("Who searched for whom, and what for: kept for ever.", "send", (AUDIT_TYPE,)),
    CAMERAS.name: ("The newest report of each camera.", "send", (STATUS_TYPE,)),
}
_SITE_KEY: Final = "The site id, hashed by murmur2: all of a site stands in one partition."
_CAMERA_KEY: Final = "site/camera"

EVENT_HEADERS: Final = {
    "ce_specversion": "CloudEvents version.",
    "ce_id": "UUIDv5 of causation, type and ordinal: the same input can never make two different events.",
    "ce_type": "The event's type, with its version.",
    "ce_source": "/saferoom/ and the site id.",
    "ce_subject": "Id of the alert or person that the event is about, else the site id.",
    "ce_time": "RFC 3339, from the input that caused the event.",
    "ce_dataschema": "`$id` of the JSON Schema of the value.",
    "ce_causation": "Our extension: topic/partition/offset of the input that caused the event.",
    "ce_decided": "Our extension: topic=offset, the other input topics' next offset to decide at that time.",
    "content-type": "application/json",
}
#: Not of every event, or not of every letter.
_OPTIONAL: Final = frozenset({"ce_decided", "dlq_timestamp"})
LETTER_HEADERS: Final = {
    "dlq_reason": "One word for the kind of fault.",
    "dlq_error": "What is wrong, for people.",
    "dlq_topic": "Topic that the record stood in.",
    "dlq_partition": "Its partition there.",
    "dlq_offset": "Its offset there.",
    "dlq_timestamp": "Its timestamp there, milliseconds since the epoch; of inputs.",
}


def document(version: str, partitions: int, replicas: int) -> Part:
    """``version`` of the product; ``partitions`` of the topics that a site's key decides the place in."""
    return {
        "asyncapi": VERSION,
        "info": {
            "title": "SafeRoom person re-identification",
            "version": version,
            "description": "What SafeRoom receives from others, and what it sends.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic, partitions, replicas) for topic in ALL_TOPICS},
        "operations": {
            f"{action}.{topic.name}": {
                "action": action,
                "channel": {"$ref": f"#/channels/{topic.name}"},
                "summary": said,
            }
            for topic in ALL_TOPICS
            for said, action, _ in [_said(topic)]
        },
        "components": {
            "messages": {**{name: _message(name) for name in MESSAGE_TYPES}, "dead-letter": _LETTER},
            "schemas": {
                "EventHeaders": _headers(EVENT_HEADERS),
                "DeadLetterHeaders": _headers(LETTER_HEADERS),
            },
        },
    }


def _said(topic: Topic) -> tuple[str, str, tuple[str, ...]]:
    if topic.name in _SAID:
        return _SAID[topic.name]
    source = topic.name.removesuffix(".dlq")
    if source != topic.name:
        return f"Records of {source} that can never be decided on or shown.", "send", ("dead-letter",)
    return "Internal: no contract, readers other than SafeRoom's own must leave it alone.", "send", ()


def _channel(topic: Topic, partitions: int, replicas: int) -> Part:
    said, _, messages = _said(topic)
    policies = topic.cleanup_policy.split(",")
    kept: Part = {"cleanup.policy": policies}
    if policies == ["delete"] or topic.retention_ms >= 0:
        kept["retention.ms"] = topic.retention_ms
    return {
        "address": topic.name,
        "description": said,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": partitions if topic.partitioned else 1,
                "replicas": replicas,
                "topicConfiguration": kept,
                "bindingVersion": BINDING,
            }
        },
    }


def _message(name: str) -> Part:
    kind = MESSAGE_TYPES[name]
    summary = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
    key = _CAMERA_KEY if name == STATUS_TYPE else _SITE_KEY
    message: Part = {
        "name": name,
        "title": kind.__name__,
        "summary": summary,
        "contentType": "application/json",
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./schemas/{name}.json"},
        },
        "bindings": {"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": BINDING}},
    }
    if name in EVENT_TYPES or name in ALERT_TYPES:
        message["headers"] = {"$ref": "#/components/schemas/EventHeaders"}
        message["description"] = f"`ce_dataschema`: {urn(name)}"
    return message


_LETTER: Final[Part] = {
    "name": "dead-letter",
    "title": "Dead letter",
    "summary": "A record's original bytes and headers, with headers that say why and where it stood.",
    "contentType": "application/octet-stream",
    "headers": {"$ref": "#/components/schemas/DeadLetterHeaders"},
    "bindings": {
        "kafka": {
            "key": {"type": "string", "description": "The record's own key."},
            "bindingVersion": BINDING,
        }
    },
}


def _headers(described: dict[str, str]) -> Part:
    return {
        "type": "object",
        "required": [name for name in described if name not in _OPTIONAL],
        "properties": {name: {"type": "string", "description": text} for name, text in described.items()},
    }
