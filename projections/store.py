"""The seam between the projections and where views live, and its in-memory implementation."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

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
    Message,
    Op,
    RemoveHolder,
    SetAdd,
    SetOutcome,
    SetPerson,
    SetRemove,
)
from projections.claims import Claims, SiteCrops
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
from reid.contracts.views import HistoryEntry, LiveTrack, PersonTally, PersonView
from reid.errors import ConfigError, StaleView

_person = msgspec.json.Decoder(PersonView)
_tally = msgspec.json.Decoder(PersonTally)
_live = msgspec.json.Decoder(LiveTrack)
_samples = msgspec.json.Decoder(list[HistoryEntry])
K = TypeVar("K")
V = TypeVar("V")


class OtherForm(ConfigError):
    """What stands in a view's key is not what this program writes there."""

    def __init__(self, error: msgspec.DecodeError) -> None:
        super().__init__(
            f"a saferoom document in Redis is not of this version ({error}): empty that Redis database "
            "(FLUSHDB); the views are filled again from the log"
        )


class PersonRef(NamedTuple):
    site_id: str
    person_id: str


class CameraRef(NamedTuple):
    site_id: str
    camera_id: str


@lru_cache(65_536)
def person_ref(site_id: str, person_id: str) -> PersonRef:
    """Found again rather than made again: three times in each sighting of a long log."""
    return PersonRef(site_id, person_id)


def held(fresh: bool, none: Callable[[], V]) -> dict[K, V]:
    """What a fold holds of a store. Where it began with an empty one, what it does not hold is nowhere; else
    to ask for what was not loaded is a defect, and fails."""
    return defaultdict(none) if fresh else {}


@dataclass(slots=True)
class Documents:
    """What `ViewStore.load` found. Persons without document or tally are absent.

    ``live``: track field -> track, of every camera asked for; ``samples``: track field -> samples.
    """

    persons: dict[PersonRef, PersonView] = field(default_factory=dict)
    tallies: dict[PersonRef, PersonTally] = field(default_factory=dict)
    live: dict[CameraRef, dict[str, LiveTrack]] = field(default_factory=dict)
    samples: dict[CameraRef, dict[str, list[HistoryEntry]]] = field(default_factory=dict)


class ViewStore(Protocol):
    """Raises `Unavailable` when the store is away."""

    def positions(self, view: str) -> dict[int, int]:
        """Next offset to apply of each partition that the view has a position of."""
        ...

    def form(self, view: str) -> int:
        """In which form the view stands there; 0 where nobody said."""
        ...

    def generation(self) -> str:
        """Which filling of the store this is; empty for the first."""
        ...

    def load(
        self,
        persons: Collection[PersonRef],
        cameras: Collection[CameraRef],
        sampled: Collection[CameraRef] = (),
    ) -> Documents:
        """One round trip. ``cameras``: whose live tracks; ``sampled``: whose waiting samples."""
        ...

    def hashes(self, keys: Collection[str]) -> dict[str, dict[str, bytes]]:
        """All fields of each hash, empty where there is none. One round trip."""

    def claims(self, sites: Collection[str]) -> Claims:
        """Crops, positions and form as of one moment."""
        ...

    def commit(self, change: Change) -> None:
        """All of the change with its positions, or nothing and `StaleView` when the stored positions
        or the generation are not the expected ones."""
        ...

    def dump(self, prefix: str) -> dict[str, Any]:
        """Keys that start with ``prefix`` -> value: str, hash as dict, list as list, set as sorted
        list, index as list by score."""
        ...


def decode_documents(
    persons: dict[PersonRef, bytes | None],
    tallies: dict[PersonRef, bytes | None],
    live: dict[CameraRef, dict[str, bytes]],
    samples: dict[CameraRef, dict[str, bytes]],
) -> Documents:
    """Raw values, None where absent, as any store holds them -> documents.

    Raises `OtherForm` when somebody else's value stands in a view's key.
    """
    try:
        return Documents(
            {ref: _person.decode(raw) for ref, raw in persons.items() if raw is not None},
            {ref: _tally.decode(raw) for ref, raw in tallies.items() if raw is not None},
            {ref: {name: _live.decode(raw) for name, raw in found.items()} for ref, found in live.items()},
            {
                ref: {name: _samples.decode(raw) for name, raw in found.items()}
                for ref, found in samples.items()
            },
        )
    except msgspec.DecodeError as error:
        raise OtherForm(error) from error


T = TypeVar("T")


class _Index(dict[str, int]):
    """A sorted set: member -> score."""


class MemoryViewStore:
    """Holds what Redis would hold, key for key. ``clock``: milliseconds since the epoch."""

    def __init__(self, clock: Callable[[], int] = lambda: 0) -> None:
        self._clock = clock
        self._values: dict[str, Any] = {}
        self._deadlines: dict[str, int] = {}
        #: Keys of hashes, sets, indexes and lists that no copy shares: these alone are changed in place.
        self._own: set[str] = set()
        self.published: list[Message] = []

    def positions(self, view: str) -> dict[int, int]:
        return {int(p): int(offset) for p, offset in self._get(position_key(view), {}).items()}

    def form(self, view: str) -> int:
        return int(self._get(FORM_KEY, {}).get(view, b"0"))

    def generation(self) -> str:
        raw: bytes = self._get(GENERATION_KEY, b"")
        return raw.decode()

    def load(
        self,
        persons: Collection[PersonRef],
        cameras: Collection[CameraRef],
        sampled: Collection[CameraRef] = (),
    ) -> Documents:
        return decode_documents(
            {ref: self._get(person_key(*ref), None) for ref in persons},
            {ref: self._get(person_tallies_key(ref.site_id), {}).get(ref.person_id) for ref in persons},
            {ref: self._get(live_labels_key(*ref), {}) for ref in cameras},
            {ref: self._get(samples_key(*ref), {}) for ref in sampled},
        )

    def hashes(self, keys: Collection[str]) -> dict[str, dict[str, bytes]]:
        return {key: dict(self._get(key, {})) for key in keys}

    def claims(self, sites: Collection[str]) -> Claims:
        found = {
            site: SiteCrops(
                dict(self._get(crops_key(site), {})), frozenset(self._get(persons_index_key(site), {}))
            )
            for site in sites
        }
        return Claims(self.positions(PERSONS_VIEW), self.form(PERSONS_VIEW), found)

    def commit(self, change: Change) -> None:
        if change.generation is not None and self._get(HOLD_KEY, None) is not None:
            raise StaleView("a rebuild is about to swap the views")
        if change.generation not in (None, self.generation()):
            raise StaleView(f"the store of view {change.view} was filled anew")
        stored = self.positions(change.view)
        for partition, expected in change.expected.items():
            if stored.get(partition) != expected:
                raise StaleView(
                    f"view {change.view} holds position {stored.get(partition)} of partition {partition}, "
                    f"not {expected}"
                )
        for op in change.ops:
            self._execute(op)
        for partition, position in change.positions.items():
            self._hash(position_key(change.view))[str(partition)] = str(position).encode()
        self.published.extend(change.messages)

    def dump(self, prefix: str) -> dict[str, Any]:
        return dict(self.each(prefix))

    def each(self, prefix: str) -> Iterator[tuple[str, Any]]:
        """As `dump`, one key after another."""
        for key in sorted(self._values):
            if key.startswith(prefix) and (value := self.get(key)) is not None:
                yield key, _plain(value)

    def get(self, key: str) -> Any:
        """The raw value, None where there is none: bytes; hash, index as dict; set; list of bytes."""
        return self._get(key, None)

    def copy(self, clock: Callable[[], int]) -> "MemoryViewStore":
        """The same content, which changes apart from here on. What neither changes afterwards is shared."""
        made = MemoryViewStore(clock)
        made._values = dict(self._values)
        made._deadlines = dict(self._deadlines)
        self._own.clear()
        return made

    def flush(self) -> None:
        """Loses everything, as a Redis without persistence does when it restarts."""
        self._values.clear()
        self._deadlines.clear()
        self._own.clear()

    def _get(self, key: str, default: Any) -> Any:
        deadline = self._deadlines.get(key)
        if deadline is not None and deadline <= self._clock():
            self._drop(key)
        return self._values.get(key, default)

    def _held(self, key: str, make: Callable[[], T]) -> T:
        """The hash, set, index or list, to be changed in place; ``make()`` where there is none."""
        found: T | None = self._values.get(key)
        if found is None or key not in self._own:
            found = self._values[key] = make() if found is None else _copied(found)
            self._own.add(key)
        return found

    def _hash(self, key: str) -> dict[str, bytes]:
        return self._held(key, dict)

    def _drop(self, key: str) -> None:
        self._values.pop(key, None)
        self._deadlines.pop(key, None)
        self._own.discard(key)

    def _execute(self, op: Op) -> None:
        match op:
            case SetPerson():
                self._values[op.key] = op.document
                self._deadlines[op.key] = max(op.expires_at, self._clock()) + EXPIRY_GRACE_MS
            case SetOutcome():
                if self._get(op.key, None) is None:
                    self._values[op.key] = op.document
                    self._deadlines[op.key] = self._clock() + OUTCOME_TTL_S * 1000
            case Delete():
                self._drop(op.key)
            case HashSet():
                self._hash(op.key)[op.name] = op.value
            case SetAdd():
                self._held(op.key, set[str]).add(op.member)
            case IndexAdd():
                self._held(op.key, _Index)[op.member] = op.score
            case HashDelete():
                self._hash(op.key).pop(op.name, None)
                self._drop_empty(op.key)
            case IndexRemove():
                self._held(op.key, _Index).pop(op.member, None)
                self._drop_empty(op.key)
            case SetRemove():
                self._held(op.key, set[str]).discard(op.member)
                self._drop_empty(op.key)
            case AddSums():
                self._add_sums(op)
            case Count():
                self._count(op)
            case AddHolder():
                self._hold(op, {op.holder})
            case RemoveHolder():
                self._hold(op, set())
            case Append():
                self._append(op)
            case KeepUntil() if op.key in self._values:
                self._deadlines[op.key] = max(op.expires_at, self._clock()) + EXPIRY_GRACE_MS

    def _count(self, op: Count) -> None:
        counts = self._hash(op.key)
        now = int(counts.get(op.name, b"0")) + op.by
        counts[op.name] = str(now).encode()
        if now == 0:
            del counts[op.name]
            self._drop_empty(op.key)

    def _hold(self, op: AddHolder | RemoveHolder, holding: set[str]) -> None:
        names = self._hash(op.key)
        held = set(names.pop(op.name, b"").decode().split()) - {op.holder} | holding
        if held:
            names[op.name] = " ".join(sorted(held)).encode()
        self._drop_empty(op.key)

    def _append(self, op: Append) -> None:
        entries = self._held(op.key, list[bytes])
        entries.extend(op.entries)
        del entries[: -op.keep]

    def _add_sums(self, op: AddSums) -> None:
        sums = self._hash(op.key)
        for name, more in (("persons", op.persons), ("embeddings", op.embeddings), ("visits", op.visits)):
            sums[name] = str(int(sums.get(name, b"0")) + more).encode()
        if int(sums["persons"]) > 0:
            self._held(op.cameras_key, set[str]).add(op.camera_id)
        else:
            self._drop(op.key)
            self._held(op.cameras_key, set[str]).discard(op.camera_id)
            self._drop_empty(op.cameras_key)

    def _drop_empty(self, key: str) -> None:
        if key in self._values and not self._values[key]:
            self._drop(key)


def _copied(value: Any) -> Any:
    # A dict's own `copy` would make a plain dict of an index.
    return _Index(value) if isinstance(value, _Index) else value.copy()


def _plain(value: Any) -> Any:
    """Raw value -> text, sorted, so that two dumps compare."""
    if isinstance(value, _Index):
        return sorted(value, key=lambda member: (value[member], member))
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list):
        return [raw.decode() for raw in value]
    if isinstance(value, dict):
        return {name: raw.decode() for name, raw in sorted(value.items())}
    return sorted(value)
