"""How far a person gets between two frames: what the tracker compares boxes by at a few frames a second.

At 5 frames/s somebody who crosses the picture moves by more than half the width of their box from one frame
to the next. By intersection over union they are somebody else each time, until the tracker knows how fast
they go, and who turns round or stops is lost again.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from trackers.utils.iou import BaseIoU
from trackers.utils.state_representations import XYXYStateEstimator

Float64Array = npt.NDArray[np.float64]

#: Standard deviations of where a box is found about where it was expected: along the picture and up and down
#: it, in heights of the person, and of the ratio of the heights.
ALONG: Final = 0.2
UPRIGHT: Final = 0.15
TALLER: Final = 0.25
#: Variances, px²: of a box's edges as they are measured, and by how much they and their speed change by the
#: frame. Only their ratio matters. `trackers` takes a tenth of it, made for 30 frames a second: people turn
#: and stop within a frame here.
MEASURED: Final = 0.1
CHANGING: Final = 0.1


class Reach(BaseIoU):  # type: ignore[misc]
    """Similarity of boxes by distance: 1 at the expected place, falling as a normal density does.

    Up and down the picture the nearer of head and feet counts: furniture and other people hide the one or
    the other. Boxes are ``(n, 4)`` left, top, right, bottom; the result is ``(n, m)``, 0 to 1.
    """

    def _compute(self, boxes_1: Float64Array, boxes_2: Float64Array) -> Float64Array:
        a, b = np.asarray(boxes_1, np.float64)[:, None], np.asarray(boxes_2, np.float64)[None]
        height_a, height_b = np.maximum(a[..., 3] - a[..., 1], 1.0), np.maximum(b[..., 3] - b[..., 1], 1.0)
        height = (height_a + height_b) / 2
        along = (a[..., 0] + a[..., 2] - b[..., 0] - b[..., 2]) / 2 / height
        heads, feet = np.abs(a[..., 1] - b[..., 1]), np.abs(a[..., 3] - b[..., 3])
        upright = np.minimum(heads, feet) / height
        taller = np.log(height_a / height_b)
        squares = (along / ALONG) ** 2 + (upright / UPRIGHT) ** 2 + (taller / TALLER) ** 2
        return np.asarray(np.exp(-squares / 2), np.float64)


class Gait(XYXYStateEstimator):  # type: ignore[misc]
    """Constant speed that people may change within a frame or two, whatever noise the tracker asks for."""

    def set_kf_covariances(
        self,
        measurement_noise: Float64Array | None = None,
        process_noise: Float64Array | None = None,
        state_covariance: Float64Array | None = None,
    ) -> None:
        if measurement_noise is not None:
            measurement_noise = np.eye(len(measurement_noise)) * MEASURED
        if process_noise is not None:
            process_noise = np.eye(len(process_noise)) * CHANGING
        super().set_kf_covariances(measurement_noise, process_noise, state_covariance)
