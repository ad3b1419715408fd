"""Questions that are asked at once are read at once.

Fifty clients that ask for the list of persons need it read once, not fifty times; fifty that ask for one
person each need one MGET. A question joins the next reading and never one that has begun, so nobody gets an
answer older than the question: who has just changed something sees the change.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Final, Generic, TypeVar

#: Questions of one reading at most: bounds how long one command holds Redis for others.
MOST: Final = 256
Q = TypeVar("Q", bound=Hashable)
A = TypeVar("A")
Read = Callable[[Sequence[Q]], Awaitable[Mapping[Q, A]]]


class Batched(Generic[Q, A]):
    """``read``: different questions -> the answer of each; one reading runs at a time. What it raises, all
    who wait for that reading are told."""

    def __init__(self, read: Read[Q, A]) -> None:
        self._read = read
        self._waiting: dict[Q, list[asyncio.Future[A]]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        # One for each who asks: a client that goes away takes nobody else's answer.
        waiting: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(question, []).append(waiting)
        if self._reading is None:
            self._reading = asyncio.create_task(self._run())
        return await waiting

    async def _run(self) -> None:
        try:
            while self._waiting:
                taken = self._waiting
                if len(taken) > MOST:
                    taken = dict(list(taken.items())[:MOST])
                    for question in taken:
                        del self._waiting[question]
                else:
                    self._waiting = {}
                await self._answer(taken)
        finally:
            self._reading = None

    async def _answer(self, taken: dict[Q, list[asyncio.Future[A]]]) -> None:
        left = [waiting for one in taken.values() for waiting in one]
        try:
            found = await self._read(list(taken))
            for question, waiting in taken.items():
                answer = found[question]
                for one in waiting:
                    if not one.done():  # whoever waited is gone
                        one.set_result(answer)
        except Exception as error:  # noqa: BLE001 told to everybody who asked
            for one in left:
                if not one.done():
                    one.set_exception(error)
        except BaseException:
            for one in left:
                one.cancel()
            raise
