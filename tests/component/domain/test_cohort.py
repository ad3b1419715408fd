"""A cohort that was brought up to date tells what one made anew from the same persons tells, to the bit."""

import numpy as np
import pytest

from reid.contracts.embedding import SCALE, fixed_from_bytes, fixed_to_bytes
from reid.contracts.events import Template
from reid.domain import cohort, remembered
from reid.domain.centring import Centring, cosines
from reid.domain.cohort import Cohort, Pairs, Spread
from tests.unit.depth import some

CAMERAS = ("room1", "room2", "room3")
PRIOR = Spread(0.1, 0.2)


def one_by_one(
    persons: dict[int, list[Template]], centring: Centring, asked: tuple[Template, str], own: set[int]
) -> Spread:
    """What all looks of strangers tell, compared one after the other."""
    look, camera_id = asked
    of_look = centring.centred(fixed_from_bytes(look.vector), look.camera_id)
    scores = []
    for number in sorted(persons)[-cohort.MAX_PERSONS :]:
        shown = next((t for t in persons[number] if t.camera_id == camera_id), None)
        if shown is not None and number not in own:
            row = centring.centred(fixed_from_bytes(shown.vector), camera_id)
            scores.append(int(cosines(row[None], of_look)[0]) / 1e6)
    if len(scores) < 2:
        return PRIOR
    weight = len(scores) / (len(scores) + cohort.PRIOR_LOOKS)
    variance = weight * np.var(scores) + (1 - weight) * PRIOR.deviation**2
    return Spread(weight * np.mean(scores) + (1 - weight) * PRIOR.mean, np.sqrt(variance))


@pytest.mark.parametrize("seed", some(range(4)))
def test_any_life_of_a_cohort(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cohort, "MAX_PERSONS", 6)
    monkeypatch.setattr(remembered, "MAX_PERSONS", 6)
    monkeypatch.setattr(remembered, "_MEMORY", 12)
    random, centring = np.random.default_rng(seed), Centring()
    known, persons = Cohort(centring), dict[int, list[Template]]()

    def look() -> Template:
        vector = random.standard_normal(8)
        fixed = np.rint(vector / np.linalg.norm(vector) * SCALE).astype(np.int16)
        return Template("m@1", fixed_to_bytes(fixed), str(random.choice(CAMERAS)), 0.8)

    asked = [look() for _ in range(9)]
    for _ in range(120):
        number = int(random.integers(15))
        what = random.integers(8)
        if what < 2:
            persons.pop(number, None)
            known.drop(number)
        elif what == 2:
            camera_id = str(random.choice(CAMERAS))
            centring.state(camera_id, 9, fixed_to_bytes(random.integers(0, 999, 8)))
            known.changed(camera_id)
        else:
            changed = {number, *random.integers(15, size=what - 3).tolist()}
            for each in changed:
                persons[each] = persons.get(each, [])[what % 3 :] + [look() for _ in range(what % 3)]
                persons[each] = persons[each] or [look()]
            known.put([(each, persons[each]) for each in changed])
        anew = Cohort(centring)
        anew.put(persons.items())
        some = [(asked[int(n)], str(random.choice(CAMERAS))) for n in random.integers(len(asked), size=5)]
        owns = [set(random.integers(15, size=3).tolist()) for _ in some]
        looks = [look for look, _ in some]
        vectors = centring.all_centred([each.vector for each in looks], [each.camera_id for each in looks])
        pairs = Pairs(np.arange(5), np.array([CAMERAS.index(c) for _, c in some]), np.arange(5))
        priors = np.repeat(np.array(PRIOR)[:, None], 5, axis=1)
        told = known.spreads(looks, vectors, CAMERAS, owns, pairs, *priors)
        assert np.array_equal(told, anew.spreads(looks, vectors, CAMERAS, owns, pairs, *priors))
        naive = [one_by_one(persons, centring, *each) for each in zip(some, owns, strict=True)]
        assert np.allclose(np.transpose(told), naive, rtol=1e-12, atol=0)
        assert known.spread(*some[0], owns[0], PRIOR) == (told[0][0], told[1][0])
    assert known._memory.held <= 12


def look(vector: np.ndarray, camera_id: str) -> Template:
    fixed = np.rint(vector / np.linalg.norm(vector) * SCALE).astype(np.int16)
    return Template("m@1", fixed_to_bytes(fixed), camera_id, 0.8)


def test_more_looks_and_cameras_than_there_was_room_for() -> None:
    random, centring = np.random.default_rng(2), Centring()
    cameras = [f"room{n}" for n in range(20)]
    persons = {n: [look(random.standard_normal(8), camera_id) for camera_id in cameras] for n in range(5)}
    known = Cohort(centring)
    known.put(persons.items())
    looks = [look(random.standard_normal(8), cameras[n % 20]) for n in range(150)]
    for asked in (cameras[:3], cameras, cameras[::-1]):
        for n, one in enumerate(looks):
            for camera_id in asked if n < 5 else asked[:2]:
                told = known.spread(one, camera_id, {1}, PRIOR)
                assert told == pytest.approx(one_by_one(persons, centring, (one, camera_id), {1}), rel=1e-12)


def test_sums_beyond_what_float64_takes_exactly_are_divided_as_whole_numbers() -> None:
    """Rounded before as well, some quotients came out otherwise in the last bit."""
    random = np.random.default_rng(5)
    powers, total = random.integers(2 * 10**14, 25 * 10**13, 2000), random.integers(0, 10**7, 2000)
    count, prior = np.full(2000, 251), np.full(2000, 0.2)
    _, found = cohort._blended(count, total, powers, prior, prior)
    above = [251 * p - t * t for p, t in zip(powers.tolist(), total.tolist(), strict=True)]
    assert min(above) > 2**53
    weight = 251 / (251 + cohort.PRIOR_LOOKS)
    exact = [np.sqrt(weight * (one / 251**2 / 1e12) + (1 - weight) * 0.2 * 0.2) for one in above]
    assert found.tolist() == exact
