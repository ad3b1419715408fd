"""Identity events -> who was where since when, and which conditions hold at this very event."""

from collections.abc import Iterable
from typing import NamedTuple

from reid.alerting import baseline, journeys, stays
from reid.alerting.calendar import HOUR, applies, hour_of
from reid.alerting.places import in_zone, zone_of
from reid.alerting.state import Sighting, SiteState, key_of, parts_of
from reid.contracts.alert_rules import AlertRule, AlertRules
from reid.contracts.events import (
    AnyEvent,
    GalleryReset,
    PersonExpired,
    PersonForgotten,
    PersonRegistered,
    PersonRenamed,
    PersonSeen,
    PersonsMerged,
    PersonSplit,
    TrackRef,
)


class Condition(NamedTuple):
    """What a rule speaks of holds. Milliseconds, or persons an hour; as in `Evidence`."""

    rule: AlertRule
    at: int
    camera_id: str | None = None
    person_id: str = ""
    label: str = ""
    track: TrackRef | None = None
    bbox: tuple[float, float, float, float] | None = None
    measured: int | None = None
    limit: int | None = None
    since: int | None = None
    from_camera: str | None = None


def observe(site: SiteState, event: AnyEvent, rules: AlertRules) -> list[Condition]:
    """Folds the event into the part of the state that is of the inputs. Returns what holds at it."""
    held: list[Condition] = []
    match event:
        case PersonSeen():
            held = _seen(site, event, rules)
        case PersonRegistered():
            # An id that was free again.
            site.absorbed.pop(event.person_id, None)
            held = [] if event.source else _registered(site, event, rules)
        case PersonsMerged():
            _merged(site, event)
        case PersonSplit():
            if event.kind == "merge_undone" and event.other is not None:
                site.absorbed.pop(event.other.person_id, None)
            stays.parted(site, event)
        case PersonRenamed() if event.person_id in site.people:
            site.people[event.person_id].label = event.label
        case PersonForgotten() | PersonExpired() | GalleryReset():
            _gone(site, gone_in(event))
    for condition in held:
        site.hold(key_of(condition.rule.name, condition.person_id), condition.at)
    if event.at // HOUR > site.now // HOUR:
        _prune(site, event.at, rules)
    site.now = max(site.now, event.at)
    return held


def gone_in(event: AnyEvent) -> tuple[str, ...]:
    """Persons that the event takes out of the gallery."""
    match event:
        case PersonForgotten() | PersonExpired():
            return (event.person_id,)
        case GalleryReset():
            return event.person_ids
    return ()


def listed(site: SiteState, rules: AlertRules, names: Iterable[str], person_id: str, label: str) -> bool:
    """Whether the person is on one of the lists, under this id or one that was merged into it."""
    for one in rules.watch_lists:
        if one.name in names and (
            label in one.labels or any(site.current(known) == person_id for known in one.person_ids)
        ):
            return True
    return False


def _seen(site: SiteState, event: PersonSeen, rules: AlertRules) -> list[Condition]:
    held = []
    before = site.people.get(event.person_id)
    camera = event.track.camera_id
    # A camera that is late, or whose clock is behind, tells of no journey.
    moved = (
        event.reason == "bound"
        and before is not None
        and before.camera_id != camera
        and before.at <= event.at
    )
    for rule in rules.rules:
        made = None
        if rule.kind == "impossible_journey":
            if moved and before is not None:
                made = _journey(site, event, rule, rules, before)
        elif rule.kind not in ("unusual_count", "not_left"):
            made = _presence(site, event, rule, rules)
        if made is not None and applies(rule, rules, event.at):
            held.append(made)
    if moved and before is not None:
        journeys.learn(site, before.camera_id, camera, event.at - before.at)
    if before is None or event.at >= before.at:
        site.people[event.person_id] = Sighting(event.at, camera, event.label)
    return held


def _condition(event: PersonSeen, rule: AlertRule) -> Condition:
    return Condition(
        rule, event.at, event.track.camera_id, event.person_id, event.label, event.track, event.bbox
    )


def _journey(
    site: SiteState, event: PersonSeen, rule: AlertRule, rules: AlertRules, before: Sighting
) -> Condition | None:
    camera, took = event.track.camera_id, event.at - before.at
    zone = zone_of(rule, rules)
    if not (in_zone(zone, camera, None) or in_zone(zone, before.camera_id, None)):
        return None
    least = journeys.least(site, rule, before.camera_id, camera)
    if least is None or took >= least:
        return None
    return _condition(event, rule)._replace(
        measured=took, limit=least, since=before.at, from_camera=before.camera_id
    )


def _presence(site: SiteState, event: PersonSeen, rule: AlertRule, rules: AlertRules) -> Condition | None:
    """Rules about somebody in a zone. Time counts only while the rule is on."""
    zone = zone_of(rule, rules)
    if not in_zone(zone, event.track.camera_id, event.bbox) or not applies(rule, rules, event.at):
        return None
    if listed(site, rules, rule.lists, event.person_id, event.label) != (rule.kind == "watched"):
        return None
    since, until = stays.stayed(site, event, rule)
    if until - since < rule.longer_than:
        return None
    return _condition(event, rule)._replace(measured=until - since, limit=rule.longer_than, since=since)


def _registered(site: SiteState, event: PersonRegistered, rules: AlertRules) -> list[Condition]:
    hour, camera = hour_of(rules, event.at), event.track.camera_id
    counts = site.arrivals.setdefault(hour, {})
    counts[camera] = counts.get(camera, 0) + 1
    site.newcomers[event.person_id] = (hour, camera)
    held = []
    for rule in rules.rules:
        if rule.kind != "unusual_count" or not applies(rule, rules, event.at):
            continue
        zone = zone_of(rule, rules)
        if not in_zone(zone, camera, None):
            continue
        count, most = baseline.arrived(site, hour, zone), baseline.limit(site, rule, zone, hour)
        if most is not None and count > most:
            held.append(Condition(rule, event.at, measured=count, limit=most))
    return held


def _merged(site: SiteState, event: PersonsMerged) -> None:
    """All that is known of the absorbed id is the survivor's."""
    survivor, absorbed = event.survivor_id, event.absorbed_id
    site.absorbed[absorbed] = survivor
    was = site.people.pop(absorbed, None)
    held = site.people.get(survivor)
    if was is not None and (held is None or was.at > held.at):
        site.people[survivor] = was
    if survivor in site.people:
        site.people[survivor].label = event.label
    stays.merged(site, survivor, absorbed)
    for key in [key for key in site.holds if parts_of(key)[1] == absorbed]:
        mine, at, late = key_of(parts_of(key)[0], survivor), site.holds.pop(key), site.late.pop(key, 0)
        site.holds[mine] = max(site.holds.get(mine, 0), at)
        if late:
            site.late[mine] = max(site.late.get(mine, 0), late)
    if absorbed in site.newcomers:
        # Nobody new after all.
        hour, camera = site.newcomers.pop(absorbed)
        site.arrivals[hour][camera] -= 1


def _gone(site: SiteState, person_ids: tuple[str, ...]) -> None:
    gone = set(person_ids)
    gone |= {id_ for id_ in site.absorbed if site.current(id_) in gone}
    for id_ in gone:
        site.people.pop(id_, None)
        site.absorbed.pop(id_, None)
        site.newcomers.pop(id_, None)
    for table in (site.stays, site.holds, site.late):
        for key in [key for key in table if parts_of(key)[1] in gone]:
            del table[key]


def _prune(site: SiteState, now: int, rules: AlertRules) -> None:
    """Once an hour: what no rule can need any more."""
    gaps = {rule.name: max(rule.gap, rule.rearm) + HOUR for rule in rules.rules}
    for key, known in list(site.stays.items()):
        if max(one.last for one in known) + gaps.get(parts_of(key)[0], 0) < now:
            del site.stays[key]
    for key in [k for k, at in site.holds.items() if at + gaps.get(parts_of(k)[0], 0) < now]:
        del site.holds[key]
        site.late.pop(key, None)
    baseline.prune(site, hour_of(rules, now))
