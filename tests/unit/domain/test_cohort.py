"""A cohort that was brought up to date tells what one made anew from the same persons tells, to the bit."""

import numpy as np
import pytest

from reid.contracts.embedding import SCALE, fixed_to_bytes
from reid.contracts.events import Template
from reid.domain import cohort
from reid.domain.centring import Centring
from reid.domain.cohort import Cohort, Spread

CAMERAS = ("room1", "room2", "room3")
PRIOR = Spread(0.1, 0.2)


@pytest.mark.parametrize("seed", range(4))
def test_any_life_of_a_cohort(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cohort, "MAX_PERSONS", 6)
    monkeypatch.setattr(cohort, "_MEMORY", 12)
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
            centring.state(str(random.choice(CAMERAS)), 9, fixed_to_bytes(random.integers(0, 999, 8)))
            known.changed()
        else:
            persons[number] = persons.get(number, [])[what % 3 :] + [look() for _ in range(what % 3)]
            persons[number] = persons[number] or [look()]
            known.put(number, persons[number])
        anew = Cohort(centring)
        for each, templates in persons.items():
            anew.put(each, templates)
        some = [asked[int(n)] for n in random.integers(len(asked), size=4)]
        camera_id, own = str(random.choice(CAMERAS)), set(random.integers(15, size=3).tolist())
        known.prepare(some[:2], camera_id)
        priors = [PRIOR] * len(some)
        assert known.spreads(some, camera_id, own, priors) == anew.spreads(some, camera_id, own, priors)
        assert known.spread(some[0], camera_id, own, PRIOR) == anew.spread(some[0], camera_id, own, PRIOR)
    assert len(known._known) <= 12
