"""One line for people, which names nobody: it stays when a person is forgotten."""

from reid.alerting.observe import Condition


def told(condition: Condition) -> str:
    rule, camera = condition.rule, condition.camera_id
    place = rule.zone or "the site"
    measured, limit = _seconds(condition.measured), _seconds(condition.limit)
    match rule.kind:
        case "watched":
            return f"somebody of {' or '.join(rule.lists)} is at {camera}"
        case "restricted":
            allowed = f"only {' and '.join(rule.lists)} may be there" if rule.lists else "nobody may be there"
            return f"somebody is in {place} ({camera}): {allowed}"
        case "out_of_hours":
            return f"somebody is in {place} ({camera}) outside hours"
        case "loitering":
            return f"somebody has been in {place} ({camera}) for {measured}, longer than {limit}"
        case "impossible_journey":
            return (
                f"one person at {condition.from_camera} and {measured} later at {camera}: the way takes "
                f"{limit} or more. Two people may share an id"
            )
        case "unusual_count":
            return (
                f"{condition.measured} new persons in {place} this hour, at most {condition.limit} are usual"
            )
        case "not_left":
            return f"somebody has not left {place}, seen last at {camera}, {measured} after closing"


def _seconds(ms: int | None) -> str:
    """Tenths of a second where they matter."""
    if ms is None:
        return "?"
    if ms < 10_000:
        return f"{ms // 1000}.{ms % 1000 // 100} s"
    return f"{ms // 1000} s" if ms < 600_000 else f"{ms // 60_000} min"
