"""Styles of other cameras, without torch."""

import numpy as np
import pytest

from producers.training.evaluate import Scores
from producers.training.styles import Style, mean_scores, styled


def picture(seed: int = 0) -> np.ndarray:  # type: ignore[type-arg]
    blocks = np.random.default_rng(seed).integers(20, 236, (8, 4, 3), np.uint8)
    return np.repeat(np.repeat(blocks, 20, axis=0), 16, axis=1)


def test_a_seed_repeats_a_style_and_cameras_differ() -> None:
    first, again, other = styled(3), styled(3), styled(4)
    assert np.array_equal(first(picture(), 1), again(picture(), 1))
    one, two = first(picture(), 1), first(picture(), 2)
    assert one.shape != two.shape or np.abs(one.astype(int) - two).mean() > 5
    assert not np.array_equal(first(picture(), 1), other(picture(), 1))


def test_a_style_changes_colours_and_frame_within_bounds() -> None:
    for seed in range(20):
        image = styled(seed)(picture(), 1)
        assert image.dtype == np.uint8
        assert 0.75 * 160 <= image.shape[0] <= 1.15 * 160
        assert 0.75 * 64 <= image.shape[1] <= 1.15 * 64
        # Someone can still be seen: neither black nor white all over.
        assert image.std() > 10


def test_no_style_leaves_the_picture_but_for_jpeg() -> None:
    plain = Style(np.eye(3, dtype=np.float32), np.arange(256, dtype=np.uint8), (0, 0, 0, 0), 0.0, 100)
    assert np.abs(plain.of(picture()).astype(int) - picture()).mean() < 5


def test_the_tone_curve_never_falls() -> None:
    for seed in range(20):
        assert (np.diff(Style.drawn(seed, 1).curve.astype(int)) >= 0).all()


def test_means_of_scores() -> None:
    mean = mean_scores([Scores(0.2, 0.4, 0.3, 0.1, 0.5), Scores(0.4, 0.8, 0.5, 0.3, 0.7)])
    assert mean.rank1 == pytest.approx(0.3)
    assert mean.found == pytest.approx(0.6)
