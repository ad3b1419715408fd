"""What the alert rules know of a site: their alerts, from the alert log, and who was where, from the events.

The two parts never mix. What is of the alerts changes by alert events alone (`reid.alerting.evolve`), what is
of the inputs by identity events alone (`reid.alerting.observe`): so a restart folds both logs and decides
nothing anew. A command, ticks included, changes nothing but by the alert events that it causes.
"""

from typing import Final

import msgspec

from reid.contracts.alert_rules import AlertRule, AlertRules, Kind, Severity
from reid.contracts.events import TrackRef
from reid.contracts.journeys import Interval
from reid.contracts.layout import Layout
from reid.errors import Malformed

#: Of the state in snapshots: another one makes old snapshots useless, and the logs are folded from zero.
LAYOUT: Final = 4
#: So far behind the latest event (milliseconds) one is not late yet: cameras are not taken at one moment.
_IN_TIME: Final = 1_000
#: Between the parts of a key; no id holds it.
_SEPARATOR: Final = "\x1f"


def key_of(*parts: str) -> str:
    return _SEPARATOR.join(parts)


def parts_of(key: str) -> list[str]:
    return key.split(_SEPARATOR)


class Incident(msgspec.Struct):
    """An alert that is not closed. ``of``: as `Known` has it; ``told_at``: last told of."""

    alert_id: str
    rule: str
    kind: Kind
    severity: Severity
    person_id: str
    of: str
    opened_at: int
    told_at: int

    @property
    def key(self) -> str:
        return key_of(self.rule, self.person_id)


class Known(msgspec.Struct):
    """An alert that can be acknowledged. ``of``: the person as it was opened, or as whom its ``track``, the
    one that showed it last, was taken for since."""

    rule: str
    kind: Kind
    severity: Severity
    of: str = ""
    track: TrackRef | None = None
    acknowledged: bool = False


class Sighting(msgspec.Struct):
    """Where a person was seen last."""

    at: int
    camera_id: str
    label: str


class SiteState(msgspec.Struct):
    """Of the alerts: ``rules``; ``incidents``, rule and person -> the open alert; ``alerts``, the newest;
    ``subjects``, person of an alert -> who that is now; ``opened``: how many there were.

    Of the inputs: ``now``, the latest time of an event; ``people``; by rule and person, ``stays`` (tracks
    where the rule looks), ``holds`` (when the condition held last) and ``late`` (how far behind ``now`` that
    was told, ms, if it was); ``absorbed``, id -> whom it was merged into; ``travel``, cameras from and to ->
    half seconds -> how often; ``arrivals``, local hour -> camera -> new persons; ``newcomers``: new person ->
    (hour, camera), of the latest hours.
    """

    rules: AlertRules | None = None
    incidents: dict[str, Incident] = {}
    alerts: dict[str, Known] = {}
    subjects: dict[str, str] = {}
    opened: int = 0
    now: int = 0
    people: dict[str, Sighting] = {}
    stays: dict[str, list[Interval]] = {}
    holds: dict[str, int] = {}
    late: dict[str, int] = {}
    absorbed: dict[str, str] = {}
    travel: dict[str, dict[int, int]] = {}
    arrivals: dict[int, dict[str, int]] = {}
    newcomers: dict[str, tuple[int, str]] = {}

    def current(self, person_id: str) -> str:
        """Whom this id stands for, after all merges."""
        while person_id in self.absorbed:
            person_id = self.absorbed[person_id]
        return person_id

    def rule(self, name: str) -> AlertRule | None:
        return next((r for r in self.rules.rules if r.name == name), None) if self.rules else None

    def hold(self, key: str, at: int) -> None:
        """The condition held at ``at``, as it is told now."""
        self.holds[key] = max(self.holds.get(key, 0), at)
        if at < self.now - _IN_TIME:
            self.late[key] = self.now - at
        else:
            self.late.pop(key, None)

    def over_at(self, incident: Incident, rearm: int) -> int:
        """Until when the incident is not over: ``rearm`` after it held last, and as much more as its camera
        was late with that. Else each event of the others would close it, and each of its own open another."""
        return self.held_at(incident) + rearm + self.late.get(incident.key, 0)

    def held_at(self, incident: Incident) -> int:
        """When the incident's condition held last."""
        return max(self.holds.get(incident.key, 0), incident.told_at)


class AlertState(msgspec.Struct):
    """Of all sites of a partition."""

    sites: dict[str, SiteState] = {}

    def site(self, site_id: str) -> SiteState:
        if site_id not in self.sites:
            self.sites[site_id] = SiteState()
        return self.sites[site_id]


class _Dump(Layout):
    state: AlertState


_encoder: Final = msgspec.msgpack.Encoder()
_layout_decoder: Final = msgspec.msgpack.Decoder(Layout)
_decoder: Final = msgspec.msgpack.Decoder(_Dump)


def dump(state: AlertState) -> bytes:
    """The whole state. Two equal states may differ in the order of their keys."""
    return _encoder.encode(_Dump(LAYOUT, state))


def load(raw: bytes) -> AlertState:
    """Inverse of `dump`. Raises `Malformed`: damaged, or of another layout."""
    try:
        _layout_decoder.decode(raw).require(LAYOUT)
        return _decoder.decode(raw).state
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"damaged: {error}") from error
