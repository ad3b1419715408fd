"""Refuses changes and live labels to pages of other origins.

The API has no login and listens on loopback: without this, any page that somebody looks at could reset the
gallery behind their back, or read who is where. Clients that are no browser send no ``Origin``. And a page
may make its own name lead to this machine, so that its origin is ours (DNS rebinding): where nobody is asked
who they are, only this machine's names are answered.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access.gate import is_address, is_loopback

_SAFE = ("GET", "HEAD", "OPTIONS")


class SameOrigin:
    """ASGI middleware. ``here``: only requests to names of this machine are answered; ``beside``: and to
    what no page of elsewhere can be called, an address or a name without a dot."""

    def __init__(self, app: ASGIApp, here: bool = False, beside: bool = False) -> None:
        self._app, self._here, self._beside = app, here, beside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._here and scope["type"] in ("http", "websocket") and not self._answers(Headers(scope=scope)):
            await _refuse(
                scope, receive, send,
                "nobody is asked who they are here, so only http://127.0.0.1 and http://localhost are "
                "answered: use one of them, or make a key (docs/security.md)",
            )  # fmt: skip
            return
        changes = scope["type"] == "http" and scope["method"] not in _SAFE
        if (changes or scope["type"] == "websocket") and _foreign(Headers(scope=scope)):
            await _refuse(scope, receive, send, "a page of another origin may not change anything here")
            return
        await self._app(scope, receive, send)

    def _answers(self, headers: Headers) -> bool:
        """A request without a name is no browser's."""
        try:
            name = urlsplit(f"//{headers.get('host', 'localhost')}").hostname or ""
        except ValueError:
            return False
        if name.endswith(".localhost") or is_loopback(name):
            return True
        return self._beside and bool(name) and ("." not in name or is_address(name))


async def _refuse(scope: Scope, receive: Receive, send: Send, why: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
    else:
        await JSONResponse({"detail": why}, 403)(scope, receive, send)


def _foreign(headers: Headers) -> bool:
    origin = headers.get("origin")
    try:
        return origin is not None and urlsplit(origin).netloc != headers.get("host")
    except ValueError:
        return True
