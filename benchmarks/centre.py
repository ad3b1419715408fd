"""Measures the centre of the built-in appearance descriptor: writes `appearance_centre.json`.

    python -m benchmarks.centre

Half of it is the mean of cuhk03_train (real people, two cameras), half that of the simulated site of seed 0
(four cameras of strongly different light): two worlds as unlike as can be had, so that neither's own mean
is left in the other. Seeds other than 0, and cuhk03_val, measure what it is worth.
"""

import json
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.calibrate import DATA
from producers.embed import appearance
from producers.frames import Image
from producers.quality import crop
from producers.simulation.site import Site

CAMERAS = 4
SECONDS = range(0, 180, 2)


def mean_of(crops: list[Image]) -> npt.NDArray[np.float64]:
    parts = [appearance.uncentred(crops[i : i + 16]) for i in range(0, len(crops), 16)]
    return np.asarray(np.concatenate(parts).mean(axis=0), np.float64)


def simulated() -> list[Image]:
    """Crops of everybody well in sight."""
    site = Site(people=40, cameras=CAMERAS, seed=0)
    found = []
    for camera in range(CAMERAS):
        for second in SECONDS:
            image, truth = site.observe(camera, float(second))
            clear = [p.bbox for p in truth if p.visibility >= 0.7 and p.bbox[3] >= 60]
            found += [crop(image, np.array(box, np.float32)).copy() for box in clear]
    return found


def main() -> None:
    cv2.setNumThreads(1)
    real = [np.asarray(cv2.imread(str(p)), np.uint8) for p in sorted((DATA / "cuhk03_train").glob("*.jpg"))]
    site = simulated()
    centre = (mean_of(real) + mean_of(site)) / 2
    target = Path(appearance.__file__).with_name(appearance.CENTRE_FILE)
    how = (
        f"python -m benchmarks.centre: half of {len(real)} crops of cuhk03_train, "
        f"half of {len(site)} simulated"
    )
    target.write_text(json.dumps({"measured_by": how, "centre": np.round(centre, 5).tolist()}) + "\n")
    print(f"{target}: {how}")


if __name__ == "__main__":
    main()
