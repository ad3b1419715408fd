"""Where somebody stands: cameras, and polygons in a camera's frame."""

from collections.abc import Sequence

from reid.contracts.alert_rules import AlertRule, AlertRules, Point, Zone


def foot_of(bbox: tuple[float, float, float, float]) -> Point:
    """Middle of the lower edge of a box (left, top, width, height), pixels: where its person stands."""
    left, top, width, height = bbox
    return left + width / 2, top + height


def inside(polygon: Sequence[Point], point: Point) -> bool:
    """Even-odd rule. The same sums in the same order on every machine."""
    x, y = point
    odd = False
    for (x1, y1), (x2, y2) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            odd = not odd
    return odd


def zone_of(rule: AlertRule, rules: AlertRules) -> Zone | None:
    """None: the rule is about every camera."""
    return next((zone for zone in rules.zones if zone.name == rule.zone), None)


def in_zone(zone: Zone | None, camera_id: str, bbox: tuple[float, float, float, float] | None) -> bool:
    """``bbox`` None: the camera alone tells."""
    if zone is None:
        return True
    if camera_id not in zone.cameras:
        return False
    polygon = zone.polygons.get(camera_id)
    return polygon is None or bbox is None or inside(polygon, foot_of(bbox))
