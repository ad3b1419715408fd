"""The gallery finds whom a comparison of everything with everything finds, however it gets there: many rows
or few, bounds or products, rows that come and go, means that move."""

import numpy as np
import pytest
from numpy.typing import NDArray

from reid.contracts.embedding import SCALE, FixedVector, fixed_from_bytes, fixed_to_bytes
from reid.contracts.events import Template
from reid.domain import blocks, coarse, rows, shortlist
from reid.domain.blocks import Places
from reid.domain.centring import cosines
from reid.domain.coarse import Floats
from reid.domain.gallery import Candidate, Gallery, Search, _ModelIndex
from tests.unit.depth import some
from tests.unit.domain.large_galleries import bounded_from

DIM = 48
MODEL = "m@1"
CAMERAS = ("room1", "room2", "room3")


def fixed(vector: NDArray[np.float64]) -> FixedVector:
    found: FixedVector = np.rint(vector / np.linalg.norm(vector) * SCALE).astype(np.int16)
    return found


def template(vector: NDArray[np.float64], camera_id: str) -> Template:
    return Template(MODEL, fixed_to_bytes(fixed(vector)), camera_id, 0.8)


class Known:
    """A gallery, and all that went into it."""

    def __init__(self, seed: int, persons: int, near_mean: bool = False) -> None:
        self.random = np.random.default_rng(seed)
        self.gallery, self.persons = Gallery(), dict[str, tuple[int, list[Template]]]()
        self.light = 3.0 * self.random.standard_normal(DIM) * (4.0 if near_mean else 1.0)
        for number in range(persons):
            self.put(number)

    def look(self, who: NDArray[np.float64]) -> NDArray[np.float64]:
        return who * np.arange(1, DIM + 1) ** -0.6 + self.light / 10 + 0.1 * self.random.standard_normal(DIM)

    def put(self, number: int) -> None:
        who = self.random.standard_normal(DIM)
        templates = [template(self.look(who), CAMERAS[(number + n) % 3]) for n in range(number % 5 + 1)]
        self.persons[f"p{number}"] = number, templates
        self.gallery.put(f"p{number}", number, templates)

    def index(self) -> _ModelIndex:
        """With all that went in."""
        self.gallery._catch_up()
        return self.gallery._models[MODEL]

    def drop(self, number: int) -> None:
        del self.persons[f"p{number}"]
        self.gallery.drop(f"p{number}")

    def recentre(self, camera_id: str) -> None:
        vectors = [t.vector for _, of in self.persons.values() for t in of if t.camera_id == camera_id]
        mean = np.mean([fixed_from_bytes(v) for v in vectors], axis=0)
        self.gallery.centring(MODEL).state(camera_id, len(vectors), mean.astype("<i2").tobytes())
        self.gallery.recentre(MODEL, camera_id)

    def probe(self) -> Template:
        """Somebody known, or nobody."""
        _, templates = list(self.persons.values())[int(self.random.integers(len(self.persons)))]
        seen = fixed_from_bytes(templates[0].vector) / SCALE
        strength = self.random.choice([0.02, 0.1, 3.0])
        return template(seen + strength * self.random.standard_normal(DIM), str(self.random.choice(CAMERAS)))

    def nearest(self, search: Search, top: int) -> list[Candidate]:
        centring, found = self.gallery.centring(MODEL), []
        probe = centring.centred(fixed_from_bytes(search.probe.vector), search.probe.camera_id)
        shown = [t for _, templates in self.persons.values() for t in templates]
        rows = centring.all_centred([t.vector for t in shown], [t.camera_id for t in shown])
        scores = iter(cosines(rows, probe).tolist())
        for person_id, (number, templates) in self.persons.items():
            best = max(next(scores) for _ in templates)
            if person_id not in search.excluded:
                found.append((-best, number, Candidate(person_id, best / 1e6)))
        return [candidate for _, _, candidate in sorted(found)][:top]

    def agree(self, times: int) -> None:
        for _ in range(times):
            names = list(self.persons)
            searches = [
                Search(self.probe(), {names[int(n)] for n in self.random.integers(len(names), size=3)})
                for _ in range(3)
            ]
            top = int(self.random.integers(1, 9))
            expected = [self.nearest(search, top) for search in searches]
            assert self.gallery.search_all(searches, top) == expected


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Directions from few rows on, and blocks so small that there are many."""
    bounded_from(monkeypatch, 90, directions=6, widest=3)
    for module in (blocks, rows):
        monkeypatch.setattr(module, "BLOCK", 64)
        monkeypatch.setattr(module, "STRETCH", 16)


@pytest.mark.parametrize("persons", [1, 5, 40, 150])
def test_finds_the_nearest(persons: int) -> None:
    known = Known(persons, persons)
    known.agree(4)
    for camera_id in CAMERAS[: 1 + (persons > 1)]:
        known.recentre(camera_id)
    known.agree(4)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("near_mean", [False, True])
@pytest.mark.parametrize("seed", some(range(3)))
def test_bounds_along_few_directions_change_nothing(seed: int, near_mean: bool) -> None:
    known = Known(seed, 90, near_mean)
    known.agree(3)
    for step in range(3):
        known.recentre(CAMERAS[step % 3])
        for number in known.random.choice(90, 15, replace=False).tolist():
            known.drop(number) if f"p{number}" in known.persons else known.put(number)
        known.agree(3)
    table = known.index().table
    assert table.bounds(np.zeros((1, DIM), np.float32)).shape == (1, table.used)
    assert bool(table._near) == near_mean, "rows near their mean are what this is about"


def bounds_of(known: Known, seen: Places, direction: Floats) -> list[Floats]:
    """Of these rows, along ever more directions."""
    table = known.index().table
    found = [table.few_bounds(seen, direction)]
    for part in (1, 2):
        found.append(table.closer(seen, found[-1], direction, part))
    return found


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("seed", some(range(3)))
def test_each_bound_is_above_the_cosine_and_below_the_one_before(seed: int) -> None:
    known = Known(seed, 120)
    for camera_id in CAMERAS:
        known.recentre(camera_id)
    table = known.index().table
    seen = np.flatnonzero(~table.hidden[: table.used])
    for _ in range(10):
        probe = fixed(known.look(known.random.standard_normal(DIM)) - known.light / 10).astype(np.float64)
        direction = rows.directions_to([probe])[0]
        exact = table.cosines(seen, probe) / 1e6
        found = bounds_of(known, seen, direction)
        assert np.allclose(found[0], table.bounds(direction[None])[0, seen], atol=1e-6)
        assert all((each >= exact - 2e-6).all() for each in found)
        assert found[0].mean() > found[1].mean() > found[2].mean()


@pytest.mark.usefixtures("soon")
def test_rounding_what_lies_along_the_last_directions_lowers_no_bound() -> None:
    """Templates with next to nothing beside the directions, and probes that show just that, or none of it."""
    known = Known(3, 120)
    table = known.index().table
    directions = table._directions
    assert directions is not None
    last = directions[:, table._cuts[1] :].astype(np.float64)
    for number in range(200, 300):
        beside = known.random.standard_normal(DIM)
        beside -= directions @ (directions.T @ beside)
        beside /= np.linalg.norm(beside)
        along = last @ known.random.standard_normal(last.shape[1])
        along /= np.linalg.norm(along)
        known.gallery.put(f"p{number}", number, [template(along + 0.01 * beside, "room1")])
        known.index()
        for probe in (fixed(beside).astype(np.float64), fixed(along).astype(np.float64)):
            row = np.flatnonzero(table.owner[: table.used] == number)
            found = bounds_of(known, row, rows.directions_to([probe])[0])
            exact = table.cosines(row, probe) / 1e6
            assert all((each >= exact - 2e-6).all() for each in found)


@pytest.mark.usefixtures("soon")
def test_too_few_living_rows_have_no_directions() -> None:
    known = Known(7, 10)
    table = known.index().table
    for number in range(9):
        known.drop(number)
    table._direct()
    assert table._directions is None
    for number in range(100, 160):
        known.put(number)
    assert known.index().table._directions is not None
    known.agree(3)


def test_a_person_s_rows_stay_where_they_were_when_one_is_replaced() -> None:
    known = Known(3, 12)
    _, templates = known.persons["p9"]
    before = dict(known.index().rows["p9"])
    changed = [*templates[1:], template(known.look(known.random.standard_normal(DIM)), "room1")]
    known.persons["p9"] = 9, changed
    known.gallery.put("p9", 9, changed)
    after = known.index().rows["p9"]
    assert sum(after.get(row) is kept for row, kept in before.items()) == len(templates) - 1
    known.agree(4)
    known.gallery.put("p9", 9, [])
    del known.persons["p9"]
    known.agree(4)


def test_the_highest_of_long_scores_and_persons_with_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortlist, "_STRETCH", 2)
    monkeypatch.setattr(shortlist, "_EACH", 1)
    known = Known(11, 60)
    known.agree(6)
    # More rows of one person nearest to everything than are looked at first.
    crowded = [template(known.light + 0.01 * known.random.standard_normal(DIM), "room1") for _ in range(64)]
    known.persons["p9"] = 9, crowded
    known.gallery.put("p9", 9, crowded)
    for probe in crowded[:3]:
        assert known.gallery.search_all([Search(probe)], 4) == [known.nearest(Search(probe), 4)]


class Looked:
    """How often a gallery had to look at all rows."""

    def __init__(self, known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
        self.everywhere = 0
        bounds = known.index().table.bounds

        def counted(directions: NDArray[np.float32]) -> NDArray[np.float32]:
            self.everywhere += len(directions)
            return bounds(directions)

        monkeypatch.setattr(known.index().table, "bounds", counted)


@pytest.fixture(params=["directions", "none"])
def large(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, soon: None) -> None:
    """What is kept in mind of a search, in galleries of a few hundred rows; of vectors with directions, and
    of short ones without."""
    if request.param == "none":
        for module in (coarse, rows):
            monkeypatch.setattr(module, "DIRECTIONS", DIM)
    monkeypatch.setattr(shortlist, "_SCORED", 24)
    for name, room in (("_WIDE", (0.3, 0.1, 150, 90)), ("_NARROW", (0.1, 0.02, 60, 30))):
        monkeypatch.setattr(shortlist, name, shortlist._Room(*room))


def turned(known: Known, look: NDArray[np.float64], by: float) -> NDArray[np.float64]:
    moved = look / np.linalg.norm(look) + by * known.random.standard_normal(DIM) / DIM**0.5
    found: NDArray[np.float64] = moved / np.linalg.norm(moved)
    return found


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("near_mean", [False, True])
@pytest.mark.parametrize("seed", some(range(3)))
def test_a_search_that_begins_where_another_ended_finds_the_same(
    seed: int, near_mean: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looks that turn little by little, while persons come, change and go, and means move."""
    known = Known(seed, 120, near_mean)
    for camera_id in CAMERAS:
        known.recentre(camera_id)
    looked, asked = Looked(known, monkeypatch), 0
    looks = [known.look(known.random.standard_normal(DIM)) for _ in range(6)]
    for step in range(60):
        if step % 3 == 0:
            known.put(int(known.random.integers(140)))
        if step % 7 == 0:
            known.drop(known.persons[str(known.random.choice(list(known.persons)))][0])
        if step % 20 == 19:
            known.recentre(CAMERAS[step // 20])
        who = step % len(looks)
        looks[who] = turned(known, looks[who], float(known.random.choice([0.0, 0.01, 0.05, 0.2])))
        barred = {str(known.random.choice(list(known.persons)))}
        search = Search(template(looks[who], CAMERAS[who % 3]), barred)
        top = int(known.random.integers(1, 6))
        assert known.gallery.search_all([search], top) == [known.nearest(search, top)]
        asked += 1
    assert 0 < looked.everywhere < asked, "some searches are settled by earlier ones, some are not"


@pytest.mark.usefixtures("large")
def test_who_comes_nearest_after_a_search_is_found_by_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Known(5, 120)
    look = known.look(known.random.standard_normal(DIM))
    search = Search(template(look, "room1"))
    known.gallery.search_all([search], 3)
    looked = Looked(known, monkeypatch)
    known.persons["p500"] = 500, [template(look, "room1")]
    known.gallery.put("p500", 500, known.persons["p500"][1])
    (found,) = known.gallery.search_all([search], 3)
    assert found == known.nearest(search, 3)
    assert found[0].person_id == "p500"
    assert looked.everywhere == 0
    known.drop(500)
    assert known.gallery.search_all([search], 3) == [known.nearest(search, 3)]


@pytest.mark.usefixtures("large")
def test_a_search_from_before_too_many_changes_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "_CHANGES", 5)
    known = Known(6, 120)
    search = Search(template(known.look(known.random.standard_normal(DIM)), "room1"))
    known.gallery.search_all([search], 3)
    looked = Looked(known, monkeypatch)
    for number in range(200, 212):
        known.put(number)
    assert known.gallery.search_all([search], 3) == [known.nearest(search, 3)]
    assert looked.everywhere == 1


@pytest.mark.usefixtures("large")
def test_a_new_mean_brings_rows_nearer_that_were_outside() -> None:
    for seed in some(range(6), 2):
        known = Known(seed, 120)
        look = known.look(known.random.standard_normal(DIM))
        search = Search(template(look, "room1"))
        for camera_id in ("room2", "room3", "of nobody"):
            known.gallery.search_all([search], 2)
            # Away from the look: all rows of this camera come nearer to it, and only they.
            stated = fixed_to_bytes((-0.3 * fixed(look)).astype(np.int16))
            known.gallery.centring(MODEL).state(camera_id, 9, stated)
            known.gallery.recentre(MODEL, camera_id)
            assert known.gallery.search_all([search], 2) == [known.nearest(search, 2)]


@pytest.mark.usefixtures("large")
def test_a_row_that_a_small_step_of_the_mean_takes_away_from_it_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Too near its camera's mean to be scored, then not: it was in no neighbourhood."""
    known = Known(8, 120)
    along, beside = np.linalg.qr(known.random.standard_normal((DIM, 2)))[0].T
    mean, near = 0.85 * along, 0.97663 * along + (1 - 0.97663**2) ** 0.5 * beside
    away = (near - mean) / np.linalg.norm(near - mean)
    gallery = known.gallery

    def state(vector: NDArray[np.float64]) -> None:
        stated = fixed_to_bytes(np.rint(vector * SCALE).astype(np.int16))
        gallery.centring(MODEL).state("room9", 9, stated)
        gallery.recentre(MODEL, "room9")

    state(mean)
    known.persons["p900"] = 900, [template(near, "room9")]
    gallery.put("p900", 900, known.persons["p900"][1])
    search = Search(template(away, "room1"))
    assert gallery.search_all([search], 1) == [known.nearest(search, 1)]
    assert gallery._models[MODEL].table._near
    looked = Looked(known, monkeypatch)
    state(mean - 0.012 * away)
    assert not gallery._models[MODEL].table._near
    (found,) = gallery.search_all([search], 1)
    assert found == known.nearest(search, 1)
    assert found[0].person_id == "p900"
    assert looked.everywhere == 0


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("near_mean", [False, True])
def test_a_large_gallery_that_everybody_left_finds_nobody(near_mean: bool) -> None:
    known = Known(9, 120, near_mean)
    known.recentre("room1")
    searches = [Search(known.probe()) for _ in range(2)]
    known.gallery.search_all(searches, 3)
    for number in range(119):
        known.drop(number)
    assert known.gallery.search_all(searches, 3) == [known.nearest(search, 3) for search in searches]
    known.drop(119)
    assert known.gallery.search_all(searches, 3) == [[], []]


def test_whoever_is_gone_before_the_first_question_is_not_found() -> None:
    """There were no rows at all, and the search multiplied none with the cameras' means."""
    known = Known(4, 1)
    probe = known.probe()
    known.drop(0)
    assert known.gallery.search(probe, (), 3) == []
    known.put(1)
    known.agree(2)


def test_a_log_folded_without_a_question_lets_no_more_than_so_many_wait() -> None:
    known = Known(4, 1_000)
    assert len(known.gallery._late) < 256
    assert len(known.gallery._models[MODEL].rows) > 700
    known.agree(2)
