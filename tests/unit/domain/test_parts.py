"""The parts of the core, each against an independent computation of the same thing."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from reid.contracts.embedding import (
    SCALE,
    FixedVector,
    are_sound,
    cosine,
    decode_wire,
    encode_wire,
    fixed_from_bytes,
    fixed_to_bytes,
    normalise_fixed,
    to_fixed,
)
from reid.contracts.events import Template
from reid.domain.assignment import assign
from reid.domain.gallery import Gallery
from reid.domain.labels import label, person_id
from reid.domain.policy import Policies, Policy
from reid.domain.similarity import calibrated, evening
from reid.domain.templates import most_diverse, slot_for
from reid.errors import PoisonInput

seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (701, "ZZ"), (702, "AAA")],
)
def test_labels(number: int, expected: str) -> None:
    assert label(number) == f"Visitor-{expected}"


def test_labels_are_unique() -> None:
    assert len({label(n) for n in range(20_000)}) == 20_000


def test_person_id_has_the_old_form() -> None:
    assert person_id(1762344658197, 0) == "person_1762344658197_0"


@given(st.lists(st.lists(st.integers(0, 9), min_size=4, max_size=4), max_size=6))
def test_assignment_reaches_the_best_of_all(gains: list[list[int]]) -> None:
    chosen = assign(gains)
    taken = [c for c in chosen if c >= 0]
    assert len(taken) == len(set(taken))
    assert all(gains[r][c] > 0 for r, c in enumerate(chosen) if c >= 0)
    assert len(chosen) == len(gains)
    nobody = [0, 0]  # so that each of six rows has a column of its own
    best = max(
        sum((row + nobody)[c] for row, c in zip(gains, order, strict=False))
        for order in permutations(range(6))
    )
    assert sum(gains[r][c] for r, c in enumerate(chosen) if c >= 0) == best


@given(seeds, st.integers(1, 600))
def test_fixed_point_is_the_unit_vector_to_half_a_step(seed: int, dim: int) -> None:
    vector = np.random.default_rng(seed).normal(size=dim).astype(np.float16)
    if not vector.any():
        return
    exact = vector.astype(np.float64) / np.linalg.norm(vector.astype(np.float64))
    assert np.abs(to_fixed(vector) - exact * SCALE).max() <= 0.5 + 1e-6


@given(seeds)
def test_fixed_point_does_not_depend_on_the_length_of_the_vector(seed: int) -> None:
    vector = np.random.default_rng(seed).integers(-100, 100, 64).astype(np.float64)
    if vector.any():
        assert np.array_equal(normalise_fixed(vector), normalise_fixed(vector * 4.0))


@pytest.mark.parametrize("scale", [6e-8, 1e-4, 1.0, 65504.0])
def test_fixed_point_of_the_smallest_and_largest_half_floats(scale: float) -> None:
    vector = np.array([scale, -scale, 0.0, scale], np.float16)
    assert np.allclose(to_fixed(vector) / SCALE, [3**-0.5, -(3**-0.5), 0, 3**-0.5], atol=1e-4)


def test_mean_of_opposite_embeddings_has_no_direction() -> None:
    with pytest.raises(PoisonInput, match="no direction"):
        normalise_fixed(np.zeros(8))


@given(seeds)
def test_wire_and_event_forms_round_trip(seed: int) -> None:
    vector = np.random.default_rng(seed).normal(size=16).astype(np.float16)
    assert np.array_equal(decode_wire(encode_wire(vector), 16), vector)
    fixed = to_fixed(vector)
    assert np.array_equal(fixed_from_bytes(fixed_to_bytes(fixed)), fixed)
    assert cosine(fixed, fixed) == pytest.approx(1.0, abs=1e-3)


def _taken(raw: bytes, dim: int) -> bool:
    try:
        decode_wire(raw, dim)
    except PoisonInput:
        return False
    return True


#: Zero of both signs, the least and the largest half float, infinities, and what is no number.
_ODD = st.sampled_from(
    [b"\0\0", b"\0\x80", b"\1\0", b"\xff\x7b", b"\0\x7c", b"\0\xfc", b"\1\x7c", b"\xff\xff"]
)
_RAW = st.lists(_ODD, min_size=3, max_size=3) | st.lists(_ODD | st.binary(min_size=2, max_size=2), max_size=4)


@given(st.lists(_RAW.map(b"".join), min_size=1, max_size=4))
def test_one_look_at_many_embeddings_sees_what_a_look_at_each_sees(raws: list[bytes]) -> None:
    assert are_sound(raws, 3) == all(_taken(raw, 3) for raw in raws)


def _cosine(a: FixedVector, b: FixedVector) -> float:
    wide = a.astype(np.float64), b.astype(np.float64)
    return float(np.rint(wide[0] @ wide[1] / np.sqrt((wide[0] @ wide[0]) * (wide[1] @ wide[1])) * 1e6) / 1e6)


@given(seeds, st.integers(1, 60), st.sampled_from([2, 8, 256]))
def test_gallery_search_equals_a_search_of_every_template(seed: int, people: int, dim: int) -> None:
    draw = np.random.default_rng(seed)
    gallery = Gallery()
    kept: dict[str, tuple[int, list[Template]]] = {}
    for number in range(people):
        # Few directions, so that ties and near ties are common.
        vectors = [
            to_fixed(draw.integers(-2, 3, dim).astype(np.float16) + np.float16(0.25)) for _ in range(3)
        ]
        templates = [Template("m@1", fixed_to_bytes(v), "room1", 1.0) for v in vectors]
        gallery.put(f"p{number}", number, templates)
        kept[f"p{number}"] = (number, templates)
    for number in range(0, people, 3):
        gallery.drop(f"p{number}")
        del kept[f"p{number}"]
    for number in range(1, people, 5):
        if f"p{number}" in kept:
            kept[f"p{number}"] = (number, kept[f"p{number}"][1][:1])
            gallery.put(f"p{number}", number, kept[f"p{number}"][1])
    probe = to_fixed(draw.integers(-2, 3, dim).astype(np.float16) + np.float16(0.25))
    excluded = {"p1", "p7", "nobody"}
    naive = [
        (-max(_cosine(fixed_from_bytes(t.vector), probe) for t in templates), number, person)
        for person, (number, templates) in kept.items()
        if person not in excluded
    ]
    found = gallery.search(Template("m@1", fixed_to_bytes(probe), "room2", 1.0), excluded, 4)
    assert [c.raw for c in found] == [-score for score, _, _ in sorted(naive)[:4]]
    assert [c.person_id for c in found] == [p for _, _, p in sorted(naive)[:4]]


def test_shortlist_is_widened_while_a_row_outside_it_could_be_the_answer() -> None:
    gallery = Gallery()
    vector = fixed_to_bytes(to_fixed(np.ones(8, np.float16)))
    for number in range(500):
        gallery.put(f"p{number}", number, [Template("m@1", vector, "room1", 1.0)])
    # All alike: only the registration number may decide, whatever rows the shortlist began with.
    found = gallery.search(Template("m@1", vector, "room2", 1.0), {"p0"}, 3)
    assert [c.person_id for c in found] == ["p1", "p2", "p3"]


def test_gallery_of_another_model_is_empty_and_a_person_may_lose_a_model() -> None:
    gallery = Gallery()
    one = Template("m@1", fixed_to_bytes(to_fixed(np.ones(4, np.float16))), "room1", 1.0)
    gallery.put("p", 0, [one])
    assert gallery.search(Template("m@2", one.vector, "room1", 1.0), (), 3) == []
    gallery.put("p", 0, [])
    assert gallery.search(one, (), 3) == []
    gallery.drop("nobody")


def test_gallery_grows_past_its_first_block_and_reuses_rows() -> None:
    gallery = Gallery()
    vectors = np.random.default_rng(0).normal(size=(300, 32)).astype(np.float16)
    templates = [Template("m@1", fixed_to_bytes(to_fixed(v)), "room1", 1.0) for v in vectors]
    for round_ in range(2):
        for number, template in enumerate(templates):
            gallery.put(f"p{number}", number, [template])
        assert gallery.search(templates[257], (), 1)[0].person_id == "p257", round_


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_calibration_keeps_the_order_of_scores(first: float, second: float) -> None:
    knots = ((-0.2, 0.0), (0.3, 0.4), (0.5, 0.6), (1.0, 1.0))
    low, high = sorted((first, second))
    assert calibrated(low, knots) <= calibrated(high, knots)
    assert calibrated(0.5, knots) == 0.6
    assert calibrated(0.4, knots) == pytest.approx(0.5)
    assert calibrated(1.1, knots) == 1.0
    assert calibrated(low, ()) == round(low, 6)


@given(st.floats(1, 1000), st.floats(0, 1))
def test_of_more_crops_a_cosine_counts_less_and_of_two_as_it_is(crops: float, agreement: float) -> None:
    one, two, so_many, more = evening(np.array([1, 2, crops, crops + 1]), agreement).tolist()
    assert two == 1.0
    assert 0.0 <= more <= so_many <= one <= 2**0.5


def test_without_noise_of_its_own_a_crop_is_as_good_as_many() -> None:
    assert evening(np.array([1.0, 3.0, 50.0]), 1.0).tolist() == [1.0, 1.0, 1.0]


def test_strangers_pass_alike_by_any_number_of_crops() -> None:
    """Crops are their track's look, in some common directions, and noise in all."""
    random, people, dim = np.random.default_rng(0), 600, 128
    looks = random.standard_normal((people, 12)) @ random.standard_normal((12, dim)) / 12**0.5
    crops = looks[:, None] + 0.5 * random.standard_normal((people, 8, dim))
    crops /= np.linalg.norm(crops, axis=2, keepdims=True)
    agreement = float(np.median(np.einsum("pd,pd->p", crops[:, 0], crops[:, 1])))

    def strangers(ours: int, theirs: int, evened: bool) -> NDArray[np.float64]:
        sides = []
        for count, rows in ((ours, crops[:300]), (theirs, crops[300:])):
            mean = rows[:, :count].mean(axis=1)
            factor = evening(np.array([float(count)]), agreement)[0] if evened else 1.0
            sides.append(mean / np.linalg.norm(mean, axis=1, keepdims=True) * factor)
        return np.asarray(sides[0] @ sides[1].T, np.float64)

    limit = float(np.quantile(strangers(2, 2, False), 0.99))
    lengths = [(1, 1), (1, 8), (4, 4), (8, 8)]
    before, after = (
        [float((strangers(*sides, evened) > limit).mean()) for sides in lengths] for evened in (False, True)
    )
    assert before[0] < 0.005 and before[-1] > 0.012
    assert after == pytest.approx([0.01] * 4, abs=0.002)


@pytest.mark.parametrize(
    ("quality", "weight", "crops"), [(0.5, 0.0, 1.0), (0.5, 0.5, 1.0), (0.8, 2.0, 2.5), (0.0, 0.15, 3.0)]
)
def test_a_template_says_of_how_many_crops_it_is(quality: float, weight: float, crops: float) -> None:
    assert Template("m@1", b"", "room1", quality, weight=weight).crops == pytest.approx(crops)


def _templates(*rows: tuple[float, ...], model: str = "m@1", quality: float = 0.5) -> list[Template]:
    return [
        Template(model, fixed_to_bytes(to_fixed(np.array(r, np.float16))), "room1", quality) for r in rows
    ]


def test_full_gallery_swaps_the_redundant_template_only_for_a_more_different_one() -> None:
    policy = Policy(max_templates=3)
    kept = _templates((1, 0, 0, 0), (1, 0.3, 0, 0), (0, 1, 0, 0))
    (different,) = _templates((0, 0, 1, 0))
    (alike,) = _templates((0.28, 1, 0, 0.35))
    assert slot_for(kept, different, (), policy) in (0, 1)
    assert slot_for(kept, alike, (), Policy(max_templates=3, template_novelty=1.1)) in (0, 1)
    (copy,) = _templates((0, 1, 0, 0.1))
    assert slot_for(kept, copy, (), Policy(max_templates=3, template_novelty=1.1)) is None
    assert slot_for(kept, copy, (), policy) is None


def test_most_diverse_drops_the_worse_crop_of_the_closest_pair() -> None:
    kept = _templates((1, 0, 0)) + _templates((1, 0.1, 0), quality=0.1) + _templates((0, 1, 0))
    assert most_diverse(kept, 2) == (kept[0], kept[2])
    strangers = _templates((1, 0, 0)) + _templates((1, 0, 0), model="m@2")
    assert most_diverse(strangers, 1) == (strangers[0],)


def test_policy_version_names_the_numbers() -> None:
    assert Policy().version == Policy().version
    assert Policy().version != Policy(margin=0.04).version
    special = Policy(threshold=0.7)
    policies = Policies(sites={"annex": special})
    assert policies.of("annex") is special
    assert policies.of("global") == Policy()
