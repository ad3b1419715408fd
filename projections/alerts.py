"""The ``alerts`` view: the newest alerts of each site as they stand, from the alert log."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from projections.changes import HashDelete, HashSet, Message, Op, SetOutcome
from projections.records import Record
from projections.store import ViewStore
from projections.views import Defect, Projection, Rejected, projected
from reid.contracts.alerts import (
    AlertAcknowledged,
    AlertClosed,
    AlertOpened,
    AlertPersonChanged,
    AlertRefused,
    AlertUpdated,
    AnyAlert,
)
from reid.contracts.codec import decode_alert, encode, type_name
from reid.contracts.topics import (
    ALERTS,
    ALERTS_KEPT,
    ALERTS_VIEW,
    alerts_channel,
    alerts_key,
    outcome_key,
)
from reid.contracts.views import AlertView, CommandOutcome
from reid.errors import Malformed, ReidError

_view: Final = msgspec.json.Decoder(AlertView)


class AlertsView:
    """``kept``: alerts of a site."""

    name, topic, form = ALERTS_VIEW, ALERTS, 2

    def __init__(self, kept: int = ALERTS_KEPT) -> None:
        self._kept = kept

    def project(self, records: Sequence[Record], store: ViewStore) -> Projection:
        return projected(lambda: self.fold(store), records)

    def fold(self, store: ViewStore, fresh: bool = False) -> "AlertsFold":
        return AlertsFold(store, self._kept)


class AlertsFold:
    """The `AlertsView` over any number of batches."""

    def __init__(self, store: ViewStore, kept: int) -> None:
        self._store, self._kept = store, kept
        self._sites: dict[str, dict[str, AlertView]] = {}
        self._changed: dict[tuple[str, str], None] = {}
        self._outcomes: list[CommandOutcome] = []

    def __len__(self) -> int:
        return sum(map(len, self._sites.values()))

    def apply(self, records: Sequence[Record]) -> list[Rejected]:
        rejected: list[Rejected] = []
        events: list[tuple[Record, AnyAlert]] = []
        for record in records:
            try:
                if record.value is None:
                    raise Malformed("an alert record without a value")
                events.append((record, decode_alert(record.value)))
            except ReidError as error:
                rejected.append(Rejected(record, error))
        self._load({event.site_id for _, event in events})
        for record, event in events:
            try:
                self._apply(event)
            except Exception as error:
                raise Defect(record) from error
        return rejected

    def grown(self) -> Iterator[Op]:
        """Outcomes of commands."""
        for outcome in self._outcomes:
            yield SetOutcome(outcome_key(outcome.command_id), encode(outcome))
        self._outcomes.clear()

    def ops(self) -> Iterator[Op]:
        for site_id, alert_id in self._changed:
            alert = self._sites[site_id].get(alert_id)
            key = alerts_key(site_id)
            yield HashDelete(key, alert_id) if alert is None else HashSet(key, alert_id, encode(alert))
        yield from self.grown()

    def messages(self) -> list[Message]:
        """One for each alert that changed and is still kept."""
        shown = ((site, self._sites[site].get(alert_id)) for site, alert_id in self._changed)
        return [Message(alerts_channel(site), encode(alert)) for site, alert in shown if alert is not None]

    def _load(self, sites: set[str]) -> None:
        new = {alerts_key(site): site for site in sorted(sites - self._sites.keys())}
        for key, found in self._store.hashes(list(new)).items():
            alerts = [_view.decode(raw) for raw in found.values()]
            self._sites[new[key]] = {a.alert_id: a for a in sorted(alerts, key=lambda a: a.number)}

    def _apply(self, event: AnyAlert) -> None:
        alerts = self._sites[event.site_id]
        match event:
            case AlertOpened():
                self._open(alerts, event)
            case AlertPersonChanged():
                self._follow(alerts, event)
            case AlertRefused():
                self._answer(event, rejected=True)
            case AlertUpdated() | AlertClosed() | AlertAcknowledged():
                alert = alerts.get(event.alert_id)
                if alert is not None:
                    _change(alert, event)
                    self._changed[event.site_id, event.alert_id] = None
                if isinstance(event, AlertAcknowledged):
                    self._answer(event, rejected=False)

    def _open(self, alerts: dict[str, AlertView], event: AlertOpened) -> None:
        number = 1 + max((alert.number for alert in alerts.values()), default=-1)
        alerts[event.alert_id] = AlertView(
            alert_id=event.alert_id,
            number=number,
            rule=event.rule,
            kind=event.kind,
            severity=event.severity,
            opened_at=event.at,
            last_at=event.at,
            message=event.message,
            evidence=event.evidence,
            zone=event.zone,
            camera_id=event.camera_id,
            person_id=event.person_id,
            label=event.label,
            of=event.person_id,
        )
        self._changed[event.site_id, event.alert_id] = None
        while len(alerts) > self._kept:
            oldest = next(iter(alerts))
            del alerts[oldest]
            self._changed[event.site_id, oldest] = None

    def _follow(self, alerts: dict[str, AlertView], event: AlertPersonChanged) -> None:
        subjects, moved = set(event.person_ids), set(event.alert_ids)
        for alert in alerts.values():
            if alert.alert_id in moved:
                # What showed it stays: it was somebody else all the time.
                alert.of = alert.person_id = event.person_id
                alert.label = event.label
                self._changed[event.site_id, alert.alert_id] = None
            elif alert.of in subjects:
                alert.person_id, alert.label = event.person_id, event.label
                if event.person_id is None:
                    # Nothing may lead back to the person: the track, too, names who it was elsewhere.
                    alert.of = None
                    alert.evidence = msgspec.structs.replace(alert.evidence, track=None, bbox=None)
                self._changed[event.site_id, alert.alert_id] = None

    def _answer(self, event: AlertAcknowledged | AlertRefused, rejected: bool) -> None:
        self._outcomes.append(
            CommandOutcome(
                command_id=event.command_id,
                event_type=type_name(event),
                site_id=event.site_id,
                rejected=rejected,
                code=getattr(event, "code", ""),
                message=getattr(event, "message", ""),
            )
        )


def _change(alert: AlertView, event: AlertUpdated | AlertClosed | AlertAcknowledged) -> None:
    match event:
        case AlertUpdated():
            alert.last_at, alert.message, alert.evidence = event.at, event.message, event.evidence
            alert.camera_id = event.camera_id
            alert.events += 1
        case AlertClosed():
            alert.closed_at, alert.reason = event.at, event.reason
            alert.last_at = max(alert.last_at, event.last_at)
        case AlertAcknowledged() if alert.acknowledged_at is None:
            alert.state = "acknowledged"
            alert.acknowledged_at, alert.acknowledged_by = event.at, event.asked_by
