"""The persons view in Redis against a fold of the log up to the position that Redis itself holds.

The fold is held once; of what stands in Redis only a fingerprint of each key: memory grows with the persons
that are known, not with the log.

Camera reports are left out: they are no decisions, and change every second. So are alerts, of another log.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from hashlib import blake2b
from itertools import chain, islice
from typing import Any, Final

import msgspec

from deploy.verify.findings import Check, Findings
from deploy.verify.records import Record
from projections.canonical import is_ours, sites
from projections.changes import Change, SetOutcome
from projections.records import Record as ViewRecord
from projections.redis_store import RedisViewStore
from projections.store import MemoryViewStore
from projections.views import PersonsView
from reid.contracts.codec import ALERT_TYPES
from reid.contracts.topics import DAY_MS, FORM_KEY, GENERATION_KEY, PERSONS_VIEW, REDIS_PREFIX
from reid.contracts.views import CommandOutcome, PersonView
from reid.errors import Unavailable

_BATCH: Final = 500
_SHOWN: Final = 300
_ATTEMPTS: Final = 10
_PAUSE_S: Final = 1.0
_OUTCOMES: Final = f"{REDIS_PREFIX}:outcome:"
_PERSONS: Final = f"{REDIS_PREFIX}:persons:"
_HISTORIES: Final = f"{REDIS_PREFIX}:history:"
_LEFT_OUT: Final = (
    f"{REDIS_PREFIX}:cameras:",
    f"{REDIS_PREFIX}:alerts:",
    f"{REDIS_PREFIX}:position:",
    GENERATION_KEY,
    FORM_KEY,
)

#: Key -> fingerprint of its value.
Prints = dict[str, bytes]


def still(store: RedisViewStore) -> tuple[dict[int, int], Prints]:
    """Positions and keys that belong together. Raises `Unavailable` while the view moves on."""
    for _ in range(_ATTEMPTS):
        before = store.positions(PERSONS_VIEW)
        found = {key: fingerprint(value) for key, value in store.each(f"{REDIS_PREFIX}:")}
        if store.positions(PERSONS_VIEW) == before:
            return before, found
        time.sleep(_PAUSE_S)
    raise Unavailable("the views change faster than they can be read: verify them when the site is quiet")


def fold(
    logs: Mapping[int, Iterable[Record]],
    ttl_days: int,
    history_entries: int,
    found: Collection[str],
    findings: Findings,
) -> MemoryViewStore:
    """What Redis should hold after these events of each partition. ``found``: the keys that it does hold."""
    store = MemoryViewStore(lambda: round(time.time() * 1000))
    view = PersonsView(ttl_days, history_entries)
    for partition, log in logs.items():
        for batch in _batches(log):
            _apply(view, store, partition, batch, found, findings)
    return store


def _batches(log: Iterable[Record]) -> Iterator[list[Record]]:
    source = iter(log)
    while batch := list(islice(source, _BATCH)):
        yield batch


def compare(
    expected: MemoryViewStore,
    found: Prints,
    look_up: Callable[[str], Any],
    ttl_days: int,
    now_ms: int,
    findings: Findings,
) -> None:
    """``found``: of Redis; ``look_up``: the value that a key has there, to tell a difference by."""
    expired = _expired(expected, now_ms - ttl_days * DAY_MS)
    prefix, wanted = f"{REDIS_PREFIX}:", set[str]()
    known = sites(chain((key for key, _ in expected.each(prefix)), found))
    for key, value in expected.each(prefix):
        wanted.add(key)
        # Documents of the older system have our prefix; they are nobody's view (`saferoom migrate`).
        if key.startswith(_LEFT_OUT) or not is_ours(key, known):
            continue
        findings.look(Check.VIEWS)
        if key not in found:
            # Outcomes live for an hour; a person's documents end by the clock, a while after the person.
            if not key.startswith(_OUTCOMES) and not expired(key):
                findings.differ(Check.VIEWS, f"{key} is not in Redis")
        elif found[key] != fingerprint(value):
            findings.differ(Check.VIEWS, f"{key} is not what the log says{_where(value, look_up(key))}")
    for key in sorted(found.keys() - wanted):
        if not key.startswith(_LEFT_OUT) and is_ours(key, known) and not _of_alerts(key, look_up):
            findings.look(Check.VIEWS)
            findings.differ(Check.VIEWS, f"{key} is in Redis, but not from the log")


def _of_alerts(key: str, look_up: Callable[[str], Any]) -> bool:
    """An outcome that the alert agent's log tells, which is not verified here."""
    if not key.startswith(_OUTCOMES):
        return False
    found = look_up(key)
    return found is not None and msgspec.json.decode(found, type=CommandOutcome).event_type in ALERT_TYPES


def fingerprint(value: Any) -> bytes:
    """16 bytes of a value as `ViewStore.dump` gives it."""
    return blake2b(msgspec.json.encode(value, order="sorted"), digest_size=16).digest()


def _apply(
    view: PersonsView,
    store: MemoryViewStore,
    partition: int,
    batch: list[Record],
    found: Collection[str],
    findings: Findings,
) -> None:
    records = [
        ViewRecord(r.topic, r.partition, r.offset, r.key, r.value, list(r.headers), r.timestamp)
        for r in batch
    ]
    made = view.project(records, store)
    for rejected in made.rejected:
        place = f"{rejected.record.topic}/{rejected.record.partition}/{rejected.record.offset}"
        findings.differ(Check.VIEWS, f"{place} can't be applied: {rejected.error}")
    at = store.positions(PERSONS_VIEW).get(partition)
    # One for each command ever asked: kept are those that Redis has not dropped yet.
    ops = [op for op in made.ops if not isinstance(op, SetOutcome) or op.key in found]
    store.commit(Change(PERSONS_VIEW, {partition: at}, {partition: batch[-1].offset + 1}, ops))
    store.published.clear()


def _expired(expected: MemoryViewStore, before_ms: int) -> Callable[[str], bool]:
    """Whether a person's key may have ended by the clock."""
    decoder = msgspec.json.Decoder(PersonView)

    def expired(key: str) -> bool:
        person = key.replace(_HISTORIES, _PERSONS, 1)
        if not person.startswith(_PERSONS):
            return False
        document = expected.get(person)
        return document is not None and decoder.decode(document).last_seen < before_ms

    return expired


def _where(expected: Any, found: Any) -> str:
    """What differs, in a hash or list the first place of it."""
    if isinstance(expected, dict) and isinstance(found, dict):
        names = sorted(n for n in expected.keys() | found.keys() if expected.get(n) != found.get(n))
        said = f"; first at {names[0]}: {_short(found.get(names[0]))}, not {_short(expected.get(names[0]))}"
        return f": {len(names)} of its fields{said}"
    if isinstance(expected, list) and isinstance(found, list):
        return f": {len(found)} entries, should be {len(expected)}" if len(found) != len(expected) else ""
    return f": {_short(found)}, not {_short(expected)}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
