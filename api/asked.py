"""What every request for a change shares: who asks, under which key, and for how long they wait."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Header, HTTPException
from fastapi.responses import JSONResponse
from pydantic import BeforeValidator

from api import idempotency, models
from api.access.guard import caller
from api.access.roles import Caller
from api.commands import command_id
from api.context import Context, context
from reid.contracts.commands import AnyCommand
from reid.contracts.views import CommandOutcome
from reid.domain.validate import check
from reid.errors import PoisonInput

STATUS_OF: Final = {"unknown_person": 404, "unknown_track": 404, "unknown_alert": 404, "bad_label": 422}
"""Status of a refusal by its code; any other is a conflict with what is known: 409."""
REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    202: {"model": models.Outcome, "description": "Not visible yet; `Location` says where to look."},
    400: {"model": models.Problem, "description": "A body that is no text."},
    403: {"model": models.Problem, "description": "A page of another origin asks."},
    404: {"model": models.Problem, "description": "Unknown person, track or alert."},
    409: {"model": models.Problem, "description": "In conflict with what is known; says with what."},
    413: {"model": models.Problem, "description": "A body of more than 1 MiB."},
    422: {"model": models.Invalid, "description": "A bad field or label, or a key used for something else."},
    503: {"model": models.Problem, "description": "Kafka or Redis is away; says what to do."},
}
Key = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=models.MAX_ID,
        description="Carried out once under this key, however often it is asked for; the answer is that of "
        "the first time. 422 when the key was used for something else.",
    ),
]
Prefer = Annotated[str, Header(description="`respond-async`: answer 202 at once.")]


def _text(header: str) -> str:
    """Headers come decoded as latin-1; what they hold is UTF-8 today, as of curl, and latin-1 of some."""
    raw = header.encode("latin-1")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return header


AskedBy = Annotated[
    str,
    BeforeValidator(_text),
    Header(
        max_length=models.MAX_ID,
        description="Who asks, for the audit; `api` when absent. Where access is asked for, the caller's own "
        "name goes before it.",
    ),
]


@dataclass(frozen=True, slots=True)
class Asker:
    """One request. ``preferences``: those of ``Prefer``, in lower case."""

    ctx: Context
    preferences: frozenset[str]
    key: str | None
    asked_by: str

    async def outcome(self, command: Callable[[dict[str, Any]], AnyCommand]) -> CommandOutcome | JSONResponse:
        """The outcome, or the 202. ``command`` is given the fields that all commands have.

        Raises `HTTPException` for a refusal, `Unavailable`.
        """
        ctx, now = self.ctx, self.ctx.clock()
        fields = {"site_id": ctx.settings.site_id, "issued_at": now, "issued_by": self.asked_by}
        if self.key is None:
            id_ = command_id(now)
        else:
            id_ = idempotency.command_id(ctx.settings.site_id, self.key, command)
            ctx.keys.claim(id_, now)
        made = command({**fields, "command_id": id_})
        try:
            check(made)
        except PoisonInput as error:  # the agent would put it aside, and never answer
            raise HTTPException(404, f"nobody has such an id: {error}") from error
        outcome = await ctx.asking.ask(made, "respond-async" not in self.preferences)
        if outcome is None:
            return self._pending(id_)
        if outcome.command_id != id_:
            raise HTTPException(422, idempotency.REUSED)
        if outcome.rejected:
            raise HTTPException(STATUS_OF.get(outcome.code, 409), outcome.message)
        return outcome

    def _pending(self, id_: str) -> JSONResponse:
        where = f"/commands/{id_}"
        headers = {"Location": where}
        if "respond-async" in self.preferences:
            headers["Preference-Applied"] = "respond-async"
        pending = models.Outcome(status="pending", command_id=id_, outcome=where)
        return JSONResponse(pending.model_dump(), 202, headers)


def asked_by(who: Caller, said: str) -> str:
    """What the log keeps of who asked: what callers say of themselves never stands for who they are."""
    said = said.strip()
    if who.kind == "off":
        return said or "api"
    return (f"{who.name} for {said}" if said else who.name)[: models.MAX_ID]


async def asker(
    ctx: Annotated[Context, Depends(context)],
    who: Annotated[Caller, Depends(caller)],
    prefer: Prefer = "",
    idempotency_key: Key = None,
    x_asked_by: AskedBy = "",
) -> Asker:
    """FastAPI dependency."""
    preferences = frozenset(part.split(";")[0].strip().lower() for part in prefer.split(","))
    return Asker(ctx, preferences, idempotency_key, asked_by(who, x_asked_by))


Asks = Annotated[Asker, Depends(asker)]
