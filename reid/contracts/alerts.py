"""What the alert rules found. Topic ``reid.alerts.v1``, key = site id, CloudEvents as the identity events.

``ce_causation`` names the identity event or command that an alert event came of. One incident is one alert:
it opens, is updated now and then while it goes on, and closes.
"""

from typing import Literal

import msgspec

from reid.contracts.alert_rules import AlertRules, Kind, Severity
from reid.contracts.events import Event, TrackRef


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``cause``: topic/partition/offset of what it came of; ``event_id``: ``ce_id`` of that event.

    ``measured`` and ``limit``: milliseconds (time in the zone, of the journey, after closing) or persons an
    hour. ``since``: when it began, ms since the epoch. ``from_camera``: where an impossible journey began.
    """

    cause: str
    event_id: str = ""
    track: TrackRef | None = None
    bbox: tuple[float, float, float, float] | None = None
    measured: int | None = None
    limit: int | None = None
    since: int | None = None
    from_camera: str | None = None


class AlertOpened(Event, frozen=True, kw_only=True, tag="reid.alert.opened.v1"):
    """An incident begins. ``rules``: version of the rules. ``message`` is for people and names nobody."""

    alert_id: str
    rule: str
    kind: Kind
    severity: Severity
    rules: str
    message: str
    evidence: Evidence
    zone: str | None = None
    camera_id: str | None = None
    person_id: str | None = None
    label: str = ""


class AlertUpdated(Event, frozen=True, kw_only=True, tag="reid.alert.updated.v1"):
    """The incident goes on. ``person_id``: who it is about by now."""

    alert_id: str
    rule: str
    kind: Kind
    severity: Severity
    message: str
    evidence: Evidence
    camera_id: str | None = None
    person_id: str | None = None
    label: str = ""


class AlertClosed(Event, frozen=True, kw_only=True, tag="reid.alert.closed.v1"):
    """The incident is over. ``last_at``: when its condition held last.

    ``reason``: ``over``; ``merged``, the person turned out to be one with an alert of its own;
    ``person_gone``, forgotten, expired, reset, or it was somebody whom nobody knows yet; ``rules_changed``,
    there is no such rule any more.
    """

    alert_id: str
    rule: str
    kind: Kind
    severity: Severity
    last_at: int
    reason: Literal["over", "merged", "person_gone", "rules_changed"]


class AlertAcknowledged(Event, frozen=True, kw_only=True, tag="reid.alert.acknowledged.v1"):
    """Somebody has seen it. The first one counts."""

    alert_id: str
    rule: str
    kind: Kind
    severity: Severity
    command_id: str
    asked_by: str = ""


class AlertRefused(Event, frozen=True, kw_only=True, tag="reid.alert.refused.v1"):
    """A command was refused. ``code``: ``unknown_alert``; ``message`` is for people."""

    alert_id: str
    command_id: str
    code: str
    message: str
    asked_by: str = ""


class AlertPersonChanged(Event, frozen=True, kw_only=True, tag="reid.alert.person_changed.v1"):
    """Alerts on these persons are about somebody else from now on. ``person_ids``: as the alerts were opened.
    ``person_id`` None: forgotten, expired or reset; who it was must not be shown any more.

    ``alert_ids``: these alerts alone, whose track turned out to be ``person_id``, or nobody known yet.
    """

    person_ids: tuple[str, ...]
    person_id: str | None
    label: str = ""
    alert_ids: tuple[str, ...] = ()


class AlertRulesAdopted(Event, frozen=True, kw_only=True, tag="reid.alert.rules_adopted.v1"):
    """The rules from now on. The first event of the first input that is decided by them."""

    version: str
    rules: AlertRules


AnyAlert = (
    AlertOpened
    | AlertUpdated
    | AlertClosed
    | AlertAcknowledged
    | AlertRefused
    | AlertPersonChanged
    | AlertRulesAdopted
)
