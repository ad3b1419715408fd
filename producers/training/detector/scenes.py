"""Pictures of people before places, with who is truly in them, and what differs from the empty place.

What a fixed camera's background model would say of such a picture is made with it, mistakes included: cloth
of the wall's colour differs little, somebody who stood for long is background, who left before it was
learned stays as a ghost, a chair that was moved differs, too.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from producers.detect.background import difference
from producers.frames import Image
from producers.training.detector.people import Figure

WIDTH: Final = 320
HEIGHT: Final = 256
#: Of people in a picture, at most.
MOST: Final = 10
#: Pixels of the least and of the tallest.
SHORT: Final = 15.0
TALL: Final = 280.0
#: Cameras look down on people: whose head is above the picture by more than this, in heights, is rare.
ABOVE: Final = 0.1
NOISE_ROOM: Final = 96

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Scene:
    """``image``: (256, 320, 4) uint8, BGR and the difference from the background; ``people``: (n, 5) float32,
    left, top, width, height within the picture, and the share of the person that is seen."""

    image: npt.NDArray[np.uint8]
    people: Floats


@dataclass
class _Put:
    """One person put into the picture; ``colour``, ``alpha``: of the window ``rows``, ``columns``."""

    colour: Floats
    alpha: Floats
    rows: slice
    columns: slice
    box: tuple[float, float, float, float]
    pixels: float
    feet: float


class Scenes:
    """Endless; a seed tells all of them."""

    def __init__(
        self, real: list[Figure], drawn: list[Figure], places: list[Image], rng: np.random.Generator
    ) -> None:
        self._real, self._drawn, self._places, self._rng = real, drawn, places, rng
        # Larger than a picture: each takes another window of it, which is much cheaper than new noise.
        shape = (HEIGHT + NOISE_ROOM, WIDTH + NOISE_ROOM)
        grain = rng.standard_normal((*shape, 1), np.float32) * 0.8
        self._noise: Floats = grain + 0.5 * rng.standard_normal((*shape, 3), np.float32)

    def next(self) -> Scene:
        rng = self._rng
        ground = self._ground()
        hides = self._furniture(ground) if rng.random() < 0.5 else []
        people = self._crowd()
        ghosts = self._crowd()[: int(rng.integers(1, 3))] if rng.random() < 0.2 else []
        picture, empty = ground.copy(), ground.copy()
        shown = np.full((HEIGHT, WIDTH), -1, np.int16)
        absorbed = rng.random(len(people)) < (0.7 if rng.random() < 0.07 else 0.07)
        for ghost in ghosts:
            _paint(empty, ghost, self._open(ghost, hides))
        for number, one in enumerate(people):
            clear = self._open(one, hides)
            if rng.random() < 0.6:
                _shadow(picture, one)
            _paint(picture, one, clear)
            shown[one.rows, one.columns][(one.alpha > 0.5) & clear] = number
            if absorbed[number]:
                _paint(empty, one, clear)
        if rng.random() < 0.18:
            self._thing(picture if rng.random() < 0.6 else empty)
        image = self._taken(picture, empty)
        seen = np.bincount(shown[shown >= 0], minlength=len(people))
        boxes = [(*_within(one.box), count / one.pixels) for one, count in zip(people, seen, strict=True)]
        return Scene(image, np.array(boxes, np.float32).reshape(-1, 5))

    def _ground(self) -> Floats:
        rng = self._rng
        place = self._places[int(rng.integers(len(self._places)))]
        h, w = place.shape[:2]
        zoom = rng.uniform(0.8, 1.0)
        ch, cw = int(h * zoom * 0.999), int(w * zoom * 0.999)
        y, x = int(rng.integers(0, h - ch + 1)), int(rng.integers(0, w - cw + 1))
        part = place[y : y + ch, x : x + cw]
        if rng.random() < 0.5:
            part = part[:, ::-1]
        scaled = cv2.resize(np.ascontiguousarray(part), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        return np.asarray(scaled, np.float32) * np.asarray(rng.uniform(0.9, 1.1, 3), np.float32)

    def _furniture(self, ground: Floats) -> list[tuple[int, int, int, int]]:
        """Left, top, right, bottom of things drawn into the place, which hide whoever stands behind them."""
        rng, found = self._rng, []
        for _ in range(int(rng.integers(1, 4))):
            w, h = int(rng.uniform(20, 130)), int(rng.uniform(12, 90))
            x, y = int(rng.uniform(-20, WIDTH - 20)), int(rng.uniform(HEIGHT * 0.3, HEIGHT - 10))
            x0, y0, x1, y1 = max(x, 0), y, min(x + w, WIDTH), min(y + h, HEIGHT)
            if x1 - x0 < 4 or y1 - y0 < 4:
                continue
            other = self._places[int(rng.integers(len(self._places)))]
            texture = cv2.resize(other[: 60 + h, : 60 + w], (x1 - x0, y1 - y0)).astype(np.float32)
            plain = rng.uniform(0, 230) + rng.normal(0, 20, 3)
            mix = float(rng.choice([0.0, 0.3, 1.0]))
            ground[y0:y1, x0:x1] = mix * texture + (1 - mix) * plain.astype(np.float32).clip(0, 255)
            found.append((x0, y0, x1, y1))
        return found

    def _open(self, one: _Put, hides: list[tuple[int, int, int, int]]) -> npt.NDArray[np.bool_]:
        """Where furniture does not hide a person."""
        clear = np.ones(one.alpha.shape, bool)
        top, left = one.rows.start, one.columns.start
        for x0, y0, x1, y1 in hides:
            if one.feet < y1 + 0.02 * HEIGHT:
                clear[max(y0 - top, 0) : max(y1 - top, 0), max(x0 - left, 0) : max(x1 - left, 0)] = False
        return clear

    def _crowd(self) -> list[_Put]:
        """People on one floor, the farthest first."""
        rng = self._rng
        count = int(rng.choice([0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6, 8, 10]))
        horizon, slope = rng.uniform(-0.5, 0.4) * HEIGHT, rng.uniform(0.35, 1.3)
        kind = float(rng.choice([0.0, 1.0, 0.5], p=[0.42, 0.42, 0.16]))
        # Nobody is nearer than under the camera; who is near is cut by the lower edge.
        low = horizon + SHORT / slope
        high = min(horizon + TALL / slope, HEIGHT * 1.45)
        people: list[_Put] = []
        x, feet = 0.0, 0.0
        for _ in range(count):
            if people and rng.random() < 0.4:
                tall = (feet - horizon) * slope
                x += float(rng.choice([-1, 1]) * rng.uniform(0.12, 0.6)) * tall
                feet += float(rng.normal(0, 0.07)) * tall
            else:
                x, feet = float(rng.uniform(-0.05, 1.05)) * WIDTH, float(rng.uniform(low, max(high, low + 1)))
            tall = (feet - horizon) * slope * float(rng.normal(1.0, 0.05))
            beheaded = feet - tall < -ABOVE * tall and rng.random() < 0.85
            if beheaded or not SHORT <= tall <= TALL:
                continue
            bank = self._drawn if rng.random() < kind else self._real
            put = self._put(bank[int(rng.integers(len(bank)))], x, feet, tall)
            if put is not None:
                people.append(put)
        return sorted(people[:MOST], key=lambda one: one.feet)

    def _put(self, figure: Figure, x: float, feet: float, tall: float) -> _Put | None:
        rng = self._rng
        h0, w0 = figure.rgba.shape[:2]
        wide = tall * w0 / h0 * float(rng.uniform(0.92, 1.08))
        w, h = max(4, round(wide)), max(8, round(tall))
        left, top = round(x - w / 2), round(feet - h)
        if left >= WIDTH - 3 or left + w <= 3 or top >= HEIGHT - 6 or top + h <= 6:
            return None
        rgba = figure.rgba[:, ::-1] if rng.random() < 0.5 else figure.rgba
        way = cv2.INTER_AREA if h < h0 else cv2.INTER_LINEAR
        scaled = cv2.resize(np.ascontiguousarray(rgba), (w, h), interpolation=way).astype(np.float32)
        light = rng.uniform(0.5, 1.45) * rng.uniform(0.87, 1.15, 3)
        upper, lower = (float(v) for v in rng.uniform(0.8, 1.15, 2))
        down = np.linspace(upper, lower, h)
        colour = scaled[..., :3] * (light[None, None] * down[:, None, None]).astype(np.float32)
        if rng.random() < 0.3:
            colour = 255 * (colour.clip(0, 255) / 255) ** float(rng.uniform(0.7, 1.4))
        alpha = scaled[..., 3] / 255
        y0, y1, x0, x1 = max(top, 0), min(top + h, HEIGHT), max(left, 0), min(left + w, WIDTH)
        cut = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        pixels = max(float((alpha > 0.5).sum()), 1.0)
        box = (float(left), float(top), float(w), float(h))
        return _Put(colour[cut].clip(0, 255), alpha[cut], slice(y0, y1), slice(x0, x1), box, pixels, feet)

    def _thing(self, picture: Floats) -> None:
        """Something was moved, and is not where the background had it."""
        rng = self._rng
        other = self._places[int(rng.integers(len(self._places)))]
        w, h = int(np.exp(rng.uniform(2.3, 4.7))), int(np.exp(rng.uniform(2.3, 4.7)))
        x, y = int(rng.uniform(0, WIDTH - 8)), int(rng.uniform(0, HEIGHT - 8))
        x1, y1 = min(x + w, WIDTH), min(y + h, HEIGHT)
        part = cv2.resize(other[:h, :w], (x1 - x, y1 - y)).astype(np.float32)
        mask = np.ones(part.shape[:2], np.float32)
        if rng.random() < 0.5:
            mask[:] = 0
            cv2.ellipse(
                mask, ((x1 - x) // 2, (y1 - y) // 2), ((x1 - x) // 2, (y1 - y) // 2), 0, 0, 360, 1.0, -1
            )
        window = picture[y:y1, x:x1]
        window += mask[..., None] * (part * float(rng.uniform(0.5, 1.3)) - window)

    def _taken(self, picture: Floats, empty: Floats) -> npt.NDArray[np.uint8]:
        """As a camera gives it: light, colours, blur, noise, compression; then what differs."""
        rng = self._rng
        gain = (rng.uniform(0.55, 1.3) * rng.uniform(0.9, 1.1, 3)).astype(np.float32)
        gamma, offset = float(rng.uniform(0.75, 1.35)), float(rng.uniform(-12, 25))
        grey = float(rng.choice([1.0, rng.uniform(0.2, 1.1), 0.0], p=[0.55, 0.35, 0.1]))
        blur = float(rng.choice([0.0, rng.uniform(0.3, 1.4)]))

        def seen(light: Floats) -> Floats:
            shot = 255 * ((light * gain).clip(0, 255) / 255) ** gamma + offset
            luma = shot @ np.array([0.114, 0.587, 0.299], np.float32)
            shot = luma[..., None] + grey * (shot - luma[..., None])
            if blur:
                shot = cv2.GaussianBlur(shot, (0, 0), blur)
            return np.asarray(shot, np.float32)

        now, before = seen(picture), seen(empty)
        y, x = (int(v) for v in rng.integers(0, NOISE_ROOM, 2))
        noise = self._noise[y : y + HEIGHT, x : x + WIDTH]
        shot = (now + float(rng.uniform(0, 7)) * noise).clip(0, 255).astype(np.uint8)
        if rng.random() < 0.4:
            quality = int(rng.integers(25, 95))
            packed = cv2.imencode(".jpg", shot, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
            shot = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
        # The exposure was taken back, not quite, by the median over the picture.
        before = before * (1 + rng.normal(0, 0.025) + rng.normal(0, 0.008, 3)).astype(np.float32)
        differs = np.abs(shot.astype(np.float32) - before).max(axis=2)
        return np.dstack([shot, difference(differs)])


def _paint(picture: Floats, one: _Put, clear: npt.NDArray[np.bool_]) -> None:
    window = picture[one.rows, one.columns]
    window += (one.alpha * clear)[..., None] * (one.colour - window)


def _shadow(picture: Floats, one: _Put) -> None:
    x, y, w, h = one.box
    wide, high = 0.26 * h, 0.07 * h
    x0, x1 = max(int(x + w / 2 - wide), 0), min(int(x + w / 2 + wide) + 1, WIDTH)
    y0, y1 = max(int(y + h - high), 0), min(int(y + h + high) + 1, HEIGHT)
    if x0 >= x1 or y0 >= y1:
        return
    across = (np.arange(x0, x1, dtype=np.float32) - x - w / 2) / wide
    down = (np.arange(y0, y1, dtype=np.float32) - y - h) / high
    near = np.maximum(1 - across[None] ** 2 - down[:, None] ** 2, 0)
    picture[y0:y1, x0:x1] *= (1 - 0.5 * near)[..., None]


def _within(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    x, y, w, h = box
    x0, y0, x1, y1 = max(x, 0.0), max(y, 0.0), min(x + w, float(WIDTH)), min(y + h, float(HEIGHT))
    return x0, y0, x1 - x0, y1 - y0
