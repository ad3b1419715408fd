"""Questions read together: no reader gets what was read before it asked."""

import asyncio
from collections.abc import Sequence

import pytest

from api.batching import MOST, Batched
from reid.errors import Unavailable


class Source:
    """``value`` is what each reading finds at its end; a reading waits until `go`."""

    def __init__(self) -> None:
        self.readings: list[list[str]] = []
        self.value = 0
        self.go = asyncio.Event()
        self.away = False

    async def read(self, questions: Sequence[str]) -> dict[str, str]:
        self.readings.append(sorted(questions))
        began_with = self.value
        await self.go.wait()
        if self.away:
            raise Unavailable("Redis is away")
        return {question: f"{question}{began_with}" for question in questions}


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_asks_during_a_reading_is_answered_by_the_next() -> None:
    source = Source()
    batched: Batched[str, str] = Batched(source.read)
    first = [asyncio.create_task(batched.ask("a")) for _ in range(3)]
    await settle()
    source.value = 1
    later = [asyncio.create_task(batched.ask(question)) for question in ("a", "b", "a")]
    await settle()
    source.go.set()
    assert await asyncio.gather(*first) == ["a0"] * 3
    assert await asyncio.gather(*later) == ["a1", "b1", "a1"], "never what was read before they asked"
    assert source.readings == [["a"], ["a", "b"]]


async def test_a_failure_is_everybody_s_of_that_reading_and_nobody_s_after() -> None:
    source = Source()
    source.go.set()
    source.away = True
    batched: Batched[str, str] = Batched(source.read)
    found = await asyncio.gather(*(batched.ask(q) for q in "ab"), return_exceptions=True)
    assert [type(one) for one in found] == [Unavailable] * 2
    source.away = False
    assert await batched.ask("a") == "a0"


async def test_a_client_that_goes_away_takes_nobody_s_answer() -> None:
    source = Source()
    batched: Batched[str, str] = Batched(source.read)
    gone, stays = (asyncio.create_task(batched.ask("a")) for _ in range(2))
    await settle()
    gone.cancel()
    source.go.set()
    assert await stays == "a0"
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_a_reading_is_bounded() -> None:
    source = Source()
    source.go.set()
    batched: Batched[str, str] = Batched(source.read)
    await asyncio.gather(*(batched.ask(str(n)) for n in range(MOST + 1)))
    assert [len(questions) for questions in source.readings] == [MOST, 1]
