"""The persons view in Redis against a fold of the log up to the position that Redis itself holds.

Camera reports are left out: they are no decisions, and change every second.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from deploy.verify.findings import Check, Findings
from deploy.verify.records import Record
from projections.canonical import is_ours, sites
from projections.changes import Change
from projections.store import MemoryViewStore, ViewStore
from projections.views import PersonsView
from projections.views import Record as ViewRecord
from reid.contracts.topics import DAY_MS, GENERATION_KEY, PERSONS_VIEW, REDIS_PREFIX
from reid.contracts.views import PersonView
from reid.errors import Unavailable

_BATCH: Final = 500
_SHOWN: Final = 300
_ATTEMPTS: Final = 10
_PAUSE_S: Final = 1.0
_OUTCOMES: Final = f"{REDIS_PREFIX}:outcome:"
_PERSONS: Final = f"{REDIS_PREFIX}:persons:"
_HISTORIES: Final = f"{REDIS_PREFIX}:history:"
_LEFT_OUT: Final = (f"{REDIS_PREFIX}:cameras:", f"{REDIS_PREFIX}:position:", GENERATION_KEY)

Dump = dict[str, Any]


def still(store: ViewStore) -> tuple[dict[int, int], Dump]:
    """Positions and keys that belong together. Raises `Unavailable` while the view moves on."""
    for _ in range(_ATTEMPTS):
        before = store.positions(PERSONS_VIEW)
        found = store.dump(f"{REDIS_PREFIX}:")
        if store.positions(PERSONS_VIEW) == before:
            return before, found
        time.sleep(_PAUSE_S)
    raise Unavailable("the views change faster than they can be read: verify them when the site is quiet")


def fold(
    logs: Mapping[int, Iterable[Record]], ttl_days: int, history_entries: int, findings: Findings
) -> Dump:
    """What Redis should hold after these events of each partition."""
    store = MemoryViewStore(lambda: round(time.time() * 1000))
    view = PersonsView(ttl_days, history_entries)
    for partition, log in logs.items():
        batch: list[Record] = []
        for record in log:
            batch.append(record)
            if len(batch) == _BATCH:
                _apply(view, store, partition, batch, findings)
                batch = []
        if batch:
            _apply(view, store, partition, batch, findings)
    return store.dump(f"{REDIS_PREFIX}:")


def compare(expected: Dump, found: Dump, ttl_days: int, now_ms: int, findings: Findings) -> None:
    """``expected``: of the fold; ``found``: of Redis."""
    expired = _expired(expected, now_ms - ttl_days * DAY_MS)
    known = sites([*expected, *found])
    for key in sorted(expected.keys() | found.keys()):
        # Documents of the older system have our prefix; they are nobody's view (`saferoom migrate`).
        if key.startswith(_LEFT_OUT) or not is_ours(key, known):
            continue
        findings.look(Check.VIEWS)
        if key not in found:
            # Outcomes live for an hour; a person's documents end by the clock, a while after the person.
            if not key.startswith(_OUTCOMES) and not expired(key):
                findings.differ(Check.VIEWS, f"{key} is not in Redis")
        elif key not in expected:
            findings.differ(Check.VIEWS, f"{key} is in Redis, but not from the log")
        elif expected[key] != found[key]:
            findings.differ(Check.VIEWS, f"{key} is not what the log says{_where(expected[key], found[key])}")


def _apply(
    view: PersonsView, store: MemoryViewStore, partition: int, batch: list[Record], findings: Findings
) -> None:
    records = [ViewRecord(r.topic, r.partition, r.offset, r.key, r.value, list(r.headers)) for r in batch]
    made = view.project(records, store)
    for rejected in made.rejected:
        place = f"{rejected.record.topic}/{rejected.record.partition}/{rejected.record.offset}"
        findings.differ(Check.VIEWS, f"{place} can't be applied: {rejected.error}")
    at = store.positions(PERSONS_VIEW).get(partition)
    store.commit(Change(PERSONS_VIEW, {partition: at}, {partition: batch[-1].offset + 1}, made.ops))
    store.published.clear()


def _expired(expected: Dump, before_ms: int) -> Callable[[str], bool]:
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
