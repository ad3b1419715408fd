"""Who is on the demo's simulated site, and the alert rules that an unusual cast breaks."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from producers.simulation.scenario import NOBODY, UNUSUAL
from reid.runtime.settings import Settings

SCENARIOS: Final = {"usual": NOBODY, "unusual": UNUSUAL}
CASTS: Final = tuple(SCENARIOS)
#: Hour of the night that the site's clock shows when its time begins.
_HOUR: Final = 1
_RULES: Final = """\
# What `saferoom demo --cast unusual` tells. The simulated site lies where it is night now.
timezone: {timezone}

zones:
  forbidden room: [room{forbidden}]

rules:
  - name: forbidden room at night
    kind: restricted
    zone: forbidden room
    when: "22:00-06:00"
    severity: critical

  - name: loitering
    kind: loitering
    longer_than: 90 s

  - name: impossible journey
    kind: impossible_journey
    severity: info

  - name: more strangers than usual
    kind: unusual_count
"""


def unusual_rules(at_ms: int, cameras: int) -> str:
    """A file of rules for a site whose time begins at ``at_ms``; nobody may be in its last room at night."""
    return _RULES.format(timezone=night_zone(at_ms), forbidden=cameras)


def night_zone(at_ms: int) -> str:
    """A time zone in which it is between one and two o'clock at night."""
    east = (_HOUR - datetime.fromtimestamp(at_ms / 1000, UTC).hour + 11) % 24 - 11
    # POSIX counts westwards.
    return "UTC" if not east else f"Etc/GMT{'-' if east > 0 else '+'}{abs(east)}"


def written_rules(settings: Settings, cameras: int) -> Path:
    """`unusual_rules` of now, where the alerts process finds them."""
    path = settings.home / "unusual_alerts.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    now = round(datetime.now(UTC).timestamp() * 1000)
    path.write_text(unusual_rules(now, cameras))
    return path
