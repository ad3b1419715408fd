"""The store of a database that nobody reads yet: many operations at once, none atomic with another."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from projections.changes import (
    AddHolder,
    AddSums,
    Append,
    Change,
    Count,
    Delete,
    HashDelete,
    HashSet,
    IndexAdd,
    IndexRemove,
    KeepUntil,
    Op,
    RemoveHolder,
    SetAdd,
    SetOutcome,
    SetPerson,
    SetRemove,
)
from projections.redis_store import RedisViewStore, asked
from reid.contracts.topics import EXPIRY_GRACE_MS, OUTCOME_TTL_S

Command = tuple[str | bytes | int, ...]
#: What becomes of a camera without persons, of a count that is zero, or of whom a field names, is the
#: script's to say.
_SCRIPTED: Final = AddSums | Count | AddHolder | RemoveHolder
#: Entries of one RPUSH: bounds how long one command holds Redis for others.
_PUSHED: Final = 500


class ScratchStore(RedisViewStore):
    """A `RedisViewStore` with `pour`. Raises as it does."""

    def pour(self, ops: Sequence[Op]) -> None:
        """The operations in their order by one pipeline, positions and rules aside: a view that breaks off in
        the middle is thrown away whole."""
        now = self._now_ms()
        scripted = [op for op in ops if isinstance(op, _SCRIPTED)]

        def send() -> None:
            pipe = self._redis.pipeline(transaction=False)
            for command in commands((op for op in ops if not isinstance(op, _SCRIPTED)), now):
                pipe.execute_command(*command)  # type: ignore[no-untyped-call]
            pipe.execute()

        asked(send)
        if scripted:
            self.commit(Change("", {}, {}, scripted))

    def _now_ms(self) -> int:
        seconds, micros = asked(self._redis.time)
        return int(seconds) * 1000 + int(micros) // 1000


def commands(ops: Iterable[Op], now_ms: int) -> Iterator[Command]:
    """What `apply.lua` executes for each, as plain commands; neighbours on one list or hash in one."""
    for (kind, key), group in groupby(ops, lambda op: (type(op), op.key)):
        if kind is HashSet:
            pairs = ((op.name, op.value) for op in group if isinstance(op, HashSet))
            yield ("HSET", key, *(part for pair in pairs for part in pair))
        elif kind is HashDelete:
            # Most are of tracks that came and went since the last write: half of all operations.
            yield ("HDEL", key, *(op.name for op in group if isinstance(op, HashDelete)))
        else:
            for op in group:
                if isinstance(op, Append):
                    yield from _pushes(op)
                else:
                    yield _command(op, now_ms)


def _pushes(op: Append) -> Iterator[Command]:
    entries = op.entries[-op.keep :]
    for first in range(0, len(entries), _PUSHED):
        yield ("RPUSH", op.key, *entries[first : first + _PUSHED])
    yield ("LTRIM", op.key, -op.keep, -1)


def _command(op: Op, now_ms: int) -> Command:
    match op:
        case SetPerson():
            return ("SET", op.key, op.document, "PXAT", max(op.expires_at, now_ms) + EXPIRY_GRACE_MS)
        case SetOutcome():
            return ("SET", op.key, op.document, "EX", OUTCOME_TTL_S, "NX")
        case KeepUntil():
            return ("PEXPIREAT", op.key, max(op.expires_at, now_ms) + EXPIRY_GRACE_MS)
        case Delete():
            return ("DEL", op.key)
        case SetAdd():
            return ("SADD", op.key, op.member)
        case SetRemove():
            return ("SREM", op.key, op.member)
        case IndexAdd():
            return ("ZADD", op.key, op.score, op.member)
        case IndexRemove():
            return ("ZREM", op.key, op.member)
    raise TypeError(f"{type(op).__name__} has no plain command")
