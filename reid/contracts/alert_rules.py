"""The alert rules as data: in the alert log, and their version in every alert.

Times of day are minutes since local midnight, durations milliseconds. What a time zone means is part of the
rules (`AlertRules.offsets`): another machine's time zone database must not change what was decided.
"""

from hashlib import sha256
from typing import Final, Literal

import msgspec

#: The form of the rules that this program decides by. Raised when the same rules decide otherwise.
FORM: Final = 2

Kind = Literal[
    "watched", "restricted", "out_of_hours", "loitering", "impossible_journey", "unusual_count", "not_left"
]
When = Literal["always", "open", "closed", "during"]
Severity = Literal["info", "warning", "critical"]
Point = tuple[float, float]


class Hours(msgspec.Struct, frozen=True, order=True):
    """Minutes ``start`` to ``end`` of the weekday ``day`` (0 is Monday); above 1440: of the next day."""

    day: int
    start: int
    end: int


class WatchList(msgspec.Struct, frozen=True, omit_defaults=True):
    """Named persons, by id or by label."""

    name: str
    person_ids: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


class Zone(msgspec.Struct, frozen=True, omit_defaults=True):
    """Cameras; of those with a polygon (pixels of the frame) only what stands inside it."""

    name: str
    cameras: tuple[str, ...]
    polygons: dict[str, tuple[Point, ...]] = {}


class AlertRule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rule. ``zone`` None: every camera. ``lists``: of ``watched`` whom it looks for, of all others whom
    it lets pass. ``during``: where ``when`` is "during".

    ``longer_than``: dwell of ``loitering``; time in the zone before ``restricted`` and ``out_of_hours`` tell;
    time after closing of ``not_left``. ``gap``: a person unseen for longer has left the zone. ``rearm``: an
    incident is over after so long without its condition. ``update``: at most one update in this time.
    ``exits``: cameras at the ways out, of ``not_left``. ``travel``: (from, to, least ms), of
    ``impossible_journey``; ``learn``: from the log's own transitions where none is given.
    ``least``, ``days``: an unusual count is at least this, and judged after so many days.
    """

    name: str
    kind: Kind
    zone: str | None = None
    lists: tuple[str, ...] = ()
    when: When = "always"
    during: tuple[Hours, ...] = ()
    severity: Severity = "warning"
    longer_than: int = 0
    gap: int = 20_000
    rearm: int = 120_000
    update: int = 60_000
    exits: tuple[str, ...] = ()
    travel: tuple[tuple[str, str, int], ...] = ()
    learn: bool = True
    least: int = 5
    days: int = 3


class AlertRules(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``offsets``: (from then on, ms since the epoch; seconds east of UTC), rising. ``hours``: when the site
    is open; empty: always. ``form``: of the program that decides by them, no setting: what was decided by an
    earlier one is believed, not decided anew. The first left it unsaid."""

    form: int = 1
    timezone: str = "UTC"
    offsets: tuple[tuple[int, int], ...] = ((0, 0),)
    hours: tuple[Hours, ...] = ()
    watch_lists: tuple[WatchList, ...] = ()
    zones: tuple[Zone, ...] = ()
    rules: tuple[AlertRule, ...] = ()

    @property
    def version(self) -> str:
        """Short hash of all of it."""
        return f"a{self.form}-" + sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()[:10]
