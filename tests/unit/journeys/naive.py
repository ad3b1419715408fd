"""What visits add to the sums, told the long way: leg by leg, second by second counted nowhere twice."""

from collections.abc import Sequence
from urllib.parse import quote

from reid.contracts.journeys import Visit
from reid.journeys.counts import HOUR_MS, Sums
from reid.journeys.durations import bucket_of
from reid.journeys.legs import legs, moves


def add(visits: Sequence[Visit], sums: Sums, sign: int = 1) -> None:
    """Adds what all visits of a person add, or takes it away."""
    met = set()
    for visit in visits:
        for leg in legs(visit):
            camera = quote(leg.camera_id, safe="")
            first, last = leg.entered_at // HOUR_MS, leg.left_at // HOUR_MS
            sums.occupancy[first, f"{camera}/entries"] += sign
            for hour in range(first, last + 1):
                met.add((hour, f"{camera}/unique"))
                since = max(leg.entered_at - hour * HOUR_MS, 0)
                until = min(leg.left_at - hour * HOUR_MS, HOUR_MS)
                sums.occupancy[hour, f"{camera}/dwell"] += sign * (until - since)
                sums.occupancy[hour, f"{camera}/+{since // 1000}"] += sign
                if hour == last and until // 1000 + 1 < 3600:
                    sums.occupancy[hour, f"{camera}/+{until // 1000 + 1}"] -= sign
        for move in moves(legs(visit)):
            way = f"{quote(move.source, safe='')}/{quote(move.target, safe='')}/{bucket_of(move.ms)}"
            sums.transitions[way] += sign
    for field in met:
        sums.occupancy[field] += sign
