"""Refuses bodies that are larger than any that a route has use for, before they are held in memory."""

from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MIB: Final = 2**20
#: MiB of a body: a hundred tracks to move, the longest that is asked for, have room many times over.
MOST: Final = 1
#: Of a search: the largest picture has 8 MiB, 11.2 in base64.
MOST_SEARCH: Final = 12
_SEARCH: Final = "/search"


class Bodies:
    """ASGI middleware, inside those that ask who may: nothing is read for others."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most, refusal = _limit(scope["path"])
        said = Headers(scope=scope).get("content-length", "")
        too_large = said.isascii() and said.isdigit() and int(said[:20]) > most
        got = 0

        async def limited() -> Message:
            """The application's own handler answers what is raised here."""
            nonlocal got
            if too_large:
                raise refusal
            message = await receive()
            # A body in chunks names no length.
            got += len(message.get("body", b""))
            if got > most:
                raise refusal
            return message

        await self._app(scope, limited, send)


def _limit(path: str) -> tuple[int, HTTPException]:
    """Bytes, and what is said of more."""
    if path == _SEARCH:
        remedy = "a picture has at most 8 MiB before base64: send it smaller"
        return MOST_SEARCH * MIB, _refusal(MOST_SEARCH, remedy)
    return MOST * MIB, _refusal(MOST, "ask in several requests")


def _refusal(most: int, remedy: str) -> HTTPException:
    return HTTPException(413, f"the body has more than {most} MiB, the most that is taken here: {remedy}")
