"""How fast one caller may ask: a token bucket each."""

import math
from collections import OrderedDict
from typing import Final

#: Callers remembered; those who were not heard for longest are forgotten, with a full bucket.
REMEMBERED: Final = 10_000


class Buckets:
    """``rate``: tokens a second that come back; ``burst``: tokens of a full bucket. ``rate`` 0: no limit."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, max(burst, 1.0)
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str, cost: float, now_s: float) -> float:
        """0 when the request may go on, else the seconds after which it may be asked again. A cost above the
        whole bucket takes a full one: it can be paid at all."""
        if self._rate <= 0:
            return 0.0
        left, at = self._left.pop(caller, (self._burst, now_s))
        left = min(self._burst, left + max(0.0, now_s - at) * self._rate)
        cost = min(cost, self._burst)
        paid = left >= cost
        self._left[caller] = (left - cost if paid else left, now_s)
        while len(self._left) > REMEMBERED:
            self._left.popitem(last=False)
        return 0.0 if paid else math.ceil((cost - left) / self._rate * 1000) / 1000
