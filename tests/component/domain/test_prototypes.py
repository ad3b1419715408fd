"""A large crowd's nearest are found by a rule of whole numbers: the same for the same persons, however they
came to be there, on any machine; and nearly always those whom a comparison of all finds."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from reid.contracts.embedding import SCALE, fixed_from_bytes, fixed_to_bytes
from reid.contracts.events import Template
from reid.domain import basis, blocks, gallery, nearest, prototypes, rows
from reid.domain.basis import LENGTH, basis_of
from reid.domain.centring import cosines
from reid.domain.gallery import Candidate, Gallery, Search
from reid.domain.nearest import _best
from reid.domain.person import Person
from reid.domain.prototypes import Prototypes
from reid.domain.snapshot import dump, load
from reid.domain.state import PartitionState
from tests.component.domain.test_gallery_rows import CAMERAS, DIM, MODEL, Known
from tests.unit.depth import some
from tests.unit.domain.large_galleries import bounded_from

FROM, LEAST, SHARE, ROWS, EACH = 60, 12, 6, 10, 2


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few persons are a crowd, and blocks are so small that there are many."""
    monkeypatch.setattr(gallery, "FROM_PERSONS", FROM)
    monkeypatch.setattr(basis, "DIRECTIONS", 8)
    for name, value in {"LEAST": LEAST, "SHARE": SHARE, "_ROWS": ROWS, "_ROWS_EACH": EACH}.items():
        monkeypatch.setattr(nearest, name, value)
    for module in (blocks, rows):
        monkeypatch.setattr(module, "BLOCK", 64)
    for module in (blocks, rows, prototypes):
        monkeypatch.setattr(module, "STRETCH", 16)
    monkeypatch.setattr(prototypes, "_STRETCH", 32)


class Naive:
    """The rule, person by person, in Python's whole numbers."""

    def __init__(self, known: Known) -> None:
        self.known, self.centring = known, known.gallery.centring(MODEL)
        self.basis = [[int(n) for n in column] for column in known.gallery.bases[MODEL].T]
        self.directions: dict[tuple[Template, ...], list[list[int]]] = {}

    def along(self, vector: Sequence[int]) -> list[int]:
        factor = 2_000 / (SCALE * LENGTH)
        return [
            round(sum(v * b for v, b in zip(vector, column, strict=True)) * factor) for column in self.basis
        ]

    def centre(self, camera_id: str) -> list[int]:
        mean = self.centring.mean(camera_id)
        return [0] * len(self.basis) if mean is None else self.along(mean.tolist())

    def unit(self, vector: Sequence[int]) -> list[int]:
        length = math.sqrt(sum(v * v for v in vector))
        scale = 4_000 / length if length else 0.0
        return [round(v * scale) for v in vector]

    def groups(self, templates: Sequence[Template]) -> list[list[int]]:
        """The directions of both. They are the same for every search."""
        if (known := self.directions.get(tuple(templates))) is None:
            known = self.directions[tuple(templates)] = self._groups(templates)
        return known

    def _groups(self, templates: Sequence[Template]) -> list[list[int]]:
        looks = sorted(templates, key=lambda t: (t.camera_id, t.vector))
        along = [self.along(fixed_from_bytes(t.vector).tolist()) for t in looks]
        middle = [sum(values) for values in zip(*along, strict=True)]
        off = [[v * len(looks) - m for v, m in zip(one, middle, strict=True)] for one in along]
        far = max(off, key=lambda one: sum(v * v for v in one))
        sides: tuple[list[list[int]], list[list[int]]] = ([], [])
        for look, one, apart in zip(looks, along, off, strict=True):
            less = [v - c for v, c in zip(one, self.centre(look.camera_id), strict=True)]
            sides[sum(a * f for a, f in zip(apart, far, strict=True)) > 0].append(less)
        return [self.unit([sum(values) for values in zip(*side, strict=True)]) for side in sides if side]

    def score(self, look: Template, probe: Sequence[int]) -> np.float32:
        along = self.along(fixed_from_bytes(look.vector).tolist())
        less = [v - c for v, c in zip(along, self.centre(look.camera_id), strict=True)]
        inverse = np.float32(1) / np.sqrt(np.float32(max(sum(v * v for v in less), 1)))
        return np.float32(sum(v * p for v, p in zip(less, probe, strict=True))) * inverse

    def nearest(self, search: Search, top: int) -> list[Candidate]:
        whole = self.centring.centred(fixed_from_bytes(search.probe.vector), search.probe.camera_id)
        values = [int(v) for v in whole]
        dots = [sum(v * b for v, b in zip(values, column, strict=True)) for column in self.basis]
        probe = self.unit([round(dot / LENGTH) for dot in dots])
        near = []
        for person_id, (number, templates) in self.known.persons.items():
            if person_id not in search.excluded:
                scores = [sum(v * p for v, p in zip(g, probe, strict=True)) for g in self.groups(templates)]
                near.append((-max(scores), number, person_id))
        wanted = max(LEAST, len(self.known.persons) // SHARE)
        looks = [
            (-self.score(look, probe), number, person_id, look)
            for _, number, person_id in sorted(near)[:wanted]
            for look in self.known.persons[person_id][1]
        ]
        looks.sort(key=lambda one: one[:2])
        if len(looks) > ROWS + EACH * top:
            last = looks[ROWS + EACH * top - 1][:2]
            looks = [one for one in looks if one[:2] <= last]
        found: dict[str, tuple[int, int]] = {}
        for _, number, person_id, look in looks:
            row = self.centring.centred(fixed_from_bytes(look.vector), look.camera_id)
            best = found.get(person_id, (2_000_000, number))
            found[person_id] = min(best, (-int(cosines(row[None], whole)[0]), number))
        ranked = sorted((score, number, person_id) for person_id, (score, number) in found.items())
        return [Candidate(person_id, -score / 1e6) for score, _, person_id in ranked[:top]]


def searches(known: Known, count: int = 4) -> list[Search]:
    names = list(known.persons)
    return [
        Search(known.probe(), {names[int(n)] for n in known.random.integers(len(names), size=3)})
        for _ in range(count)
    ]


@pytest.mark.parametrize("spare", [1, 32])
@pytest.mark.parametrize("seed", some(range(2)))
def test_finds_whom_the_rule_in_plain_whole_numbers_finds(
    seed: int, spare: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``spare``: of a look many persons more are remembered than are found, or none."""
    monkeypatch.setattr(nearest, "_SPARE_PERSONS", spare)
    known, again = Known(seed, 120), list[Search]()
    for change in ("", "put", "recentre", "drop", "put", "drop"):
        for number in range(3, 40, 5):
            if change == "drop":
                known.drop(number)
            elif change == "put":
                known.put(number)
        if change == "recentre":
            known.recentre(CAMERAS[seed % 3])
        # Some that were asked before, also with others left out.
        asked = [*again, *(one._replace(excluded={"p1", "p2"}) for one in again[:1]), *searches(known, 2)]
        again = asked[-2:]
        for top in (1, 5):
            naive = Naive(known)
            assert known.gallery.search_all(asked, top) == [naive.nearest(one, top) for one in asked]
    assert known.index().large and not known.index().table.rough_scores


@pytest.mark.parametrize("seed", some(range(4)))
def test_how_the_persons_came_there_changes_nothing(seed: int) -> None:
    known = Known(seed, 90)
    for camera_id in CAMERAS:
        known.recentre(camera_id)
    for number in range(0, 90, 7):
        known.drop(number)
    for number in range(1, 60, 7):
        known.put(number)
    other = Gallery()
    other.bases.update(known.gallery.bases)
    for camera_id in CAMERAS[:2]:
        mean = known.gallery.centring(MODEL).cameras[camera_id].mean
        assert mean is not None
        other.centring(MODEL).state(camera_id, 9, fixed_to_bytes(mean))
    order = known.random.permutation(sorted(known.persons)).tolist()
    for number, person_id in enumerate(order):
        of, templates = known.persons[person_id]
        if number % 3 == 0:
            # Somebody else stood there for a while, or it had fewer looks, in another order.
            other.put("else", 1_000, templates[::-1])
            other.put(person_id, of, templates[:1])
            other.search(templates[0], (), 1)
            other.drop("else")
        other.put(person_id, of, templates[::-1])
    mean = known.gallery.centring(MODEL).cameras[CAMERAS[2]].mean
    assert mean is not None
    other.search(known.probe(), (), 1)
    other.centring(MODEL).state(CAMERAS[2], 9, fixed_to_bytes(mean))
    other.recentre(MODEL, CAMERAS[2])
    asked = searches(known, 12)
    expected = known.gallery.search_all(asked, 4)
    assert other.search_all(asked, 4) == expected
    assert [other.search(one.probe, one.excluded, 4) for one in asked] == expected


@pytest.mark.parametrize("bounded", [False, True])
def test_a_smaller_crowd_is_compared_with_everybody_again(
    bounded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if bounded:
        bounded_from(monkeypatch, 90, directions=6, widest=3)
    known = Known(5, 90)
    assert known.index().large
    for number in range(40):
        known.drop(number)
    known.agree(4)
    assert not known.index().large and known.index().table.rough_scores
    assert known.index().table.bounded == bounded
    known.recentre(CAMERAS[0])
    known.agree(2)
    for number in range(90, 150):
        known.put(number)
    assert known.index().large and not known.index().table.rough_scores
    for number in range(90, 150):
        known.drop(number)
    known.agree(4)
    assert known.index().prototypes is not None
    for number in range(40, 50):
        known.drop(number)
    known.agree(4)
    assert known.index().prototypes is None


def test_what_is_remembered_of_looks_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """More looks than are kept; between two questions nobody, few or many persons come."""
    monkeypatch.setattr(nearest, "_REMEMBERED", 2)
    monkeypatch.setattr(prototypes, "_CHANGES", 3)
    known = Known(2, 90)
    asked, unheard = searches(known), 90
    for change in (0, 1, 3, 4, 2, 9, 1):
        for _ in range(change):
            known.put(unheard)
            unheard += 1
        naive = Naive(known)
        right = [(one, naive.nearest(one, 3)) for one in asked]
        for one, nearest_to in (*right, *reversed(right)):
            assert known.gallery.search(one.probe, one.excluded, 3) == nearest_to


def test_a_look_that_was_announced_is_found_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ranked before it is asked for: since then few have changed, more, so many that it is not known
    who, a camera's mean; or it is not asked for, or asked for twice."""
    monkeypatch.setattr(prototypes, "_CHANGES", 6)
    known, ranked = Known(3, 127), list[int]()
    scores = Prototypes.scores
    monkeypatch.setattr(
        Prototypes, "scores", lambda self, looks: ranked.append(len(looks)) or scores(self, looks)
    )
    unheard = 127
    for change in (0, 2, 9, -1, 1):
        first, *then = searches(known, 4)
        nearest_to = Naive(known).nearest(then[1], 1)[0].person_id
        known.gallery.search_all([first], 3, [one.probe for one in then[:2]])
        assert ranked.pop() == 3
        if change < 0:
            for camera_id in {*CAMERAS} - {then[0].probe.camera_id}:
                known.gallery.centring(MODEL).state(camera_id, 9, then[0].probe.vector)
                known.gallery.recentre(MODEL, camera_id)
        else:
            known.drop(int(nearest_to.removeprefix("p")))
            for look in (then[0].probe, *(known.probe() for _ in range(change))):
                known.persons[f"p{unheard}"] = unheard, [look]
                known.gallery.put(f"p{unheard}", *known.persons[f"p{unheard}"])
                unheard += 1
        naive, ranked[:] = Naive(known), []
        for asked in ([*then, then[0]], [first]):
            assert known.gallery.search_all(asked, 3) == [naive.nearest(one, 3) for one in asked]
        # Where it is known who has changed: who was not announced, and the one asked for twice at once.
        assert ranked[0] == (2 if change in {0, 1, 2} else 4)


@pytest.mark.parametrize("spare", [1, 32])
def test_who_is_left_out_the_next_time_makes_place_for_others(
    spare: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of those remembered too few persons are left, or too few of their templates."""
    monkeypatch.setattr(nearest, "_SPARE_PERSONS", spare)
    known = Known(6, 90)
    naive = Naive(known)
    for one in searches(known):
        without: set[str] = set()
        for _ in range(6):
            found = known.gallery.search(one.probe, without, 3)
            assert found == naive.nearest(Search(one.probe, without), 3)
            without = {*without, *(c.person_id for c in found)}
        assert known.gallery.search(one.probe, (), 3) == naive.nearest(Search(one.probe), 3)


def test_whoever_has_more_looks_than_others_is_found_by_all() -> None:
    known = Known(4, 90)
    number, templates = (
        90,
        [
            Template(MODEL, t.vector, t.camera_id, 0.8)
            for _, of in list(known.persons.values())[:20]
            for t in of
        ],
    )
    assert len(templates) > 32
    known.persons["p90"] = number, templates
    known.gallery.put("p90", number, templates)
    naive = Naive(known)
    for one in searches(known, 6):
        assert known.gallery.search(one.probe, one.excluded, 4) == naive.nearest(one, 4)


def state_of(known: Known) -> PartitionState:
    state = PartitionState()
    site = state.site("s")
    for person_id, (number, templates) in known.persons.items():
        site.put(Person(person_id, number, person_id, templates=list(templates)))
    site.next_number = len(known.persons)
    return state


def test_the_basis_of_the_first_crowd_stays_also_in_a_snapshot() -> None:
    known = Known(8, FROM + 20)
    state, site = state_of(known), None
    site = state.site("s")
    first = Gallery()
    for person_id, (number, templates) in list(known.persons.items())[:FROM]:
        assert MODEL not in first.bases
        first.put(person_id, number, templates)
    assert np.array_equal(first.bases[MODEL], site.gallery.bases[MODEL])
    for number in range(40):
        known.drop(number)
        site.take_out(f"p{number}")
    again = load(dump(state)).site("s")
    assert np.array_equal(again.gallery.bases[MODEL], first.bases[MODEL])
    for number in range(100, 140):
        known.put(number)
        for each in (site, again):
            each.put(Person(f"p{number}", number, f"p{number}", templates=known.persons[f"p{number}"][1]))
    asked = searches(known, 8)
    assert again.gallery.search_all(asked, 5) == site.gallery.search_all(asked, 5)
    assert dump(state) == dump(load(dump(state)))


def test_persons_of_another_encoder_do_not_make_a_crowd() -> None:
    known = Gallery()
    source = Known(3, FROM)
    for number, (person_id, (_, templates)) in enumerate(source.persons.items()):
        model = MODEL if number % 2 else "other@1"
        known.put(person_id, number, [Template(model, t.vector, t.camera_id, 0.8) for t in templates])
    assert not known.bases
    # Who is seen anew by the other encoder is one of its persons then.
    for number, (person_id, (_, templates)) in enumerate(source.persons.items()):
        known.put(person_id, number, templates)
    assert list(known.bases) == [MODEL]


def test_a_probe_like_its_cameras_mean_is_compared_with_few() -> None:
    """Along the basis nothing is left of it: all are equally near, and the first registered are looked at."""
    known = Known(1, 90)
    known.recentre("room1")
    mean = known.gallery.centring(MODEL).cameras["room1"].mean
    assert mean is not None
    look = Template(MODEL, fixed_to_bytes(mean), "room1", 0.8)
    found = known.gallery.search(look, {"p0"}, 20)
    assert 1 < len(found) <= 20 and all(c.person_id != "p0" for c in found)


@pytest.mark.parametrize("seed", some(range(3)))
def test_the_order_in_which_products_are_added_up_changes_no_basis(seed: int) -> None:
    random = np.random.default_rng(seed)
    spectrum = np.arange(1, DIM + 1) ** -0.8
    sample = random.standard_normal((300, DIM)) * spectrum + 0.3
    whole = np.rint(sample / np.linalg.norm(sample, axis=1, keepdims=True) * SCALE).astype(np.int16)
    found = basis_of(whole)
    order = random.permutation(DIM)
    assert np.array_equal(basis_of(whole[:, order]), found[order])
    real = found.astype(np.float64) / LENGTH
    assert np.allclose(real.T @ real, np.eye(8), atol=1e-3)
    wide = whole.astype(np.float64)
    most = np.linalg.eigvalsh(wide.T @ wide)[-8:].sum()
    assert np.einsum("ij,ij->", wide @ real, wide @ real) > 0.98 * most


def test_a_sample_of_few_directions_has_no_more() -> None:
    axes = np.zeros((64, DIM), np.int16)
    axes[np.arange(64), np.arange(64) % 3] = SCALE
    found = basis_of(axes)
    assert np.count_nonzero(found.any(axis=0)) == 3
    assert not basis_of(np.zeros((64, DIM), np.int16)).any()


def test_of_equals_the_first_registered() -> None:
    scores = np.array([5, 7, 5, 5, 9, -np.inf, 5], np.float32)
    numbers = np.array([40, 41, 10, 30, 42, 1, 20])
    assert _best(scores, numbers, 3).tolist() == [1, 2, 4]
    assert _best(scores, numbers, 4).tolist() == [1, 2, 4, 6]
    assert _best(scores, np.array([3, 41, 3, 30, 42, 1, 20]), 3).tolist() == [0, 1, 2, 4]
    assert _best(scores, numbers, 7).tolist() == [0, 1, 2, 3, 4, 6]
    assert _best(scores[5:6], numbers[5:6], 1).tolist() == []
    assert _best(np.full(4, -np.inf, np.float32), numbers[:4], 2).tolist() == []


def test_of_those_whom_a_comparison_of_all_finds_hardly_anybody_is_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As encoders lay people (`benchmarks.search.crowd`), and the same share of them looked at as of many."""
    persons, each, dim = 1_000, 6, 96
    monkeypatch.undo()
    monkeypatch.setattr(gallery, "FROM_PERSONS", 800)
    monkeypatch.setattr(nearest, "LEAST", 10)
    monkeypatch.setattr(basis, "DIRECTIONS", 32)
    random, spectrum = np.random.default_rng(6), np.arange(1, dim + 1) ** -0.55
    who = random.standard_normal((persons, 1, dim)) * spectrum
    views = who + 0.7 * spectrum * random.standard_normal((persons, each + 1, dim)) + 0.15
    whole = np.rint(views / np.linalg.norm(views, axis=2, keepdims=True) * SCALE)
    mean = np.rint(whole[:, :each].mean(axis=(0, 1)))
    known = Gallery()
    known.centring(MODEL).state("room1", 100, fixed_to_bytes(mean.astype(np.int16)))
    looks = [
        [Template(MODEL, fixed_to_bytes(view), "room1", 0.8) for view in one]
        for one in whole.astype(np.int16)
    ]
    for number, shown in enumerate(looks):
        known.put(f"p{number}", number, shown[:each])
    rows, found = (whole[:, :each] - mean).reshape(-1, dim), 0
    for one, shown in zip(whole[:60], looks, strict=False):
        scores = cosines(rows, one[each] - mean).reshape(-1, each).max(axis=1)
        best = {f"p{number}" for number in np.argsort(-scores, kind="stable")[:3]}
        found += len(best & {c.person_id for c in known.search(shown[each], (), 3)})
    assert found / (3 * 60) >= 0.96
