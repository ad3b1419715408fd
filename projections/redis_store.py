"""Views in Redis: loads by one pipeline, commits by one Lua call."""

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from importlib.resources import files
from typing import Any, Final, TypeVar

import msgspec
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from projections.changes import Change
from projections.claims import Claims, SiteCrops
from projections.store import CameraRef, Documents, PersonRef, decode_documents
from reid.contracts.topics import (
    EXPIRY_GRACE_MS,
    FORM_KEY,
    GENERATION_KEY,
    HOLD_KEY,
    OUTCOME_TTL_S,
    PERSONS_VIEW,
    crops_key,
    live_labels_key,
    person_key,
    person_tallies_key,
    persons_index_key,
    position_key,
    samples_key,
)
from reid.errors import ConfigError, StaleView, Unavailable

SCRIPT: Final = files("projections").joinpath("apply.lua").read_text()
#: Seconds without an answer after which Redis counts as away. Longer than its longest script here.
SOCKET_TIMEOUT_S: Final = 10.0
T = TypeVar("T")


class RedisViewStore:
    """Needs Redis 7 or Valkey, one node: the script's keys are not declared, so no cluster.

    Raises `Unavailable` when Redis is away or refuses (full memory, full disk, replica), `ConfigError`
    when it refuses our login.
    """

    def __init__(self, url: str) -> None:
        try:
            self._redis = redis.Redis.from_url(
                url,
                socket_timeout=SOCKET_TIMEOUT_S,
                socket_connect_timeout=2.0,
                # The projector's own back-off decides: after an error it must read the positions again.
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as error:
            raise ConfigError(f"REDIS_URL is no Redis address: {error}") from error
        self._apply = self._redis.register_script(SCRIPT)

    def positions(self, view: str) -> dict[int, int]:
        found = asked(lambda: self._redis.hgetall(position_key(view)))
        return {int(partition): int(offset) for partition, offset in found.items()}

    def form(self, view: str) -> int:
        found: Any = asked(lambda: self._redis.hget(FORM_KEY, view))
        return int(found or 0)

    def generation(self) -> str:
        found: Any = asked(lambda: self._redis.get(GENERATION_KEY))
        return "" if found is None else str(found.decode())

    def load(
        self,
        persons: Collection[PersonRef],
        cameras: Collection[CameraRef],
        sampled: Collection[CameraRef] = (),
    ) -> Documents:
        refs, places, waiting = list(persons), list(cameras), list(sampled)
        by_site: dict[str, list[PersonRef]] = {}
        for ref in refs:
            by_site.setdefault(ref.site_id, []).append(ref)

        def ask() -> list[Any]:
            pipe = self._redis.pipeline(transaction=False)
            if refs:
                pipe.mget([person_key(*ref) for ref in refs])
            for site_id, group in by_site.items():
                pipe.hmget(person_tallies_key(site_id), [ref.person_id for ref in group])
            for place in places:
                pipe.hgetall(live_labels_key(*place))
            for place in waiting:
                pipe.hgetall(samples_key(*place))
            return pipe.execute()

        answers = iter(asked(ask))
        documents = dict(zip(refs, next(answers) if refs else (), strict=True))
        tallies: dict[PersonRef, bytes | None] = {}
        for group in by_site.values():
            tallies.update(zip(group, next(answers), strict=True))
        live = {place: {k.decode(): v for k, v in next(answers).items()} for place in places}
        samples = {place: {k.decode(): v for k, v in next(answers).items()} for place in waiting}
        return decode_documents(documents, tallies, live, samples)

    def hashes(self, keys: Collection[str]) -> dict[str, dict[str, bytes]]:
        wanted = list(keys)

        def ask() -> list[dict[bytes, bytes]]:
            pipe = self._redis.pipeline(transaction=False)
            for key in wanted:
                pipe.hgetall(key)
            return pipe.execute()

        found = asked(ask) if wanted else []
        return {
            key: {name.decode(): value for name, value in one.items()}
            for key, one in zip(wanted, found, strict=True)
        }

    def info(self) -> dict[str, str]:
        """What the server tells of itself."""
        found: Any = asked(self._redis.info)
        return {name: str(value) for name, value in found.items()}

    def claims(self, sites: Collection[str]) -> Claims:
        """In one transaction: a store emptied between two answers would leave every crop to nobody."""
        names = list(sites)

        def ask() -> list[Any]:
            pipe = self._redis.pipeline(transaction=True)
            pipe.hgetall(position_key(PERSONS_VIEW))
            pipe.hget(FORM_KEY, PERSONS_VIEW)
            for site in names:
                pipe.hgetall(crops_key(site))
                pipe.zrange(persons_index_key(site), 0, -1)
            return pipe.execute()

        stored, form, *found = asked(ask)
        positions = {int(partition): int(offset) for partition, offset in stored.items()}
        sites = {
            site: SiteCrops(
                {k.decode(): ids for k, ids in held.items()}, frozenset(p.decode() for p in living)
            )
            for site, held, living in zip(names, found[::2], found[1::2], strict=True)
        }
        return Claims(positions, int(form or 0), sites)

    def commit(self, change: Change) -> None:
        batch = [
            [(str(p), "" if offset is None else str(offset)) for p, offset in change.expected.items()],
            [(str(p), str(offset)) for p, offset in change.positions.items()],
            [[_text(part) for part in op] for op in change.ops],
            [[_text(part) for part in message] for message in change.messages],
        ]
        generation = "" if change.generation is None else f"={change.generation}"
        arguments: list[bytes | int | str] = [
            msgspec.msgpack.encode(batch), EXPIRY_GRACE_MS, OUTCOME_TTL_S, generation,
        ]  # fmt: skip
        differs = asked(lambda: self._apply([position_key(change.view), GENERATION_KEY, HOLD_KEY], arguments))
        if differs:
            partition, stored = (part.decode() for part in differs)
            if partition == "hold":
                raise StaleView("a rebuild is about to swap the views")
            if partition == "generation":
                raise StaleView(f"the store of view {change.view} was filled anew")
            raise StaleView(
                f"view {change.view} holds position {stored or None} of partition {partition}, "
                f"not {change.expected[int(partition)]}"
            )

    def dump(self, prefix: str) -> dict[str, Any]:
        return dict(sorted(self.each(prefix)))

    def each(self, prefix: str) -> Iterator[tuple[str, Any]]:
        """As `dump`, one key after another, in no order; none is held. A key may come twice."""
        keys = self._redis.scan_iter(f"{prefix}*", 1000)
        while (key := asked(lambda: next(keys, None))) is not None:
            value = asked(partial(self._value, key))
            if value is not None:
                yield key.decode(), value

    def value(self, key: str) -> Any:
        """As in `dump`; None where there is none."""
        return asked(lambda: self._value(key.encode()))

    def close(self) -> None:
        self._redis.close()

    def _value(self, key: bytes) -> Any:
        client: Any = self._redis  # its stubs know texts only; this client answers in bytes
        match client.type(key):
            case b"string":
                raw = client.get(key)
                return None if raw is None else raw.decode()
            case b"hash":
                return {k.decode(): v.decode() for k, v in sorted(client.hgetall(key).items())}
            case b"set":
                return sorted(member.decode() for member in client.smembers(key))
            case b"list":
                return [entry.decode() for entry in client.lrange(key, 0, -1)]
            case b"zset":
                return [member.decode() for member in client.zrange(key, 0, -1)]
        return None


def _text(part: str | int | bytes | Sequence[bytes]) -> str | list[str]:
    """Leaves as texts: Lua would turn a large integer into a float, and its cmsgpack knows no binary."""
    if isinstance(part, bytes):
        return part.decode()
    return str(part) if isinstance(part, str | int) else [entry.decode() for entry in part]


def asked(call: Callable[[], T]) -> T:
    """The answer of Redis. Raises `Unavailable` when it is away or refuses to work, `ConfigError` when it
    refuses our login."""
    try:
        return call()
    except redis.AuthenticationError as error:
        raise ConfigError(f"Redis refuses the login of REDIS_URL: {error}") from error
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise Unavailable(
            f"Redis is away ({error}): start it with `saferoom up`, or check REDIS_URL"
        ) from error
    except redis.WatchError as error:
        raise Unavailable("Redis was changed by somebody else meanwhile: try again") from error
    except redis.ResponseError as error:
        raise Unavailable(f"Redis refuses to work: {error}; `saferoom doctor` tells why") from error
