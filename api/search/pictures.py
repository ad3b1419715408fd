"""From a picture to an embedding: the embedder process does it (`producers.embedder`), since the API loads no
vision library."""

from typing import Final, NamedTuple, Protocol

import httpx
import msgspec
import numpy as np
from numpy.typing import NDArray

from api.elsewhere import asking
from reid.contracts.detections import Model
from reid.contracts.embedder import EmbeddedPicture, PictureProblem
from reid.contracts.embedding import decode_wire, to_fixed
from reid.errors import PoisonInput, Unavailable
from reid.runtime.ready import read_ready
from reid.runtime.settings import Settings

#: Bytes of a picture.
MOST_BYTES: Final = 8 * 1024 * 1024
TIMEOUT_S: Final = 10.0
_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_embedded: Final = msgspec.json.Decoder(EmbeddedPicture)
_problem: Final = msgspec.json.Decoder(PictureProblem)


class BadPicture(ValueError):
    """Why a picture can't be searched with, for whoever sent it."""


class Seen(NamedTuple):
    """``vector``: (dim,) unit vector in fixed point, of the encoder ``model``."""

    model: Model
    vector: NDArray[np.int16]


class Pictures(Protocol):
    async def seen(self, picture: bytes) -> Seen:
        """Raises `BadPicture`, `Unavailable`."""
        ...

    async def close(self) -> None: ...


def kind_of(picture: bytes) -> str:
    """Its media type. Raises `BadPicture`."""
    if len(picture) > MOST_BYTES:
        raise BadPicture(f"a picture has at most {MOST_BYTES // 2**20} MiB")
    if picture.startswith(_JPEG):
        return "image/jpeg"
    if picture.startswith(_PNG):
        return "image/png"
    raise BadPicture("a picture must be a JPEG or PNG, base64")


class EmbedderPictures:
    """`Pictures` by HTTP. The address is looked up each time: the process may come back on another port."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = asking(TIMEOUT_S)

    async def seen(self, picture: bytes) -> Seen:
        kind = kind_of(picture)
        try:
            answer = await self._client.post(
                f"{self._address()}/embed", content=picture, headers={"Content-Type": kind}
            )
        except httpx.HTTPError as error:
            raise Unavailable(
                f"the embedder is away ({error!r}): start it with `saferoom embedder`"
            ) from error
        if answer.status_code == 422:
            raise BadPicture(_problem.decode(answer.content).detail)
        try:
            answer.raise_for_status()
            found = _embedded.decode(answer.content)
            return Seen(found.model, to_fixed(decode_wire(found.embedding, found.model.dim)))
        except (httpx.HTTPError, msgspec.DecodeError, PoisonInput) as error:
            raise Unavailable(f"the embedder answers what it should not: {error}") from error

    async def close(self) -> None:
        await self._client.aclose()

    def _address(self) -> str:
        if self._settings.embedder_url is not None:
            return self._settings.embedder_url.rstrip("/")
        facts = read_ready(self._settings, "embedder")
        if facts is None:
            raise Unavailable(
                "no embedder to look at pictures: `saferoom up` and `demo` start one; alone, start it with "
                "`saferoom embedder`, or set SAFEROOM_EMBEDDER_URL"
            )
        return str(facts["url"])
