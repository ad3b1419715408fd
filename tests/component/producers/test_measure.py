"""What calibrates an encoder, measured on crops made up of looks and noise."""

from pathlib import Path

import numpy as np
import pytest

from producers.embed.measure import Gallery, agreement, calibrated, cross_camera, embedded
from producers.embed.select import open_embedder
from reid.domain.similarity import evening
from reid.errors import ConfigError
from tests.unit.deploy.evaluate.crop_files import paint, strangers


def gallery(noise: float, people: int = 300, crops: int = 4, seed: int = 0) -> Gallery:
    """``crops`` of everybody in each of two cameras, in some common directions, with ``noise`` in all."""
    random, dim = np.random.default_rng(seed), 96
    looks = random.standard_normal((people, 12)) @ random.standard_normal((12, dim)) / 12**0.5
    seen = looks[:, None, None] + 0.2 * random.standard_normal((people, 2, 1, dim))
    rows = (seen + noise * random.standard_normal((people, 2, crops, dim))).reshape(-1, dim)
    who, camera = np.repeat(np.arange(people), 2 * crops), np.tile(np.repeat([1, 2], crops), people)
    return Gallery(
        (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32),
        who.astype(np.int64),
        camera.astype(np.int64),
    )


def test_agreement_is_near_the_cosine_of_two_crops_of_a_track() -> None:
    crops = gallery(0.6)
    first, second = crops.first_crops()
    cosine = float(np.median((first.vectors * second.vectors).sum(axis=1)))
    assert 0.6 < cosine < 0.85
    found = agreement(crops)
    assert found is not None
    # Above it, as noise is not only lost to the length of a mean, but makes strangers alike, too.
    assert cosine < found < cosine + 0.1


def test_the_noisier_the_crops_the_less_they_agree() -> None:
    found = [agreement(gallery(noise)) for noise in (0.0, 0.3, 0.6, 1.0)]
    assert found[0] == 1.0
    assert found == sorted(found, key=lambda one: -(one or 0.0)) and len(set(found)) == 4


def test_by_it_one_per_cent_of_strangers_pass_whatever_they_are_means_of() -> None:
    found, other = calibrated(gallery(0.6), "made"), gallery(0.6, seed=1)
    assert found.agreement is not None
    ((operating, _),) = [knot for knot in found.knots if knot[1] == 0.6]
    _, strangers = cross_camera(other.first_crops()[0])
    factor = float(evening(np.array([1.0]), found.agreement)[0]) ** 2
    assert float((strangers >= operating).mean()) < 0.006
    assert 0.008 < float((strangers * factor >= operating).mean()) < 0.013
    assert found.measured_on == "made, 300 people, means of 2"


def test_without_two_crops_a_track_nothing_is_said_of_their_agreement() -> None:
    found = calibrated(gallery(0.6, crops=1), "made")
    assert found.agreement is None and len(found.knots) == 3


def test_too_few_are_refused_as_before() -> None:
    with pytest.raises(ConfigError, match="20 and 1000 are needed"):
        calibrated(gallery(0.6, people=10), "made")


def test_distractors_were_calibrated_on_as_one_person(tmp_path: Path) -> None:
    directory = strangers(strangers(paint(tmp_path, 2, crops=1), "0000", 4), "-1", 2)
    embedder = open_embedder("appearance-512")
    assert embedded(directory, embedder)[0].people.tolist() == [1, 1, 2, 2]
    assert embedded(directory, embedder, distractors="0,2")[0].people.tolist() == [1, 1]
    assert embedded(directory, embedder, distractors="none")[0].people.tolist() == [0, 0, 0, 0, 1, 1, 2, 2]
