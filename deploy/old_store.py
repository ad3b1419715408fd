"""Reads the old per-camera galleries: ``saferoom:persons:{camera}:{person_id}``, one JSON document a person.

Only reads. Liberal in what it takes, since no schema of that store was ever written down: a record is
unreadable only where nobody could say who it is or what they look like, and then the reason is told.
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import numpy as np
import redis
from numpy.typing import NDArray

from reid.contracts.topics import REDIS_PREFIX
from reid.errors import ConfigError, Malformed, Unavailable

_PATTERN: Final = f"{REDIS_PREFIX}:persons:*"
_CHUNK: Final = 200
_TIMEOUT_S: Final = 10.0
#: As seconds this would be in the year 5138: from here on a number counts milliseconds.
_MILLISECONDS_FROM: Final = 1e11
_LATEST_MS: Final = 1e14
_FIRST: Final = ("first_seen", "first_seen_at", "created_at", "created")
_LAST: Final = ("last_seen", "last_seen_at", "updated_at", "last_updated", "timestamp")


class OldPerson(NamedTuple):
    """``vectors``: ``(n, d) float64`` of length one; ``dropped``: embeddings that are none. Times in
    milliseconds. ``digest``: SHA-256 of the document."""

    key: str
    gallery: str
    person_id: str
    label: str
    cameras: tuple[str, ...]
    vectors: NDArray[np.float64]
    dropped: int
    visit_count: int
    first_seen: int
    last_seen: int
    digest: str


class Unreadable(NamedTuple):
    key: str
    reason: str


def read_store(url: str, wanted: Collection[str], passed_over: Collection[str], now: int) -> "OldStore":
    """All records, or those of the ``wanted`` galleries; never those of ``passed_over`` unless wanted.

    Raises `ConfigError` for an address that is none, `Unavailable` when the server does not answer.
    """
    store = OldStore()
    try:
        for key, raw in _documents(url):
            gallery, _, person_id = key.removeprefix(_PATTERN[:-1]).partition(":")
            if (gallery not in wanted) if wanted else (gallery in passed_over):
                store.passed_over[gallery] += 1
                continue
            store.read += 1
            try:
                store.persons.append(parse(key, gallery, person_id, raw, now))
            except Malformed as error:
                store.unreadable.append(Unreadable(key, str(error)))
    except redis.RedisError as error:
        raise Unavailable(f"the old Redis does not answer: {error}") from error
    store.agree_on_a_dimension()
    return store


class OldStore:
    """What was found, in the order of the keys. ``passed_over``: records left alone, by gallery."""

    def __init__(self) -> None:
        self.read = 0
        self.persons: list[OldPerson] = []
        self.unreadable: list[Unreadable] = []
        self.passed_over: Counter[str] = Counter()
        self.dim = 0

    def agree_on_a_dimension(self) -> None:
        """Embeddings of different lengths are of different encoders: the most common stays."""
        counted = Counter(person.vectors.shape[1] for person in self.persons)
        self.dim = max(counted, key=lambda dim: (counted[dim], dim), default=0)
        for person in self.persons:
            if person.vectors.shape[1] != self.dim:
                reason = f"embeddings of {person.vectors.shape[1]} values, where most have {self.dim}"
                self.unreadable.append(Unreadable(person.key, reason))
        self.persons = [p for p in self.persons if p.vectors.shape[1] == self.dim]


def _documents(url: str) -> Iterator[tuple[str, bytes | None]]:
    """(key, document) in the order of the keys; None where the key holds no text."""
    try:
        client = redis.Redis.from_url(url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S)
    except ValueError as error:
        raise ConfigError(f"--from: {error}") from error
    with client:
        # SCAN may tell a key twice.
        keys = sorted(set(client.scan_iter(match=_PATTERN, count=1000)))
        for start in range(0, len(keys), _CHUNK):
            chunk = keys[start : start + _CHUNK]
            values: Any = client.mget(chunk)
            for key, value in zip(chunk, values, strict=True):
                yield key.decode(errors="replace"), value


def parse(key: str, gallery: str, person_id: str, raw: bytes | None, now: int) -> OldPerson:
    """One document. ``now``, milliseconds since the epoch, stands in where it tells no time.

    Raises `Malformed`, saying why.
    """
    if raw is None:
        raise Malformed("holds no text")
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise Malformed("not a JSON object")
    if "number" in document and "num_embeddings" in document:
        raise Malformed("a document of this system, not of the old one")
    vectors, dropped = _vectors(document)
    first, last = _time(document, _FIRST), _time(document, _LAST)
    last = last or first or _time_in(person_id) or now
    first = min(first or _time_in(person_id) or last, last)
    if last > now:
        raise Malformed("last seen in the future")
    return OldPerson(
        key=key,
        gallery=gallery,
        person_id=str(document.get("person_id") or person_id),
        label=_sendable(str(document.get("label") or document.get("name") or "")),
        cameras=_cameras(document, gallery),
        vectors=vectors,
        dropped=dropped,
        visit_count=_count(document.get("visit_count", document.get("visits"))),
        first_seen=first,
        last_seen=last,
        digest=hashlib.sha256(raw).hexdigest(),
    )


def _vectors(document: dict[str, Any]) -> tuple[NDArray[np.float64], int]:
    """``(n, d)`` of length one, and how many embeddings are none."""
    listed = document.get("embeddings", document.get("embedding"))
    if not isinstance(listed, list) or not listed:
        raise Malformed("no embeddings")
    if all(isinstance(value, int | float) for value in listed):
        listed = [listed]
    found = [v for v in map(_vector, listed) if v is not None]
    if not found:
        raise Malformed("no embedding is a list of finite numbers, not all zero")
    length = Counter(map(len, found)).most_common(1)[0][0]
    kept = [v for v in found if len(v) == length]
    return np.stack(kept), len(listed) - len(kept)


def _vector(listed: Any) -> NDArray[np.float64] | None:
    if isinstance(listed, dict):
        listed = listed.get("embedding", listed.get("vector"))
    if not isinstance(listed, list) or not all(
        isinstance(v, int | float) and not isinstance(v, bool) for v in listed
    ):
        return None
    try:
        vector = np.asarray(listed, dtype=np.float64)
    except OverflowError:
        return None
    norm = float(np.linalg.norm(vector)) if len(listed) else 0.0
    return vector / norm if math.isfinite(norm) and norm > 0 else None


def _cameras(document: dict[str, Any], gallery: str) -> tuple[str, ...]:
    listed = document.get("cameras")
    names = [listed] if isinstance(listed, str) else listed if isinstance(listed, list | dict) else []
    return tuple(dict.fromkeys(str(name) for name in names if name)) or (gallery,)


def _sendable(text: str) -> str:
    """JSON may name half a surrogate pair (``"\\ud83d"``), which no UTF-8 has: "?" in its place."""
    return text.encode(errors="replace").decode()


def _count(value: Any) -> int:
    value = len(value) if isinstance(value, list) else value
    ordinary = isinstance(value, int | float) and 0 <= value < 1e9
    return max(1, int(value)) if ordinary else 1


def _time(document: dict[str, Any], names: tuple[str, ...]) -> int | None:
    """Milliseconds since the epoch of the first of these fields that tells a time."""
    return next((at for at in (_moment(document.get(name)) for name in names) if at is not None), None)


def _moment(value: Any) -> int | None:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            try:
                return _moment(float(value))
            except ValueError:
                return None
        at = round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
        # 0001-01-01, or the epoch itself: a time that was never set, as 0 is of the numbers.
        return at if at > 0 else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 < value < _LATEST_MS:  # Neither NaN nor infinite either.
        return None
    return round(value if value >= _MILLISECONDS_FROM else value * 1000)


def _time_in(person_id: str) -> int | None:
    """``person_1762344658197_0`` was named in that millisecond."""
    parts = person_id.split("_")
    return int(parts[1]) if len(parts) == 3 and parts[1].isdecimal() and len(parts[1]) == 13 else None
