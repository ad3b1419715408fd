"""Legs of a visit and what visits add to the sums, told the long way, to compare with."""

from collections.abc import Sequence
from urllib.parse import quote

from reid.contracts.journeys import Interval, Visit
from reid.journeys.counts import HOUR_MS, Sums
from reid.journeys.durations import bucket_of
from reid.journeys.legs import Leg, legs, moves


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


def legs_of(visit: Visit, gap: int) -> list[Leg]:
    """Each gap of a camera held against every track of the others."""
    made: list[Leg] = []
    for camera in sorted({one.camera_id for one in visit.intervals}):
        here = [one for one in visit.intervals if one.camera_id == camera]
        groups: list[list[Interval]] = []
        for one in here:
            end = max((o.last for o in groups[-1]), default=0) if groups else 0
            between = any(
                2 * end < other.first + other.last < 2 * one.first
                for other in visit.intervals
                if other.camera_id != camera
            )
            if groups and one.first - end <= gap and not (end < one.first and between):
                groups[-1].append(one)
            else:
                groups.append([one])
        made += [
            Leg(
                camera,
                group[0].first,
                max(one.last for one in group),
                sum(one.tracks for one in group),
                tuple(one.track for one in group),
            )
            for group in groups
        ]
    return sorted(made, key=lambda leg: (leg.entered_at, leg.left_at, leg.camera_id))
