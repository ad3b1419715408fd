"""Given ids against true persons: is one person one id, and one id one person?

A unit is whatever was given an id: a track, or one detection. ``None`` stands for a unit without id.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from reid.evaluation.matching import one_to_one

P = TypeVar("P", bound=Hashable)
I = TypeVar("I", bound=Hashable)  # noqa: E741 - an id


@dataclass(frozen=True)
class PairScore:
    """Of all pairs of units: those with one id that are one person, and those of one person with one id.
    None of no pair: without either, whoever answers nothing would be perfect."""

    precision: float | None
    recall: float | None

    @property
    def f1(self) -> float | None:
        if self.precision is None and self.recall is None:
            return None
        return harmonic(self.precision or 0.0, self.recall or 0.0)


@dataclass(frozen=True)
class MatchScore:
    """Under the one pairing of ids with persons that agrees most (Ristani et al., ECCV 2016 workshops).

    ``precision``: of the units with an id, the share whose id is their person's; ``recall``: of all true
    units; ``f1``: 2 agreed / (units with an id + true units). None of no unit.
    """

    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Shares:
    """``ids_per_person``: distinct ids of a person that has any, mean over persons; ``persons_per_id``: the
    converse. 1.0 is right in both, None of nobody. ``without_id``: persons that never got one."""

    ids: int
    ids_per_person: float | None
    persons_per_id: float | None
    without_id: int


def pairwise(people: Sequence[P], ids: Sequence[I | None]) -> PairScore:
    """Parallel sequences. A unit without id is paired with nobody."""
    given = contingency(people, ids)
    both = sum(_pairs(count) for count in given.values())
    same_id = sum(_pairs(count) for count in _sums(given, 1).values())
    same_person = sum(_pairs(count) for count in Counter(people).values())
    return PairScore(_share(both, same_id), _share(both, same_person))


def contingency(people: Iterable[P], ids: Iterable[I | None]) -> Counter[tuple[P, I]]:
    """How often each person was given each id."""
    return Counter((person, i) for person, i in zip(people, ids, strict=True) if i is not None)


def matched(given: Mapping[tuple[P, I], int], true_units: int, labelled_units: int) -> MatchScore:
    """``given``: as `contingency` makes it; ``labelled_units``: all with an id, also those of nobody."""
    pairing = one_to_one(given)
    agreed = sum(count for (person, i), count in given.items() if pairing.get(person) == i)
    total = true_units + labelled_units
    return MatchScore(_share(agreed, labelled_units), _share(agreed, true_units), _share(2 * agreed, total))


def shares(people: Iterable[P], given: Mapping[tuple[P, I], int]) -> Shares:
    ids_of: defaultdict[P, set[I]] = defaultdict(set)
    persons_of: defaultdict[I, set[P]] = defaultdict(set)
    for person, i in given:
        ids_of[person].add(i)
        persons_of[i].add(person)
    everyone = set(people)
    return Shares(
        len(persons_of),
        _mean([len(ids) for ids in ids_of.values()]),
        _mean([len(persons) for persons in persons_of.values()]),
        len(everyone - set(ids_of)),
    )


def harmonic(a: float, b: float) -> float:
    """F1 of precision and recall."""
    return 2 * a * b / (a + b) if a + b else 0.0


def _sums(given: Mapping[tuple[P, I], int], side: int) -> Counter[Hashable]:
    sums: Counter[Hashable] = Counter()
    for pair, count in given.items():
        sums[pair[side]] += count
    return sums


def _pairs(count: int) -> int:
    return count * (count - 1) // 2


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _mean(values: Sequence[int]) -> float | None:
    return sum(values) / len(values) if values else None
