"""The only door to Redis: commands that read. A Redis user without any write permission suffices
(`ACL` names what it must be allowed)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, Protocol, TypeVar

import redis.asyncio as aioredis
from redis import AuthenticationError, ConnectionError, ResponseError, TimeoutError
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

from reid.errors import ConfigError, Unavailable

#: Seconds until a silent Redis counts as away.
TIMEOUT_S: Final = 2.0
#: Seconds that a question may take in all. One that is frozen is connected to, greeted, and asked once more,
#: each for the time-out above: its caller would wait for eight seconds.
LIMIT_S: Final = 5.0
#: Redis ACL rules of a user that suffices for the API.
ACL: Final = (
    "~saferoom:*", "&saferoom:*", "-@all", "+ping", "+hello", "+select", "+client|setinfo", "+client|setname",
    "+get", "+mget", "+lrange", "+hget", "+hgetall", "+hmget", "+hkeys", "+smembers", "+zcard", "+zrange",
    "+zinter",
    "+subscribe", "+unsubscribe",
)  # fmt: skip
T = TypeVar("T")


class Reader(Protocol):
    """Every method raises `Unavailable` when Redis is away."""

    async def ping(self) -> None: ...

    async def get(self, key: str) -> bytes | None: ...

    async def mget(self, keys: list[str]) -> list[bytes | None]: ...

    async def hashes(self, keys: list[str]) -> list[dict[str, bytes]]:
        """All fields of each hash, empty where there is none."""
        ...

    async def fields(self, asked: list[tuple[str, list[str]]]) -> list[list[bytes | None]]:
        """Of each hash the named fields, None where there is none."""
        ...

    async def names(self, keys: list[str]) -> list[list[str]]:
        """Names of all fields of each hash."""

    async def field(self, key: str, name: str) -> bytes | None:
        """One field of a hash."""
        ...

    async def members(self, key: str) -> set[str]: ...

    async def lists(self, keys: list[str]) -> list[list[bytes]]:
        """All entries of each list, empty where there is none."""
        ...

    async def listed(self, keys: list[str]) -> list[bool]:
        """Whether there is such a list."""
        ...

    async def count(self, index: str) -> int: ...

    async def ranked(self, index: str, within: str | None = None) -> list[tuple[str, int]]:
        """Members of a sorted set with their scores, lowest first; only those also in the set ``within``."""
        ...

    async def newest(self, index: str, since: int, until: int, most: int) -> list[tuple[str, int]]:
        """Members of a sorted set with scores in that range, ends included: the ``most`` highest, highest
        first; of one score the last by name first."""
        ...

    def listen(self, channel: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Inside, the subscription stands; the iterator gives each message from then on."""
        ...

    async def close(self) -> None: ...


class RedisReader:
    """`Reader` on a server. Nothing connects before the first question."""

    def __init__(self, url: str) -> None:
        try:
            self._redis: Any = aioredis.Redis.from_url(
                url,
                socket_timeout=TIMEOUT_S,
                socket_connect_timeout=TIMEOUT_S,
                health_check_interval=5,
                # Once more at once: after a restart of Redis the pool's connections are dead.
                retry=Retry(ExponentialBackoff(cap=0.05, base=0.01), 1),
            )
        except ValueError as error:
            raise ConfigError(f"REDIS_URL is no Redis address: {error}") from error

    async def ping(self) -> None:
        await _answer(self._redis.ping())

    async def get(self, key: str) -> bytes | None:
        return await _answer(self._redis.get(key))

    async def mget(self, keys: list[str]) -> list[bytes | None]:
        return await _answer(self._redis.mget(keys)) if keys else []

    async def hashes(self, keys: list[str]) -> list[dict[str, bytes]]:
        if not keys:
            return []
        async with self._redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.hgetall(key)
            found = await _answer(pipe.execute())
        return [{name.decode(): raw for name, raw in one.items()} for one in found]

    async def fields(self, asked: list[tuple[str, list[str]]]) -> list[list[bytes | None]]:
        if not asked:
            return []
        async with self._redis.pipeline(transaction=False) as pipe:
            for key, names in asked:
                pipe.hmget(key, names)
            return list(await _answer(pipe.execute()))

    async def names(self, keys: list[str]) -> list[list[str]]:
        if not keys:
            return []
        async with self._redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.hkeys(key)
            found = await _answer(pipe.execute())
        return [[name.decode() for name in one] for one in found]

    async def field(self, key: str, name: str) -> bytes | None:
        return await _answer(self._redis.hget(key, name))

    async def lists(self, keys: list[str]) -> list[list[bytes]]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.lrange(key, 0, -1)
            return list(await _answer(pipe.execute()))

    async def listed(self, keys: list[str]) -> list[bool]:
        if not keys:
            return []
        async with self._redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.lrange(key, -1, -1)
            return [bool(found) for found in await _answer(pipe.execute())]

    async def members(self, key: str) -> set[str]:
        return {member.decode() for member in await _answer(self._redis.smembers(key))}

    async def count(self, index: str) -> int:
        return int(await _answer(self._redis.zcard(index)))

    async def ranked(self, index: str, within: str | None = None) -> list[tuple[str, int]]:
        if within is None:
            found = await _answer(self._redis.zrange(index, 0, -1, withscores=True))
        else:
            # The set's members count as score 1; weight 0 leaves the index's own.
            found = await _answer(self._redis.zinter({index: 1, within: 0}, withscores=True))
        return [(member.decode(), int(score)) for member, score in found]

    async def newest(self, index: str, since: int, until: int, most: int) -> list[tuple[str, int]]:
        asked = self._redis.zrange(
            index, until, since, desc=True, byscore=True, withscores=True, offset=0, num=most
        )
        return [(member.decode(), int(score)) for member, score in await _answer(asked)]

    @asynccontextmanager
    async def listen(self, channel: str) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self._redis.pubsub() as subscription:
            await _answer(subscription.subscribe(channel))
            confirmed = False
            while not confirmed:
                first = await _answer(subscription.get_message(timeout=TIMEOUT_S))
                if first is None:
                    raise Unavailable("Redis did not confirm a subscription")
                confirmed = first["type"] == "subscribe"
            yield _messages(subscription)

    async def close(self) -> None:
        await self._redis.aclose()


async def _messages(subscription: Any) -> AsyncIterator[bytes]:
    while True:
        message = await _answer(subscription.get_message(timeout=1.0))
        if message is not None and message["type"] == "message":
            yield message["data"]


async def _answer(asked: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(LIMIT_S) as limit:
            return await asked
    except AuthenticationError as error:
        raise Unavailable(f"Redis refuses the login of REDIS_URL: {error}") from error
    except (ConnectionError, TimeoutError, OSError) as error:
        why = f"no answer within {LIMIT_S:g} s" if limit.expired() else error
        raise Unavailable(
            f"Redis is away ({why}): start it with `saferoom up`, or check REDIS_URL"
        ) from error
    except ResponseError as error:
        raise Unavailable(f"Redis refuses to answer: {error}") from error
