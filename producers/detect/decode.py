"""Network output -> candidate boxes in the pixels of the network's input, one function a family."""

from collections.abc import Callable
from typing import Final

import numpy as np

from producers.detect.base import Boxes
from producers.detect.layout import Layout
from producers.network import Tensor

STRIDES: Final = (8, 16, 32)
Decoder = Callable[[Tensor, Layout], Boxes]


def yolox(output: Tensor, layout: Layout) -> Boxes:
    """(1, cells, 5 + classes): centre offset and log size by grid cell and stride, objectness, classes.

    YOLOX (Ge et al., 2021), decoded outside the network as its standard export leaves it.
    """
    rows = output[0]
    grids, strides = [], []
    for stride in STRIDES:
        y, x = np.mgrid[: layout.height // stride, : layout.width // stride]
        grids.append(np.stack([x.ravel(), y.ravel()], axis=1))
        strides.append(np.full((x.size, 1), stride))
    grid, stride_of = np.concatenate(grids), np.concatenate(strides)
    score = rows[:, 4] * _class_score(rows[:, 5:], layout)
    keep = score >= layout.min_score
    rows, grid, stride_of = rows[keep], grid[keep], stride_of[keep]
    return _centred((rows[:, :2] + grid) * stride_of, np.exp(rows[:, 2:4]) * stride_of, score[keep])


def yolov5(output: Tensor, layout: Layout) -> Boxes:
    """(1, candidates, 5 + classes): centre and size in pixels, objectness, classes."""
    rows = output[0]
    score = rows[:, 4] * _class_score(rows[:, 5:], layout)
    keep = score >= layout.min_score
    return _centred(rows[keep, :2], rows[keep, 2:4], score[keep])


def yolov8(output: Tensor, layout: Layout) -> Boxes:
    """(1, 4 + classes, candidates): centre and size in pixels, classes, no objectness."""
    rows = output[0].T
    score = _class_score(rows[:, 4:], layout)
    keep = score >= layout.min_score
    return _centred(rows[keep, :2], rows[keep, 2:4], score[keep])


def end2end(output: Tensor, layout: Layout) -> Boxes:
    """(1, n, 6): left, top, right, bottom in pixels, score, class; already suppressed."""
    rows = output[0]
    keep = (rows[:, 4] >= layout.min_score) & _is_person(rows[:, 5], layout)
    return _corners(rows[keep, :4], rows[keep, 4])


def ssd(output: Tensor, layout: Layout) -> Boxes:
    """(1, 1, n, 7): image, class, score, left, top, right, bottom as shares of the input."""
    rows = output.reshape(-1, 7)
    # A negative image number ends the list.
    ended = np.flatnonzero(rows[:, 0] < 0)
    rows = rows[: ended[0]] if len(ended) else rows
    keep = (rows[:, 2] >= layout.min_score) & _is_person(rows[:, 1], layout)
    size = np.array([layout.width, layout.height] * 2, np.float32)
    return _corners(rows[keep, 3:7] * size, rows[keep, 2])


def fastestdet(output: Tensor, layout: Layout) -> Boxes:
    """(1, 85, rows, columns): objectness, offset (tanh), size as share of the input (sigmoid), classes.

    FastestDet weighs objectness^0.6 with class^0.4.
    """
    plane = output[0]
    rows, columns = plane.shape[1:]
    objectness, offset, size, classes = plane[0], plane[1:3], plane[3:5], plane[5:]
    person = classes[layout.person_class or 0] * (classes.argmax(axis=0) == (layout.person_class or 0))
    score = objectness**0.6 * person**0.4
    y, x = np.nonzero(score >= layout.min_score)
    cell = np.array([layout.width / columns, layout.height / rows], np.float32)
    centre = (np.stack([x, y], axis=1) + np.tanh(offset[:, y, x]).T) * cell
    extent = 1 / (1 + np.exp(-size[:, y, x].T)) * np.array([layout.width, layout.height], np.float32)
    return _centred(centre, extent, score[y, x])


DECODERS: Final[dict[str, Decoder]] = {
    "yolox": yolox,
    "yolov5": yolov5,
    "yolov8": yolov8,
    "end2end": end2end,
    "ssd": ssd,
    "fastestdet": fastestdet,
}


def _class_score(classes: Tensor, layout: Layout) -> Tensor:
    """Score of class person where it is the likeliest class, else 0."""
    person = layout.person_class or 0
    if classes.shape[1] == 0:
        return np.ones(len(classes), np.float32)
    return np.asarray(classes[:, person] * (classes.argmax(axis=1) == person), np.float32)


def _is_person(classes: Tensor, layout: Layout) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    if layout.person_class is None:
        return np.ones(len(classes), bool)
    return np.asarray(classes.round() == layout.person_class)


def _centred(centre: Tensor, size: Tensor, score: Tensor) -> Boxes:
    return Boxes.of(np.concatenate([centre - size / 2, size], axis=1), score)


def _corners(xyxy: Tensor, score: Tensor) -> Boxes:
    return Boxes.of(np.concatenate([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]], axis=1), score)
