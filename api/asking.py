"""A command and its outcome: published, then waited for until the views show it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from fastapi import HTTPException

from api.commands import Commands
from api.views import Views
from reid.contracts.audit import SearchMade
from reid.contracts.commands import AnyCommand
from reid.contracts.views import CommandOutcome
from reid.errors import Unavailable

log = logging.getLogger(__name__)

#: Seconds between two looks for an outcome: from the first to the last value, growing by half.
FIRST_LOOK_S: Final = 0.005
LAST_LOOK_S: Final = 0.05
#: Seconds that an outcome is waited for by what follows it, when nobody else waits.
FOLLOWED_S: Final = 60.0


class Asking:
    """``timeout_s``: how long the caller of `ask` waits in all."""

    def __init__(
        self, views: Views, commands: Commands, timeout_s: float, seconds: Callable[[], float] | None = None
    ) -> None:
        self._views, self._commands, self._timeout_s = views, commands, timeout_s
        self._seconds = seconds
        self._following: set[asyncio.Task[None]] = set()

    async def record(self, search: SearchMade) -> None:
        """Returns once the audit holds it. Raises `Unavailable`."""
        await self._commands.record(search)

    async def ask(self, command: AnyCommand, wait: bool) -> CommandOutcome | None:
        """The outcome, already visible in the views; None when it is not there in time, or ``wait`` is off.

        Raises `Unavailable`. Redis is asked first: a command whose outcome nobody could read is not sent.
        """
        now = self._seconds or asyncio.get_running_loop().time
        deadline = now() + self._timeout_s
        await self._views.ping()
        await self._commands.publish(command)
        return await self._seen(command.command_id, deadline) if wait else None

    def follow(self, command_id: str, then: Callable[[], Awaitable[object]]) -> None:
        """Does ``then`` once the command was carried out; not when it was refused, or heard of too late."""
        task = asyncio.create_task(self._follow(command_id, then))
        self._following.add(task)
        task.add_done_callback(self._following.discard)

    async def close(self) -> None:
        for task in list(self._following):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _follow(self, command_id: str, then: Callable[[], Awaitable[object]]) -> None:
        now = self._seconds or asyncio.get_running_loop().time
        try:
            outcome = await self._seen(command_id, now() + FOLLOWED_S)
            if outcome is not None and not outcome.rejected:
                await then()
                return
            why = "nothing came of it" if outcome is None else outcome.message
        except (HTTPException, Unavailable) as error:
            why = str(error)
        log.warning("what was to follow command %s was left out: %s", command_id, why)

    async def _seen(self, command_id: str, deadline: float) -> CommandOutcome | None:
        now = self._seconds or asyncio.get_running_loop().time
        pause = FIRST_LOOK_S
        while now() < deadline:
            outcome = await self._views.outcome(command_id)
            if outcome is not None:
                return outcome
            await asyncio.sleep(min(pause, max(0.0, deadline - now())))
            pause = min(pause * 1.5, LAST_LOOK_S)
        return None
