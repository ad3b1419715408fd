"""A picture of somebody becomes what a camera would have made of them; anything else is refused in words."""

import http.client
import threading
from collections.abc import Iterator

import cv2
import msgspec
import numpy as np
import pytest

from producers.detect.base import Boxes
from producers.embed.appearance import Appearance
from producers.embed.base import model_of
from producers.embedder import picture
from producers.embedder.picture import NobodyShown, PictureEmbedder, decoded, size_of
from producers.embedder.server import MOST_BYTES, EmbedderServer
from producers.frames import CapturedFrame, Image
from producers.quality import crop
from reid.contracts.embedder import EmbeddedPicture, PictureProblem
from reid.contracts.embedding import decode_wire
from reid.errors import ConfigError


class Sees:
    """A detector that finds these boxes, whatever it looks at."""

    name = "sees"

    def __init__(self, *boxes: tuple[float, float, float, float]) -> None:
        self.boxes = Boxes.of(list(boxes), [0.9] * len(boxes))
        self.shapes: list[tuple[int, ...]] = []

    def detect(self, frame: CapturedFrame) -> Boxes:
        self.shapes.append(frame.image.shape)
        return self.boxes


def scene(width: int, height: int) -> Image:
    random = np.random.default_rng(0)
    return np.asarray(cv2.resize(random.integers(0, 255, (9, 9, 3), np.uint8), (width, height)), np.uint8)


def png(image: Image) -> bytes:
    return bytes(cv2.imencode(".png", image)[1])


def expected(part: Image) -> np.ndarray:
    return Appearance().embed([part])[0].astype(np.float16)


def vector(found: EmbeddedPicture) -> np.ndarray:
    return decode_wire(found.embedding, found.model.dim)


def test_a_crop_is_taken_whole() -> None:
    sees, image = Sees(), scene(60, 140)
    found = PictureEmbedder(lambda: sees, Appearance()).embed(png(image))
    assert np.array_equal(vector(found), expected(image))
    assert (found.bbox, found.model) == ((0, 0, 60, 140), model_of(Appearance()))
    assert 0 < found.quality <= 1 and sees.shapes == []


def test_of_a_scene_the_largest_person_counts() -> None:
    image = scene(320, 240)
    sees = Sees((10, 10, 20, 60), (100, 20, 50, 150))
    found = PictureEmbedder(lambda: sees, Appearance()).embed(png(image))
    assert found.bbox == (100, 20, 50, 150)
    assert np.array_equal(vector(found), expected(crop(image, np.float32([100, 20, 50, 150]))))


def test_a_large_scene_is_searched_small_and_cut_out_of_the_whole() -> None:
    image = scene(1920, 1080)
    sees = Sees((100, 100, 50, 150))
    found = PictureEmbedder(lambda: sees, Appearance()).embed(png(image))
    assert sees.shapes == [(720, 1280, 3)]
    assert found.bbox == (150, 150, 75, 225)


def test_a_picture_sent_again_was_background_by_then() -> None:
    made: list[Sees] = []

    def detector() -> Sees:
        made.append(Sees((10, 10, 20, 60)))
        return made[-1]

    embedder = PictureEmbedder(detector, Appearance())
    for _ in range(3):
        embedder.embed(png(scene(320, 240)))
    assert [len(each.shapes) for each in made] == [1, 1, 1]


def test_nobody_shown() -> None:
    embedder = PictureEmbedder(Sees, Appearance())
    with pytest.raises(NobodyShown, match="head to feet"):
        embedder.embed(png(scene(320, 240)))
    whole = png(scene(60, 140))
    jpeg = bytes(cv2.imencode(".jpg", scene(60, 140))[1])
    for bad in (b"", b"nonsense", whole[:40], jpeg[:30], b"\xff\xd8\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"):
        with pytest.raises(NobodyShown, match="can be read"):
            embedder.embed(bad)
    with pytest.raises(NobodyShown, match="shows nobody"):
        embedder.embed(png(scene(5, 12)))


def test_a_picture_is_measured_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    for suffix in (".png", ".jpg"):
        encoded = bytes(cv2.imencode(suffix, scene(70, 150))[1])
        assert size_of(encoded) == (70, 150)
    assert size_of(b"GIF89a") is None
    bomb = bytearray(png(scene(60, 140)))
    bomb[16:24] = (60_000).to_bytes(4) + (60_000).to_bytes(4)
    monkeypatch.setattr(picture.cv2, "imdecode", lambda *_: pytest.fail("unpacked"))
    with pytest.raises(NobodyShown, match="too large"):
        decoded(bytes(bomb))


@pytest.fixture
def server() -> Iterator[EmbedderServer]:
    with EmbedderServer("127.0.0.1", 0, PictureEmbedder(Sees, Appearance())) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join(5)


def asked(
    server: EmbedderServer, body: bytes, kind: str = "image/png", path: str = "/embed", **headers: str
) -> tuple[int, bytes]:
    client = http.client.HTTPConnection(*server.server_address[:2], timeout=5)  # type: ignore[arg-type]
    try:
        client.request("POST", path, body, {"Content-Type": kind, **headers})
        answer = client.getresponse()
        return answer.status, answer.read()
    finally:
        client.close()


def test_by_http(server: EmbedderServer, monkeypatch: pytest.MonkeyPatch) -> None:
    image = scene(60, 140)
    status, body = asked(server, png(image))
    assert status == 200
    assert np.array_equal(vector(msgspec.json.decode(body, type=EmbeddedPicture)), expected(image))
    status, body = asked(server, b"nonsense", "image/jpeg")
    assert (status, "can be read" in msgspec.json.decode(body, type=PictureProblem).detail) == (422, True)
    assert asked(server, png(image), "text/plain")[0] == 415, "a page could send that unasked"
    assert asked(server, png(image), path="/other")[0] == 404
    assert asked(server, b"", "image/png")[0] == 413
    assert asked(server, b"", "image/png", **{"Content-Length": str(MOST_BYTES + 1)})[0] == 413
    monkeypatch.setattr(server.pictures, "embed", lambda _: 1 // 0 if False else int("x"))
    assert asked(server, png(image))[0] == 500
    monkeypatch.undo()
    assert asked(server, png(image))[0] == 200, "one bad picture ends nothing"


def test_an_address_that_is_taken(server: EmbedderServer) -> None:
    with pytest.raises(ConfigError, match="SAFEROOM_EMBEDDER_PORT"):
        EmbedderServer("127.0.0.1", int(server.server_address[1]), server.pictures)
