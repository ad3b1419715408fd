"""What one batch does to a view: data, executed alike by every `ViewStore`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class SetPerson(NamedTuple):
    """Write a person document. The key expires a grace time after ``expires_at``, ms since the epoch."""

    key: str
    document: bytes
    expires_at: int
    op: str = "person"


class SetOutcome(NamedTuple):
    """Write a command's outcome, kept for `OUTCOME_TTL_S`. One that stands there already stays: it is that
    of the first request under the same idempotency key."""

    key: str
    document: bytes
    op: str = "outcome"


class Delete(NamedTuple):
    key: str
    op: str = "del"


class HashSet(NamedTuple):
    key: str
    name: str
    value: bytes
    op: str = "hset"


class HashDelete(NamedTuple):
    key: str
    name: str
    op: str = "hdel"


class SetAdd(NamedTuple):
    key: str
    member: str
    op: str = "sadd"


class SetRemove(NamedTuple):
    key: str
    member: str
    op: str = "srem"


class IndexAdd(NamedTuple):
    key: str
    member: str
    score: int
    op: str = "zadd"


class IndexRemove(NamedTuple):
    key: str
    member: str
    op: str = "zrem"


class AddSums(NamedTuple):
    """Add to a camera's sums. A camera left without persons loses them and its place in ``cameras_key``."""

    key: str
    cameras_key: str
    camera_id: str
    persons: int
    embeddings: int
    visits: int
    op: str = "sums"


class Count(NamedTuple):
    """Add to a whole number in a hash. One that becomes zero goes."""

    key: str
    name: str
    by: int
    op: str = "count"


class AddHolder(NamedTuple):
    """One more of those who hold what a field of a hash names: their ids, sorted by their bytes, a space
    between two. Who holds it already is no second one."""

    key: str
    name: str
    holder: str
    op: str = "hold"


class RemoveHolder(NamedTuple):
    """One less of them; a field without holders goes. Who is none is no error."""

    key: str
    name: str
    holder: str
    op: str = "let_go"


class Append(NamedTuple):
    """Add to the end of a list, which keeps its last ``keep`` entries."""

    key: str
    entries: Sequence[bytes]
    keep: int
    op: str = "append"


class KeepUntil(NamedTuple):
    """The key, where there is one, expires a grace time after ``expires_at``, as `SetPerson`'s."""

    key: str
    expires_at: int
    op: str = "until"


Op = (
    SetPerson
    | SetOutcome
    | Delete
    | HashSet
    | HashDelete
    | SetAdd
    | SetRemove
    | IndexAdd
    | IndexRemove
    | AddSums
    | Count
    | AddHolder
    | RemoveHolder
    | Append
    | KeepUntil
)


class Message(NamedTuple):
    """One pub/sub message."""

    channel: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """One atomic step of a view.

    ``expected``: stored position of each partition before it, None where there is none;
    ``positions``: next offset to apply after it, of the partitions that move; ``generation``: of the
    store that the expected positions and documents were read from, None for whichever.
    """

    view: str
    expected: Mapping[int, int | None]
    positions: Mapping[int, int]
    ops: Sequence[Op] = ()
    messages: Sequence[Message] = field(default_factory=tuple)
    generation: str | None = None
