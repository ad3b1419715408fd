"""Routes about the caller: who am I, and the session of the page."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict

from api.access.gate import NOTICE
from api.access.guard import caller
from api.access.roles import Caller, Role, needs
from api.access.sessions import COOKIE
from api.context import Context, context
from reid.contracts.cloudevents import rfc3339

router = APIRouter(tags=["access"])
Who = Annotated[Caller, Depends(caller)]


def _example(**example: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class WhoAmI(BaseModel):
    """``sites``: those that the caller may see, ``*`` for all. ``notice``: what an operator should know."""

    model_config = _example(
        name="desk", role="operator", sites=["global"], auth="on", expires_at=None, notice=None
    )

    name: str
    role: str
    sites: list[str]
    auth: str
    expires_at: str | None = None
    notice: str | None = None


class Session(BaseModel):
    """The cookie is set. ``ticket``: for ``?key=`` of a WebSocket or picture, where no header can be sent;
    null where access is off, and nothing needs one."""

    model_config = _example(
        name="desk",
        role="operator",
        expires_at="2025-11-06T00:11:40.012Z",
        ticket="eyJhbGciOiJIUzI1NiJ9.e30.x",
        ticket_expires_at="2025-11-05T12:16:40.012Z",
    )

    name: str
    role: str
    expires_at: str | None
    ticket: str | None
    ticket_expires_at: str | None


@router.get("/whoami")
@needs(Role.viewer)
async def whoami(who: Who) -> WhoAmI:
    """Whom the API takes the caller for, and what that caller may."""
    off = who.kind == "off"
    return WhoAmI(
        name=who.name,
        role=who.role.name,
        sites=list(who.sites),
        auth="off" if off else "on",
        expires_at=None if who.expires_at is None else rfc3339(who.expires_at),
        notice=NOTICE if off else None,
    )


@router.post("/session")
@needs(Role.viewer)
async def begin_session(
    ctx: Annotated[Context, Depends(context)], who: Who, request: Request, response: Response
) -> Session:
    """For the page: shown a key or token once, it gets a cookie that no script can read, and a ticket."""
    if who.kind == "off":
        return Session(
            name=who.name, role=who.role.name, expires_at=None, ticket=None, ticket_expires_at=None
        )
    now, sessions = ctx.clock(), ctx.gate.sessions
    ends = sessions.ends_at("session", who, now)
    response.set_cookie(
        COOKIE,
        sessions.issue("session", who, now),
        max_age=max(0, (ends - now) // 1000),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    response.headers["Cache-Control"] = "no-store"
    return Session(
        name=who.name,
        role=who.role.name,
        expires_at=rfc3339(ends),
        ticket=sessions.issue("ticket", who, now),
        ticket_expires_at=rfc3339(sessions.ends_at("ticket", who, now)),
    )


@router.delete("/session", status_code=204, response_class=Response)
@needs(Role.open)
async def end_session() -> Response:
    """Takes the cookie away."""
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer
