"""Small sets of painted crops: nobody real."""

from pathlib import Path

import cv2
import numpy as np


def paint(directory: Path, people: int, cameras: int = 2, crops: int = 3, seed: int = 0) -> Path:
    """Everybody in clothes of their own colours and stripes; each camera lights them differently."""
    generator = np.random.default_rng(seed)
    directory.mkdir(parents=True, exist_ok=True)
    for person in range(1, people + 1):
        top, bottom = generator.integers(20, 235, (2, 3))
        stripe = int(generator.integers(3, 20))
        for camera in range(1, cameras + 1):
            for index in range(crops):
                image = np.full((128, 64, 3), 90 + 20 * camera, np.float64)
                image[20:70, 10:54] = top
                image[20:70:stripe, 10:54] = 255 - top
                image[70:124, 14:50] = bottom
                image = image * (0.9 + 0.1 * camera) + generator.normal(0, 4, image.shape)
                name = f"{person:04d}_c{camera}s1_{index:06d}_00.jpg"
                assert cv2.imwrite(str(directory / name), image.clip(0, 255).astype(np.uint8))
    return directory


def strangers(directory: Path, person: str, count: int, cameras: int = 2, seed: int = 1) -> Path:
    """So many crops under one number, each of somebody else: Market-1501's 0000 and -1."""
    generator = np.random.default_rng(seed)
    for index in range(count):
        image = generator.integers(0, 255, (8, 4, 3)).astype(np.uint8)
        image = cv2.resize(image, (64, 128), interpolation=cv2.INTER_NEAREST)
        name = f"{person}_c{index % cameras + 1}s1_{index:06d}_00.jpg"
        assert cv2.imwrite(str(directory / name), image)
    return directory
