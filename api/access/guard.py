"""Stands before every route: finds the route, what it declares, who asks, and lets them in or not.

It knows the routes itself, before a body is read. A path that it does not know goes no further, so what it
would take for another route than the application does could only be refused, never let in.
"""

import asyncio
import math
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from fastapi.routing import iter_route_contexts
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access.gate import Gate, Refused
from api.access.limits import Buckets
from api.access.roles import ANYBODY, NOBODY, Access, Caller, Role, access_of
from reid.errors import Unavailable

#: Seconds between two looks whether the credential of an open WebSocket still counts.
RECHECK_S: Final = 5.0
#: Tokens that a failed attempt takes from the bucket of its address.
FAILED_COST: Final = 5
_CALLER: Final = "saferoom.caller"
_WS_TRY_AGAIN, _WS_NOT_ALLOWED = 1013, 1008


class Route(NamedTuple):
    """``methods`` None: whichever, as of a mount; empty: a WebSocket."""

    path: str
    pattern: re.Pattern[str]
    methods: frozenset[str] | None
    access: Access | None


def routes_of(routes: Sequence[BaseRoute]) -> list[Route]:
    """All of an application, in the order in which it looks for them."""
    found = []
    for route in iter_route_contexts(routes):
        path, endpoint = route.path or "", route.endpoint or getattr(route.original_route, "app", None)
        if hasattr(route.original_route, "endpoint"):
            methods = frozenset(route.methods or ())
            found.append(Route(path, compile_path(path)[0], methods, access_of(endpoint)))
        else:
            mounted = compile_path(path.rstrip("/") + "/{rest:path}")[0]
            found.append(Route(f"{path}/*", mounted, None, access_of(endpoint)))
    return found


class Guard:
    """ASGI middleware. ``routes``: those of the application, asked for once, with the first request."""

    def __init__(
        self,
        app: ASGIApp,
        routes: Callable[[], Sequence[BaseRoute]],
        gate: Gate,
        site_id: str,
        limits: Buckets,
    ) -> None:
        self._app, self._all, self._gate = app, routes, gate
        self._site_id, self._limits = site_id, limits
        self._routes: list[Route] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if self._routes is None:
            self._routes = routes_of(self._all())
        try:
            caller = await self._admit(_match(self._routes, scope), scope)
        except Refused as refused:
            await _refuse(refused, scope, receive, send)
            return
        except Unavailable as error:
            await _refuse(Refused(503, str(error), 2.0), scope, receive, send)
            return
        scope[_CALLER] = caller
        if scope["type"] == "websocket" and caller.kind in ("key", "token"):
            await self._watched(caller, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _admit(self, route: Route, scope: Scope) -> Caller:
        """Raises `Refused`, `Unavailable`."""
        if route.access is None:
            raise Refused(403, f"{route.path} declares no access, so nobody may use it")
        if not self._gate.on:
            return ANYBODY
        if route.access.role is Role.open:
            return NOBODY
        asked = HTTPConnection(scope)
        try:
            caller = await self._gate.caller(asked)
        except Refused as refused:
            address = asked.client.host if asked.client else ""
            self._pay(f"address {address}", FAILED_COST, refused.detail)
            raise
        self._pay(f"{caller.kind} {caller.key_id or caller.name}", route.access.cost)
        if not caller.may_see(self._site_id):
            raise Refused(403, f"{caller.name} may not see site {self._site_id}")
        if caller.role < route.access.role:
            raise Refused(
                403, f"this needs the role {route.access.role.name}; {caller.name} is {caller.role.name}"
            )
        return caller

    def _pay(self, who: str, cost: int, otherwise: str = "") -> None:
        wait_s = self._limits.take(who, cost, time.monotonic())
        if wait_s:
            said = f"; before that: {otherwise}" if otherwise else ""
            raise Refused(429, f"too many requests: ask again in {math.ceil(wait_s)} s{said}", wait_s)

    async def _watched(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        """An open WebSocket ends when its credential does."""
        serving = asyncio.ensure_future(self._app(scope, receive, send))
        try:
            while not (await asyncio.wait({serving}, timeout=RECHECK_S))[0]:
                try:
                    good = self._gate.still(caller)
                except Unavailable:
                    good = False
                if not good:
                    serving.cancel()
                    with suppress(asyncio.CancelledError):
                        await serving
                    with suppress(RuntimeError):  # it closed meanwhile
                        await send({"type": "websocket.close", "code": _WS_NOT_ALLOWED})
                    return
            await serving
        finally:
            serving.cancel()


async def caller(connection: HTTPConnection) -> Caller:
    """FastAPI dependency: who asks, as the guard found."""
    found: Caller = connection.scope[_CALLER]
    return found


def _match(routes: Sequence[Route], scope: Scope) -> Route:
    """Raises `Refused`: 404 for an unknown path; 405 for a known one with another method, and which it has.
    The application would name those of one route, of several that share the path, and not HEAD."""
    path, method = scope["path"], "" if scope["type"] == "websocket" else scope["method"]
    known: set[str] = set()
    for route in routes:
        if not route.pattern.match(path):
            continue
        if route.methods is None or (method in route.methods if method else not route.methods):
            return route
        known |= route.methods
    if known and method:
        allowed = sorted(known | {"HEAD"} if "GET" in known else known)
        raise Refused(405, "Method Not Allowed", allow=", ".join(allowed))
    raise Refused(404, "Not Found")


async def _refuse(refused: Refused, scope: Scope, receive: Receive, send: Send) -> None:
    headers = {}
    if refused.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="saferoom"'
    if refused.allow:
        headers["Allow"] = refused.allow
    if refused.retry_after_s:
        headers["Retry-After"] = str(math.ceil(refused.retry_after_s))
    if scope["type"] == "http" or "websocket.http.response" in scope.get("extensions", {}):
        await JSONResponse({"detail": refused.detail}, refused.status, headers)(scope, receive, send)
    else:
        code = _WS_TRY_AGAIN if refused.status in (429, 503) else _WS_NOT_ALLOWED
        await send({"type": "websocket.close", "code": code, "reason": refused.detail[:120]})
