"""``?at=`` on any GET: the answer as of then. And ``GET /timeline``: which moments there are.

The past is not in Redis: a process of its own (`saferoom past`) folds the log into it and answers by these
same routes. This one hands such requests on, without what showed who asks, and the answers back.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, quote, unquote

import httpx
from fastapi import APIRouter, HTTPException, Request
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api import models, system_models
from api.access.roles import Role, needs
from api.elsewhere import asking
from reid.errors import Unavailable
from reid.runtime.ready import read_ready
from reid.runtime.settings import Settings

NAME: Final = "past"
OFF: Final = "no past is served: start `saferoom past`, or set SAFEROOM_PAST_URL"
#: Of each answer of the past: the site that it tells of, escaped as in an address.
SITE: Final = "x-saferoom-site"
#: Seconds: the first answer after a start may wait for a long log.
TIMEOUT_S: Final = 30.0
#: 9999-12-31: later moments have no RFC 3339.
LAST_MS: Final = 253_402_300_799_999
_MOMENT: Final = (
    r"^(\d{1,14}|(19[7-9]\d|20\d\d)-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?Z)$"
)
PARAMETER: Final[dict[str, Any]] = {
    "name": "at",
    "in": "query",
    "required": False,
    "description": "As of then: RFC 3339 (UTC where it has no zone), or milliseconds since the epoch.",
    "schema": {"type": "string", "pattern": _MOMENT},
}
#: Answered from now, whatever the past was: health, who asks, what became of a command.
_OF_NOW: Final = ("/healthz", "/readyz", "/whoami", "/timeline", "/commands/")
#: The same files at any moment. A crop is named by its bytes, and is given only while it is a living person's
#: now: at a moment past, whoever was forgotten since was not yet.
_FILES: Final = ("/page/", "/openapi.json", "/crops/")
_SEARCH: Final = re.compile(r"/persons/[^/]+/similar")
#: A plus that was not escaped in a query arrives as a space.
_SPACED: Final = re.compile(r"(\S+[T ]\d\S*) (\d\d(?::?\d\d)?)")
#: No credential: who may was asked here, and the past, which may be on another machine, asks nobody.
_HANDED_ON: Final = ("x-asked-by", "accept")
_TICKET: Final = "key"
_BACK: Final = ("content-type", "content-disposition", "location", "www-authenticate", "retry-after")

router = APIRouter(tags=["system"])


class Moments(Protocol):
    """Where the past is answered."""

    async def timeline(self) -> system_models.Timeline:
        """Raises `Unavailable`, `HTTPException`."""
        ...

    async def serve(self, moment: int, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers the GET of ``scope`` as of ``moment``; ``app`` is the application itself.

        Raises `Unavailable` before anything is sent.
        """
        ...

    async def close(self) -> None: ...


class ElsewhereMoments:
    """`Moments` of another process. ``where()``: its base URL now, None where there is none.

    It asks nobody who they are: what it tells of another site, its API alone may hand on."""

    def __init__(self, where: Callable[[], str | None], site_id: str) -> None:
        self._where, self._site = where, site_id
        self._client = asking(TIMEOUT_S)

    async def timeline(self) -> system_models.Timeline:
        answer = await self._asked("/timeline", {})
        if answer.status_code == 503 and SITE in answer.headers:
            raise Unavailable(str(answer.json()["detail"]))
        if answer.status_code != 200:
            raise Unavailable(f"the past answers {answer.status_code}: see its log")
        return system_models.Timeline.model_validate_json(answer.content)

    async def serve(self, moment: int, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        asked = Headers(scope=scope)
        # As they came: a text that is not ASCII would have to be encoded once more.
        headers = {name.encode(): asked[name].encode("latin-1") for name in _HANDED_ON if name in asked}
        path = scope.get("raw_path") or scope["path"].encode()
        parts = scope["query_string"].decode().split("&")
        query = "&".join(part for part in parts if unquote(part.partition("=")[0]) != _TICKET)
        answer = await self._asked(f"{path.decode()}?{query}", headers)
        back = {name: answer.headers[name] for name in _BACK if name in answer.headers}
        await Response(answer.content, answer.status_code, back)(scope, receive, send)

    async def close(self) -> None:
        await self._client.aclose()

    async def _asked(self, path: str, headers: dict[bytes, bytes]) -> httpx.Response:
        base = self._where()
        if base is None:
            raise HTTPException(501, OFF)
        url = base.rstrip("/") + path
        try:
            try:
                answer = await self._client.get(url, headers=headers)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                # The kept connection ended as it was used: nothing is lost by asking a GET again.
                answer = await self._client.get(url, headers=headers)
        except httpx.TransportError as error:
            raise Unavailable(f"the past is away ({error!r}): is `saferoom past` running?") from error
        told_of = answer.headers.get(SITE)
        # What fails before it gets there, in a proxy, is nobody's.
        if told_of != quote(self._site, safe="") and (told_of is not None or answer.status_code < 500):
            of = "does not say of which site" if told_of is None else f"is of {unquote(told_of)}"
            raise HTTPException(
                501,
                f"no past of site {self._site} is served: the one at {base} {of}. Start `saferoom past` for "
                "this site and set SAFEROOM_PAST_URL",
            )
        return answer


def moments_of(settings: Settings) -> ElsewhereMoments:
    """Those of ``SAFEROOM_PAST_URL``, else of the process that runs on this state directory."""

    def where() -> str | None:
        if settings.past_url is not None:
            return settings.past_url
        found = read_ready(settings, NAME)
        return None if found is None else str(found["url"])

    return ElsewhereMoments(where, settings.site_id)


class AsOf:
    """ASGI middleware: a GET with ``at`` is answered by ``moments``, a change with it is refused."""

    def __init__(self, app: ASGIApp, moments: Moments) -> None:
        self._app, self._moments = app, moments

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        at = _at(scope)
        if at is None or scope["path"] == "/" or scope["path"].startswith(_FILES):
            await self._app(scope, receive, send)
            return
        try:
            _must_have_moments(scope["method"], scope["path"])
            await self._moments.serve(moment_of(at), self._app, scope, receive, send)
            return
        except HTTPException as error:
            refusal = JSONResponse({"detail": error.detail}, error.status_code, error.headers)
        except Unavailable as error:
            refusal = JSONResponse({"detail": str(error)}, 503, {"Retry-After": "2"})
        await refusal(scope, receive, send)


def moment_of(text: str) -> int:
    """RFC 3339 or ms since the epoch -> the latter. Raises `HTTPException` 422."""
    try:
        if text.isascii() and text.isdigit():
            moment = int(text)
        else:
            spaced = _SPACED.fullmatch(text)
            given = datetime.fromisoformat(f"{spaced[1]}+{spaced[2]}" if spaced else text)
            aware = given if given.tzinfo is not None else given.replace(tzinfo=UTC)
            moment = round(aware.timestamp() * 1000)
    except (ValueError, OverflowError):
        moment = -1
    if not 0 <= moment <= LAST_MS:
        raise HTTPException(422, f"at={text[:40]}: give a time such as 2026-11-22T10:00:00Z, or milliseconds")
    return moment


def no_search() -> HTTPException:
    """Why the past is not searched: each search is in the audit, and the past is written."""
    return HTTPException(405, "the past is not searched: ask the live API, without `at`", {"Allow": ""})


def describe(paths: dict[str, Any]) -> None:
    """Every GET of an OpenAPI document that answers from the views takes ``at``; the others say that they
    refuse it."""
    for path, operations in paths.items():
        for method, operation in operations.items():
            responses = operation["responses"]
            if method != "get":
                responses["405"] = _said("Asked for with `at`: the past can't be changed.")
            elif _SEARCH.fullmatch(path):
                responses["405"] = _said("Asked for with `at`: the past is not searched.")
            elif path.startswith(_OF_NOW):
                responses.setdefault("422", _said("Asked for with `at`: it tells of now."))
            elif not path.startswith(_FILES):
                operation.setdefault("parameters", []).append(PARAMETER)
                responses["422"] = _said("A bad parameter.", "Invalid")
                responses["501"] = _said("No past is served here.")


def _said(why: str, schema: str = "Problem") -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": why, "content": content}


@router.get("/timeline", responses={501: {"model": models.Problem, "description": "No past is served here."}})
@needs(Role.viewer)
async def timeline(request: Request) -> system_models.Timeline:
    """From when to when ``?at=`` has something to tell, and how much happened when."""
    moments: Moments = request.app.state.moments
    return await moments.timeline()


def _must_have_moments(method: str, path: str) -> None:
    """Raises `HTTPException`: 422 for what is of now, 405 for a search, and for a change: who asks for one as
    of then must not get it now."""
    if method not in ("GET", "OPTIONS"):
        raise HTTPException(405, "the past can't be changed: ask without `at`", {"Allow": "GET, HEAD"})
    if _SEARCH.fullmatch(path):
        raise no_search()
    if path.startswith(_OF_NOW):
        raise HTTPException(422, f"{path} tells of now: ask without `at`")


def _at(scope: Scope) -> str | None:
    if scope["type"] != "http":
        return None
    if b"at=" not in scope["query_string"]:
        return None
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return next((value for name, value in pairs if name == "at"), None)
