"""A command and its outcome: published, then waited for until the views show it."""

import asyncio
from collections.abc import Callable
from typing import Final

from api.commands import Commands
from api.views import Views
from reid.contracts.audit import SearchMade
from reid.contracts.commands import AnyCommand
from reid.contracts.views import CommandOutcome

#: Seconds between two looks for an outcome: from the first to the last value, growing by half.
FIRST_LOOK_S: Final = 0.005
LAST_LOOK_S: Final = 0.05


class Asking:
    """``timeout_s``: how long the caller of `ask` waits in all."""

    def __init__(
        self, views: Views, commands: Commands, timeout_s: float, seconds: Callable[[], float] | None = None
    ) -> None:
        self._views, self._commands, self._timeout_s = views, commands, timeout_s
        self._seconds = seconds

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
        pause = FIRST_LOOK_S
        while wait and now() < deadline:
            outcome = await self._views.outcome(command.command_id)
            if outcome is not None:
                return outcome
            await asyncio.sleep(min(pause, max(0.0, deadline - now())))
            pause = min(pause * 1.5, LAST_LOOK_S)
        return None
