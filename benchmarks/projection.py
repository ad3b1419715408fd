"""Fits the matrices of the hand-made descriptor: writes `producers/embed/appearance.npz`.

    python -m benchmarks.projection

For each block, in closed form: the scatter of a person's crops about their mean is divided out (within-class
covariance normalisation, shrunk towards a sphere), and of what is left the directions are kept in which
people differ most (Fisher). The scatter is a mean of three, so that no world's light is taken for the only
one: cuhk03_train as it is; the same beside itself as other cameras would show it, another style for each
person and camera (`producers.training.styles`); and people of the simulated site. Shares and shrinkage were
chosen on cuhk03_val (plain and in styles) and on simulated people of other seeds.
"""

from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.calibrate import DATA
from producers.embed import appearance
from producers.embed.appearance import BLOCKS, Projection, measured
from producers.embed.base import FloatArray
from producers.embed.light import resized
from producers.frames import Image
from producers.quality import crop
from producers.simulation.site import Site
from producers.training.data import named
from producers.training.styles import Style

#: Sites that neither the demo nor an evaluation shows by default.
SEEDS: Final = (100, 101)
CAMERAS: Final = 4
SECONDS: Final = range(0, 180, 4)
SHARES: Final = (0.4, 0.4, 0.2)
SHRINKAGE: Final = 1.0
BATCH: Final = 32
#: Styles of persons: seeds that no score in styles uses.
STYLES: Final = 100_000

Matrix = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


class Part(NamedTuple):
    """``blocks``: (n, measured) each; ``people``: (n,)."""

    blocks: dict[str, FloatArray]
    people: Labels


def looked_at(images: list[Image], people: list[int]) -> Part:
    parts = [
        measured(np.stack([resized(image) for image in images[i : i + BATCH]]))
        for i in range(0, len(images), BATCH)
    ]
    return Part({name: np.concatenate([part[name] for part in parts]) for name in BLOCKS}, np.array(people))


def simulated() -> tuple[list[Image], list[int]]:
    """Crops of everybody well in sight, and who it is."""
    images, people = [], []
    for seed in SEEDS:
        site = Site(people=40, cameras=CAMERAS, seed=seed)
        for camera in range(CAMERAS):
            for second in SECONDS:
                image, truth = site.observe(camera, float(second))
                for person in truth:
                    if person.visibility >= 0.7 and person.bbox[3] >= 60:
                        images.append(crop(image, np.array(person.bbox, np.float32)).copy())
                        people.append(1000 * seed + person.person_id)
    return images, people


def real(directory: Path) -> tuple[Part, Part]:
    """The crops as they are, and beside themselves in styles."""
    found = list(named(directory))
    people = [each.person for each in found]
    plain = looked_at([each.read() for each in found], people)
    style = looked_at([Style.drawn(STYLES + c.person, c.camera).of(c.read()) for c in found], people)
    both = {name: np.concatenate([plain.blocks[name], style.blocks[name]]) for name in BLOCKS}
    return plain, Part(both, np.concatenate([plain.people, style.people]))


def scatter(rows: Matrix, people: Labels) -> tuple[Matrix, Matrix]:
    """Within people (d, d), and people's means (people, d)."""
    place = np.unique(people, return_inverse=True)[1]
    means = np.zeros((place.max() + 1, rows.shape[1]))
    np.add.at(means, place, rows)
    means /= np.bincount(place)[:, None]
    rest = rows - means[place]
    return rest.T @ rest / len(rows), means


def fitted(parts: list[tuple[Matrix, Labels]], mean: Matrix, size: int) -> Projection:
    """``parts``: rows and people of each world."""
    found = [scatter(rows - mean, people) for rows, people in parts]
    within = sum(share * each for share, (each, _) in zip(SHARES, found, strict=True))
    within = within + SHRINKAGE * np.trace(within) / len(within) * np.eye(len(within))
    strengths, directions = np.linalg.eigh(within)
    sphere = directions / np.sqrt(strengths)
    between = np.zeros_like(within)
    for _, means in found:
        spread = (means - means.mean(axis=0)) @ sphere
        between += spread.T @ spread / len(spread)
    chosen = np.linalg.eigh(between)[1][:, ::-1][:, :size]
    return Projection(mean.astype(np.float32), (sphere @ chosen).astype(np.float32))


def main() -> None:
    cv2.setNumThreads(1)
    plain, styled = real(DATA / "cuhk03_train")
    site = looked_at(*simulated())
    arrays: dict[str, npt.NDArray[np.float16]] = {}
    for name, size in BLOCKS.items():
        worlds = [(part.blocks[name].astype(np.float64), part.people) for part in (plain, styled, site)]
        mean = (worlds[0][0].mean(axis=0) + worlds[2][0].mean(axis=0)) / 2
        projection = fitted(worlds, mean, size)
        arrays[f"{name}_mean"] = projection.mean.astype(np.float16)
        arrays[f"{name}_matrix"] = projection.matrix.astype(np.float16)
    target = Path(appearance.__file__).with_name(appearance.PROJECTIONS_FILE)
    np.savez_compressed(target, **arrays)  # type: ignore[arg-type]
    print(f"{target}: {len(plain.people)} crops of cuhk03_train, as they are and in styles, ", end="")
    print(f"{len(site.people)} of the simulated site")


if __name__ == "__main__":
    main()
