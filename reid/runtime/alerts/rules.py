"""The rules of the file: zones, watch-lists, hours, and what is to be told."""

from typing import Any, Final, get_args

from reid.contracts.alert_rules import (
    FORM,
    AlertRule,
    AlertRules,
    Kind,
    Point,
    Severity,
    WatchList,
    When,
    Zone,
)
from reid.contracts.names import alike, is_name, told
from reid.runtime.alerts.times import duration, hours, offsets
from reid.runtime.alerts.yaml_tree import Part

KEYS: Final = ("timezone", "hours", "watch_lists", "zones", "rules", "deliver")
_COMMON: Final = ("name", "kind", "zone", "when", "severity", "rearm", "update")
_LISTS: Final = {"watched": "who"}
#: What a rule of a kind may say besides `_COMMON`; the first is required, where it is in `_REQUIRED`.
_OF_KIND: Final[dict[str, tuple[str, ...]]] = {
    "watched": ("who", "gap"),
    "restricted": ("allow", "longer_than", "gap"),
    "out_of_hours": ("allow", "longer_than", "gap"),
    "loitering": ("longer_than", "allow", "gap"),
    "impossible_journey": ("travel", "learn"),
    "unusual_count": ("least", "days"),
    "not_left": ("longer_than", "allow", "exits"),
}
_REQUIRED: Final = {"watched": ("who",), "restricted": ("zone",), "loitering": ("longer_than",)}
_DURATIONS: Final = ("longer_than", "gap", "rearm", "update")
_HOUR: Final = 3_600_000


def rules_of(root: Part) -> AlertRules:
    """Raises `ConfigError` naming line, part and remedy."""
    parts = root.entries(KEYS)
    zones = _zones(parts["zones"]) if "zones" in parts else {}
    lists = _watch_lists(parts["watch_lists"]) if "watch_lists" in parts else {}
    opened = hours(parts["hours"]) if "hours" in parts else ()
    zone = parts.get("timezone")
    east = offsets(zone) if zone is not None else ((0, 0),)
    if "rules" not in parts or parts["rules"].is_empty:
        raise root.wrong("no rules", "add `rules:` with at least one; docs/alerts.md has an example")
    rules: list[AlertRule] = []
    for part in _listed(parts["rules"]):
        rule = _rule(part, zones, lists, bool(opened))
        if any(rule.name == other.name for other in rules):
            raise part.wrong(f"two rules are called {rule.name!r}", "give each a name of its own")
        rules.append(rule)
    return AlertRules(
        form=FORM,
        timezone=zone.text() if zone is not None else "UTC",
        offsets=east,
        hours=opened,
        watch_lists=tuple(lists.values()),
        zones=tuple(zones.values()),
        rules=tuple(rules),
    )


def _listed(part: Part) -> list[Part]:
    """Of one value, unlike elsewhere, no list is made: it could be no rule."""
    found = part.some("write at least one rule; docs/alerts.md has an example")
    if not part.is_list:
        raise part.wrong(f"{part.text()!r} is no list", "begin each rule with a dash")
    return found


def _zones(part: Part) -> dict[str, Zone]:
    found = {}
    for name, zone in part.entries().items():
        if not zone.is_mapping:
            found[name] = Zone(name, _cameras(zone))
            continue
        parts = zone.entries(("cameras", "polygons"))
        polygons = {}
        if "polygons" in parts:
            polygons = {_camera(p, at): _polygon(p) for at, p in parts["polygons"].entries().items()}
        cameras = _cameras(parts["cameras"]) if "cameras" in parts else ()
        found[name] = Zone(name, tuple(dict.fromkeys((*cameras, *polygons))), polygons)
    for name, made in found.items():
        if not made.cameras:
            raise part.wrong(f"zone {name!r} has no camera", "name its cameras, or leave it out")
    return found


def _cameras(part: Part) -> tuple[str, ...]:
    return tuple(_camera(item, item.text()) for item in part.items())


def _camera(part: Part, camera_id: str) -> str:
    """No camera is ever called otherwise: a rule for one that is would never tell anything."""
    if not is_name(camera_id):
        raise part.wrong(told("camera", camera_id), f"write its id, such as {alike(camera_id)}")
    return camera_id


def _polygon(part: Part) -> tuple[Point, ...]:
    points: list[Point] = []
    for corner in part.items():
        numbers = [item.number() for item in corner.items()]
        if len(numbers) != 2:
            raise corner.wrong("a corner has two numbers", "write [x, y] in pixels of the camera's frame")
        points.append((numbers[0], numbers[1]))
    if len(points) < 3:
        raise part.wrong(f"{len(points)} corners are no polygon", "give it three or more")
    return tuple(points)


def _watch_lists(part: Part) -> dict[str, WatchList]:
    found = {}
    for name, entries in part.entries().items():
        ids, labels = [], []
        for entry in entries.items():
            if entry.is_mapping:
                pair = entry.entries(("label", "person_id"))
                labels += [pair["label"].text()] if "label" in pair else []
                ids += [pair["person_id"].text()] if "person_id" in pair else []
            else:
                (ids if entry.text().startswith("person_") else labels).append(entry.text())
        found[name] = WatchList(name, tuple(ids), tuple(labels))
    return found


def _rule(part: Part, zones: dict[str, Zone], lists: dict[str, WatchList], has_hours: bool) -> AlertRule:
    every = sorted({key for keys in _OF_KIND.values() for key in keys} - {"longer_than"})
    found = part.entries((*_COMMON, "longer_than", *every))
    for needed in ("name", "kind"):
        if needed not in found:
            raise part.wrong(f"a rule without {needed}", f"add `{needed}:`")
    kind = found["kind"].choice(*get_args(Kind))
    name = found["name"].text()
    for key, value in found.items():
        if key not in (*_COMMON, *_OF_KIND[kind]):
            known = ", ".join((*_COMMON, *_OF_KIND[kind]))
            raise value.wrong(f"a rule of kind {kind} has no {key!r}", f"choose of {known}")
    for needed in _REQUIRED.get(kind, ()):
        if needed not in found:
            raise part.wrong(f"rule {name!r} of kind {kind} lacks {needed}", f"add `{needed}:`")
    fields: dict[str, Any] = {key: duration(found[key]) for key in _DURATIONS if key in found}
    if kind == "unusual_count":
        fields.setdefault("rearm", _HOUR)
    if "zone" in found:
        fields["zone"] = _known(found["zone"], zones, "zone")
    if (allowed := found.get(_LISTS.get(kind, "allow"))) is not None:
        # Whom nobody is let pass by is another thing than whom nobody looks for.
        named = allowed.some("name a watch list") if kind in _LISTS else allowed.items()
        fields["lists"] = tuple(_known(item, lists, "watch list") for item in named)
    if "severity" in found:
        fields["severity"] = found["severity"].choice(*get_args(Severity))
    fields |= _when(kind, found.get("when"), part, has_hours) | _of_kind(found)
    return AlertRule(name=name, kind=kind, **fields)  # type: ignore[arg-type]


def _known(part: Part, known: dict[str, Any], what: str) -> str:
    if part.text() not in known:
        names = ", ".join(known) or f"none is defined: add `{what.replace(' ', '_')}s:`"
        raise part.wrong(f"no {what} {part.text()!r}", f"choose of {names}")
    return part.text()


def _when(kind: str, part: Part | None, rule: Part, has_hours: bool) -> dict[str, Any]:
    """Outside hours means: while the site is closed, unless the rule says other times."""
    if part is not None and (part.is_mapping or not {*part.texts()} & {*get_args(When)}):
        return {"when": "during", "during": hours(part)}
    found = "closed" if kind == "out_of_hours" else "always"
    if part is not None:
        found = part.choice("always", "open", "closed")
    if not has_hours and (found in ("open", "closed") or kind == "not_left"):
        raise (part or rule).wrong(
            "this rule needs opening hours", "add `hours:` to the file, or give its `when:` a span"
        )
    return {"when": found}


def _of_kind(found: dict[str, Part]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if "exits" in found:
        fields["exits"] = _cameras(found["exits"])
    if "learn" in found:
        fields["learn"] = found["learn"].switch()
    for key in ("least", "days"):
        if key in found:
            fields[key] = found[key].count()
    if "travel" in found:
        fields["travel"] = tuple(
            (_camera(ends, start), _camera(part, end), duration(part))
            for start, ends in found["travel"].entries().items()
            for end, part in ends.entries().items()
        )
    return fields
