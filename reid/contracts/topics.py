"""Every topic, Kafka key, Redis key and retention time, in this one file.

Kafka keys are the site id, hashed by murmur2 on every producer, so that a site's detections,
commands and events share one partition number and one writer.
"""

from dataclasses import dataclass, field
from typing import Final

DAY_MS: Final = 24 * 3600 * 1000
FOREVER: Final = -1
#: Of a record, as producers bound it before compression and topics after it.
MAX_MESSAGE_BYTES: Final = 8 * 1024 * 1024
#: Of a dead letter: the largest record with the headers that say what is wrong with it.
MAX_LETTER_BYTES: Final = MAX_MESSAGE_BYTES + 1024 * 1024
_LETTERS: Final = {"max.message.bytes": str(MAX_LETTER_BYTES)}
DEFAULT_SITE: Final = "global"


@dataclass(frozen=True, slots=True)
class Topic:
    """A Kafka topic as our own admin code declares it.

    ``retention_ms``: milliseconds, or ``FOREVER``. ``partitioned``: has the identity partition count
    (all such topics must agree in it); otherwise one partition.
    """

    name: str
    retention_ms: int = FOREVER
    cleanup_policy: str = "delete"
    partitioned: bool = True
    config: dict[str, str] = field(default_factory=dict)

    @property
    def dead_letters(self) -> str:
        """Name of the topic that takes this topic's undecidable messages."""
        return f"{self.name}.dlq"


DETECTIONS: Final = Topic("reid.detections.v1", retention_ms=7 * DAY_MS)
COMMANDS: Final = Topic("reid.commands.v1")
EVENTS: Final = Topic("reid.events.v1")
#: Snapshots of the identity agent's state, internal. Small segments: only closed ones are compacted, and
#: recovery should not have to read past many old snapshots.
SNAPSHOTS: Final = Topic(
    "reid.snapshots.v1",
    cleanup_policy="compact",
    config={"segment.bytes": str(32 * 1024 * 1024), "min.cleanable.dirty.ratio": "0.1"},
)
#: Which dead letters were sent again: key = place of the letter's original. Internal.
REPLAYS: Final = Topic("reid.replays.v1", cleanup_policy="compact", partitioned=False)
#: What the alert rules found, key = site id: each alert's opening, updates, acknowledgement and end.
ALERTS: Final = Topic("reid.alerts.v1")
#: Snapshots of the alert agent's state, internal.
ALERT_SNAPSHOTS: Final = Topic("reid.alert-snapshots.v1", cleanup_policy="compact", config=SNAPSHOTS.config)
#: Alerts that a webhook or MQTT broker did not take, however often it was tried.
UNDELIVERED: Final = Topic(
    "reid.alerts.undelivered.v1", retention_ms=30 * DAY_MS, partitioned=False, config=_LETTERS
)
#: Who searched for whom. No reader needs it in order with anything else.
AUDIT: Final = Topic("reid.audit.v1", partitioned=False)
CAMERAS: Final = Topic("reid.cameras.v1", cleanup_policy="compact", partitioned=False)
#: Live pictures, worth something for seconds. Small segments, because only closed ones are deleted.
PICTURES: Final = Topic(
    "reid.pictures.v1",
    retention_ms=60_000,
    partitioned=False,
    config={
        "segment.ms": "60000",
        "segment.bytes": str(16 * 1024 * 1024),
        "retention.bytes": str(64 * 1024 * 1024),
        "file.delete.delay.ms": "1000",
    },
)
DETECTIONS_DLQ: Final = Topic(
    DETECTIONS.dead_letters, retention_ms=30 * DAY_MS, partitioned=False, config=_LETTERS
)
COMMANDS_DLQ: Final = Topic(
    COMMANDS.dead_letters, retention_ms=30 * DAY_MS, partitioned=False, config=_LETTERS
)
EVENTS_DLQ: Final = Topic(EVENTS.dead_letters, retention_ms=30 * DAY_MS, partitioned=False, config=_LETTERS)

ALL_TOPICS: Final = (
    DETECTIONS,
    COMMANDS,
    EVENTS,
    SNAPSHOTS,
    CAMERAS,
    PICTURES,
    DETECTIONS_DLQ,
    COMMANDS_DLQ,
    EVENTS_DLQ,
    REPLAYS,
    ALERTS,
    ALERT_SNAPSHOTS,
    UNDELIVERED,
    AUDIT,
)
INPUT_TOPICS: Final = (DETECTIONS, COMMANDS)
ALERT_INPUTS: Final = (EVENTS, COMMANDS)

#: Consumer group without members: the writer commits the offsets of decided inputs to it inside the
#: transaction that holds their events.
DECIDED_GROUP: Final = "saferoom-identity-decided"
#: Group and application id of the Faust worker; its committed offsets are a hint only.
WORKER_APP_ID: Final = "saferoom-identity"
#: As `DECIDED_GROUP`, of the alert agent.
ALERTS_DECIDED_GROUP: Final = "saferoom-alerts-decided"
#: The post between a site and its zones: its offsets tell what was delivered.
ZONES_GROUP: Final = "saferoom-zones"
#: Membership of the alert agents: who decides which partitions. Its offsets are not used.
ALERTS_GROUP: Final = "saferoom-alerts"


def transactional_id(partition: int) -> str:
    """``transactional.id`` of the one writer of an events partition; a newer writer fences the older."""
    return f"saferoom-identity-{partition}"


def alerts_transactional_id(partition: int) -> str:
    """``transactional.id`` of the one writer of an alerts partition."""
    return f"saferoom-alerts-{partition}"


def delivery_group(receiver: str) -> str:
    """Group whose offsets tell how far the alerts are delivered to one webhook or MQTT broker."""
    return f"saferoom-alerts-to-{receiver}"


# --- Redis. The prefix and the persons key are the old system's; an operator's scripts rely on them.
REDIS_PREFIX: Final = "saferoom"


def person_key(site_id: str, person_id: str) -> str:
    """JSON document `PersonView`."""
    return f"{REDIS_PREFIX}:persons:{site_id}:{person_id}"


def shown_person_key(site_id: str, person_id: str) -> str:
    """JSON `ShownPerson`."""
    return f"{REDIS_PREFIX}:shown:{site_id}:{person_id}"


def persons_index_key(site_id: str) -> str:
    """Sorted set of person ids, scored by the registration number."""
    return f"{REDIS_PREFIX}:index:{site_id}"


def person_tallies_key(site_id: str) -> str:
    """Hash person id -> JSON `PersonTally`. It outlives the document, whose key expires by the clock."""
    return f"{REDIS_PREFIX}:tallies:{site_id}"


def camera_persons_key(site_id: str, camera_id: str) -> str:
    """Set of the ids of persons ever seen by a camera."""
    return f"{REDIS_PREFIX}:by-camera:{site_id}:{camera_id}"


def site_cameras_key(site_id: str) -> str:
    """Set of camera ids at which at least one living person was seen."""
    return f"{REDIS_PREFIX}:person-cameras:{site_id}"


def camera_stats_key(site_id: str, camera_id: str) -> str:
    """Hash ``persons``, ``embeddings``, ``visits``: integer sums over the camera's persons."""
    return f"{REDIS_PREFIX}:stats:{site_id}:{camera_id}"


def live_labels_key(site_id: str, camera_id: str) -> str:
    """Hash ``{session}/{tracker_id}`` -> JSON `LiveTrack`: who is in front of a camera now."""
    return f"{REDIS_PREFIX}:live:{site_id}:{camera_id}"


def live_cameras_key(site_id: str) -> str:
    """Set of camera ids that have, or had, live tracks."""
    return f"{REDIS_PREFIX}:live-cameras:{site_id}"


def camera_status_key(site_id: str) -> str:
    """Hash ``camera_id`` -> JSON `CameraStatus`."""
    return f"{REDIS_PREFIX}:cameras:{site_id}"


def history_key(site_id: str, person_id: str) -> str:
    """List of JSON `HistoryEntry`, in the order of the log; the newest so many."""
    return f"{REDIS_PREFIX}:history:{site_id}:{person_id}"


def samples_key(site_id: str, camera_id: str) -> str:
    """Hash ``{session}/{tracker_id}`` -> JSON list of `HistoryEntry`: the samples of the camera's tracks
    that have no identity yet."""
    return f"{REDIS_PREFIX}:samples:{site_id}:{camera_id}"


def alerts_key(site_id: str) -> str:
    """Hash alert id -> JSON `AlertView`: the newest `ALERTS_KEPT` of the site."""
    return f"{REDIS_PREFIX}:alerts:{site_id}"


def alerts_channel(site_id: str) -> str:
    """Pub/sub channel of JSON `AlertView`, one message for each alert that changed."""
    return f"{REDIS_PREFIX}:alert-changes:{site_id}"


def journeys_key(site_id: str, person_id: str) -> str:
    """Hash start of a visit (ms) -> JSON `Visit`. It outlives the person's document as the tally does: what
    it adds to the sums must be known to be taken away."""
    return f"{REDIS_PREFIX}:journeys:{site_id}:{person_id}"


def visits_key(site_id: str) -> str:
    """Sorted set of ``{person_id}/{start}`` of every visit kept, scored by its start."""
    return f"{REDIS_PREFIX}:visits:{site_id}"


def rule_key(site_id: str) -> str:
    """Hash ``visit_gap``: of the policy in force, milliseconds."""
    return f"{REDIS_PREFIX}:rule:{site_id}"


def transitions_key(site_id: str) -> str:
    """Hash ``{from}/{to}/{bucket}`` -> how many went from camera to camera within that time
    (`reid.journeys.durations`)."""
    return f"{REDIS_PREFIX}:transitions:{site_id}"


def occupancy_key(site_id: str, hour: int) -> str:
    """Hash of sums of one hour (since the epoch), fields as in `reid.journeys.counts`."""
    return f"{REDIS_PREFIX}:occupancy:{site_id}:{hour}"


def reviews_key(site_id: str) -> str:
    """Hash item id -> JSON `ReviewItem`: doubtful decisions that nobody answered yet, the newest so many."""
    return f"{REDIS_PREFIX}:reviews:{site_id}"


def clocks_key(site_id: str) -> str:
    """Hash camera id -> JSON `reid.journeys.arrivals.Arrival`: how late its events come."""
    return f"{REDIS_PREFIX}:clocks:{site_id}"


def attribute_key(site_id: str, attribute: str, value: str) -> str:
    """Set of the ids of persons who look like that: ``upper``, ``red``."""
    return f"{REDIS_PREFIX}:by-attribute:{site_id}:{attribute}:{value}"


def crops_key(site_id: str) -> str:
    """Hash SHA-256 of a stored crop -> ids of the living persons whose crop it is, a space between two. What
    is not in it is nobody's: it is not shown, and its file is deleted."""
    return f"{REDIS_PREFIX}:crops:{site_id}"


def idempotent_command_id(key: str, request: str) -> str:
    """Id of a command that was asked for under an idempotency key: UUID of the key, dot, print of what was
    asked. The same key and request always make the same id, which the identity agent answers once."""
    return f"{key}.{request}"


def outcome_key(command_id: str) -> str:
    """JSON `CommandOutcome`; expires after ``OUTCOME_TTL_S``. One for each idempotency key, whatever was
    asked: that of the first request."""
    key, dot, request = command_id.partition(".")
    idempotent = dot and len(key) == _UUID_CHARS and request.isalnum()
    return f"{REDIS_PREFIX}:outcome:{key if idempotent else command_id}"


_UUID_CHARS: Final = 36


def position_key(view: str) -> str:
    """Hash partition -> next offset to apply; written in the same atomic call as the view."""
    return f"{REDIS_PREFIX}:position:{view}"


#: Hash view -> number of its form (`projections.views.View.form`); written in the same atomic call as the
#: view.
FORM_KEY: Final = f"{REDIS_PREFIX}:form"
#: Random text, another in each rebuild: tells a projector that the whole database was swapped under it.
GENERATION_KEY: Final = f"{REDIS_PREFIX}:generation"
#: Stands for seconds at most: a rebuild is about to swap, and live commits wait, so that no reader goes
#: back in time.
HOLD_KEY: Final = f"{REDIS_PREFIX}:hold"


def labels_channel(site_id: str) -> str:
    """Pub/sub channel of `LabelsChanged` JSON, one message for each camera whose labels changed."""
    return f"{REDIS_PREFIX}:labels:{site_id}"


def persons_channel(site_id: str) -> str:
    """Pub/sub channel of `PersonsChanged` JSON, one message for each batch that changed documents."""
    return f"{REDIS_PREFIX}:persons-changed:{site_id}"


OUTCOME_TTL_S: Final = 3600
#: The log says who expired; a document's own key expiry is the backstop for a silent site or a stopped
#: projector, and comes so much later that it never runs ahead of a projector that is catching up.
EXPIRY_GRACE_MS: Final = DAY_MS
PERSONS_VIEW: Final = "persons"
CAMERAS_VIEW: Final = "cameras"
ALERTS_VIEW: Final = "alerts"
#: Alerts of a site that the view holds and that can be acknowledged, the newest.
ALERTS_KEPT: Final = 1000
