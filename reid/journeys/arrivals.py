"""How late a camera's events come, as Redis holds it: what tells of its clock (`reid.journeys.clocks`).
Times in milliseconds."""

from typing import Final

import msgspec

HOUR: Final = 3_600_000


class Arrival(msgspec.Struct):
    """How late a camera's events came, at least: in ``hour`` (since the epoch), and in the one before that
    had any, None where there was none."""

    hour: int
    least: int
    before: int | None = None

    def note(self, at: int, arrived: int) -> bool:
        """An event of ``at`` was written at ``arrived``. Whether that changed anything."""
        hour, late = arrived // HOUR, arrived - at
        if hour > self.hour:
            self.hour, self.least, self.before = hour, late, self.least
            return True
        if hour == self.hour and late < self.least:
            self.least = late
            return True
        return False

    @property
    def delay(self) -> int:
        return self.least if self.before is None else min(self.least, self.before)
