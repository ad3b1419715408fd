"""The two questions that are asked most, answered before a framework has looked at them.

Finding a route, its dependencies and its parameters takes longer than the answer does: for the whole list and
for one person, that is left out. Everything else (a query, a head, nobody of that name, Redis away) goes to
the very route that the description names, and gets its answer there.
"""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from api.shown import PersonsAsked
from api.views import Views
from reid.errors import Unavailable

_ALL: Final = "/persons"
_ONE: Final = "/persons/"
_EVERYBODY: Final = PersonsAsked()


class Express:
    """ASGI middleware, inside all those that ask who may and about when."""

    def __init__(self, app: ASGIApp, views: Views) -> None:
        self._app, self._views = app, views

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await self._body(scope)
        if body is None:
            await self._app(scope, receive, send)
            return
        headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _body(self, scope: Scope) -> bytes | None:
        """None for what the application itself must answer."""
        if scope["type"] != "http" or scope["method"] != "GET" or scope["query_string"]:
            return None
        path: str = scope["path"]
        try:
            if path == _ALL:
                return await self._views.persons(_EVERYBODY)
            person_id = path[len(_ONE) :] if path.startswith(_ONE) else ""
            if person_id and "/" not in person_id:
                return await self._views.shown(person_id)
        except Unavailable:
            pass  # the route says so, as of every question
        return None
