"""Who come, stay and leave together, more than chance explains.

Two persons share a leg when they came to a camera and left it within `WINDOW` of each other. How often two
who know nothing of each other would: slide the one's visit along the other's; legs of one camera whose
dwells are ``d`` and ``e`` meet on ``2 * WINDOW - |d - e|`` of the shifts. Summed over all pairs of legs and
divided by the length of both visits together, that is the expected number, of this very pair. As many shared
legs as seen, or more, then have the probability of a Poisson tail; it is multiplied by the number of pairs
looked at (Bonferroni), for among many pairs one is always curious.
"""

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from reid.journeys.legs import Leg

#: Milliseconds between two who come or leave together. A sighting is told once a second, and a companion
#: walks behind.
WINDOW: Final = 4_000
#: Probability of any false pair of a site, by chance alone.
ALPHA: Final = 1e-3
#: Shared legs of a pair at least, and the part of the legs of the one with fewer that they are.
LEAST: Final = 3
SHARE: Final = 0.5
#: One place, where many may stop as long as each other, proves little: either so many cameras or visits.
CAMERAS: Final = 2
VISITS: Final = 3

#: Milliseconds over which those who come at a busy hour are spread at least: two short visits at once are
#: curious by themselves, but no more than that.
RUSH: Final = 120_000

#: Legs of each visit, in order.
Visits = Sequence[Sequence[Leg]]


class Pair(NamedTuple):
    """``shared``: legs of the one and the other; ``chance``: corrected probability, 0 to 1."""

    one: str
    other: str
    shared: tuple[tuple[Leg, Leg], ...]
    chance: float


class Group(NamedTuple):
    """``times`` that at least two of them shared a leg, for ``ms`` in all. ``confidence``: 1 less the
    probability that chance made its weakest pair."""

    person_ids: tuple[str, ...]
    confidence: float
    times: int
    ms: int
    cameras: tuple[str, ...]
    since: int
    last: int


class _Stay(NamedTuple):
    person: str
    visit: int
    leg: Leg


def groups(persons: Mapping[str, Visits]) -> list[Group]:
    """Maximal sets connected by `pairs`, the surest first."""
    found = pairs(persons)
    leader: dict[str, str] = {}

    def root(person: str) -> str:
        while leader.setdefault(person, person) != person:
            person = leader[person]
        return person

    for pair in found:
        one, other = sorted((root(pair.one), root(pair.other)))
        leader[other] = one
    sets: dict[str, list[Pair]] = {}
    for pair in found:
        sets.setdefault(root(pair.one), []).append(pair)
    made = [_group(of_group) for of_group in sets.values()]
    return sorted(made, key=lambda group: (-group.confidence, -group.times, group.person_ids))


def pairs(persons: Mapping[str, Visits]) -> list[Pair]:
    """Those that chance does not explain, in the order of names."""
    looked_at = len(persons) * (len(persons) - 1) // 2
    made = []
    for (one, other), shared in sorted(_shared(persons).items()):
        count = min(len({a for a, _ in shared}), len({b for _, b in shared}))
        cameras, visits = {a.leg.camera_id for a, _ in shared}, {(a.visit, b.visit) for a, b in shared}
        if count < LEAST or (len(cameras) < CAMERAS and len(visits) < VISITS):
            continue
        met = _overlapping(persons[one], persons[other])
        legs = (sum(len(persons[one][i]) for i in {i for i, _ in met}),
                sum(len(persons[other][j]) for j in {j for _, j in met}))  # fmt: skip
        if count < SHARE * min(legs):
            continue
        expected = sum(_expected(persons[one][i], persons[other][j]) for i, j in met)
        chance = min(1.0, tail(count, expected) * looked_at)
        if chance <= ALPHA:
            made.append(Pair(one, other, tuple((a.leg, b.leg) for a, b in shared), chance))
    return made


def tail(count: int, expected: float) -> float:
    """Probability that a Poisson variable of that mean is ``count`` or more."""
    if count <= 0 or expected <= 0.0:
        return 1.0 if count <= 0 else 0.0
    # From the largest term outwards: nothing is lost where the tail is far below one.
    term = math.exp(count * math.log(expected) - expected - math.lgamma(count + 1))
    if count <= expected:
        below = math.fsum(
            math.exp(k * math.log(expected) - expected - math.lgamma(k + 1)) for k in range(count)
        )
        return max(0.0, 1.0 - below)
    total, k = 0.0, count
    while term > total * 1e-12:
        total, k = total + term, k + 1
        term *= expected / k
    return min(1.0, total)


def _shared(persons: Mapping[str, Visits]) -> dict[tuple[str, str], list[tuple[_Stay, _Stay]]]:
    """Of every two persons with any, in the order of coming. Each leg is shared once with one person."""
    by_camera: dict[str, list[_Stay]] = {}
    for person, visits in sorted(persons.items()):
        for number, walked in enumerate(visits):
            for leg in walked:
                by_camera.setdefault(leg.camera_id, []).append(_Stay(person, number, leg))
    found: dict[tuple[str, str], list[tuple[_Stay, _Stay]]] = {}
    for _, stays in sorted(by_camera.items()):
        stays.sort(key=lambda stay: (stay.leg.entered_at, stay.leg.left_at, stay.person))
        for place, one in enumerate(stays):
            for other in _soon(stays, place):
                if other.person != one.person and abs(other.leg.left_at - one.leg.left_at) <= WINDOW:
                    a, b = sorted((one, other), key=lambda stay: stay.person)
                    found.setdefault((a.person, b.person), []).append((a, b))
    return found


def _soon(stays: Sequence[_Stay], place: int) -> Iterator[_Stay]:
    """Who came after, within the window."""
    until = stays[place].leg.entered_at + WINDOW
    for number in range(place + 1, len(stays)):
        if stays[number].leg.entered_at > until:
            return
        yield stays[number]


def _overlapping(one: Visits, other: Visits) -> list[tuple[int, int]]:
    """Visits of both that were at the same time. A visit's end is that of its last leg to end."""
    begins = [walked[0].entered_at for walked in other]
    ends = [max(leg.left_at for leg in walked) for walked in other]
    met = []
    for i, walked in enumerate(one):
        begin, end = walked[0].entered_at - WINDOW, max(leg.left_at for leg in walked) + WINDOW
        for j in range(bisect_left(ends, begin), len(other)):
            if begins[j] > end:
                break
            met.append((i, j))
    return met


def _expected(one: Sequence[Leg], other: Sequence[Leg]) -> float:
    """Shared legs by chance of two visits that were at the same time."""
    begin = min(one[0].entered_at, other[0].entered_at)
    end = max(leg.left_at for walked in (one, other) for leg in walked)
    dwells: dict[str, list[int]] = {}
    for leg in other:
        dwells.setdefault(leg.camera_id, []).append(leg.left_at - leg.entered_at)
    meeting = sum(
        max(0, 2 * WINDOW - abs(leg.left_at - leg.entered_at - dwell))
        for leg in one
        for dwell in dwells.get(leg.camera_id, ())
    )
    return meeting / max(end - begin, RUSH)


def _group(of_group: Sequence[Pair]) -> Group:
    """Legs of one moment, however many pairs shared them, are one time together."""
    people = sorted({person for pair in of_group for person in (pair.one, pair.other)})
    spans = sorted(
        (max(a.entered_at, b.entered_at), min(a.left_at, b.left_at), a.camera_id)
        for pair in of_group
        for a, b in pair.shared
    )
    times: dict[str, list[list[int]]] = {}
    for begin, end, camera_id in spans:
        known = times.setdefault(camera_id, [])
        if known and begin <= known[-1][1]:
            known[-1][1] = max(known[-1][1], end)
        else:
            known.append([begin, max(begin, end)])
    return Group(
        tuple(people),
        round(1.0 - max(pair.chance for pair in of_group), 6),
        sum(len(known) for known in times.values()),
        sum(end - begin for known in times.values() for begin, end in known),
        tuple(sorted(times)),
        min(leg.entered_at for pair in of_group for shared in pair.shared for leg in shared),
        max(leg.left_at for pair in of_group for shared in pair.shared for leg in shared),
    )
