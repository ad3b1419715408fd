"""How many persons were seen since some moment: as many may be mistaken for who was last seen then.

A site's gallery keeps whoever came in months, and one person may stand in it under several ids. Were all of
them the crowd, a site would ask for more likeness with each day, would recognise fewer, and so register more.
"""

from bisect import bisect_left, insort
from itertools import accumulate
from typing import Final

#: A step is 2**20 ms, 17 minutes: moments are told apart so finely.
_STEP_BITS: Final = 20
#: Steps, the present one among them, whose persons count in any case: 12 hours. Who comes back within a day
#: comes in no order that one could lean on.
HERE: Final = 42


class Lately:
    """Persons by the step of their last sighting. Derived from ``SiteState.persons``."""

    def __init__(self) -> None:
        self._step_of: dict[str, int] = {}
        self._counts: dict[int, int] = {}
        self._steps: list[int] = []
        self._behind: list[int] | None = None

    def saw(self, person_id: str, at: int) -> None:
        """``at``, ms since the epoch: the person's last sighting as it is told now."""
        step = at >> _STEP_BITS
        if self._step_of.get(person_id) == step:
            return
        self.forget(person_id)
        self._step_of[person_id] = step
        if step not in self._counts:
            insort(self._steps, step)
        self._counts[step] = self._counts.get(step, 0) + 1
        self._behind = None

    def forget(self, person_id: str) -> None:
        """An unknown one is no error."""
        step = self._step_of.pop(person_id, None)
        if step is None:
            return
        self._counts[step] -= 1
        if not self._counts[step]:
            del self._counts[step], self._steps[bisect_left(self._steps, step)]
        self._behind = None

    def crowd(self, last_seen: int, at: int) -> int:
        """Of who was last seen at ``last_seen``: who was seen since, or in the half day before ``at``."""
        if self._behind is None:
            self._behind = [0, *accumulate(self._counts[step] for step in self._steps)]
        since = min(last_seen >> _STEP_BITS, (at >> _STEP_BITS) - HERE + 1)
        return self._behind[-1] - self._behind[bisect_left(self._steps, since)]
