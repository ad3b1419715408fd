import itertools
from typing import Any

import pytest

from projections.changes import HashSet, SetOutcome, SetPerson
from projections.store import MemoryViewStore, PersonRef
from reid.contracts.codec import encode
from reid.contracts.topics import EXPIRY_GRACE_MS, person_key
from reid.contracts.views import PersonView
from reid.errors import ConfigError
from tests.unit.projections.story import SITE, START
from tests.unit.projections.view_store_contract import ViewStoreContract, commit


class TestMemory(ViewStoreContract):
    @pytest.fixture
    def store(self) -> MemoryViewStore:
        return MemoryViewStore(clock=lambda: START)

    @pytest.fixture
    def heard(self, store: MemoryViewStore) -> list[Any]:
        return store.published


def test_documents_and_outcomes_expire_by_the_clock() -> None:
    now = START
    store = MemoryViewStore(lambda: now)
    ref, person = PersonRef(SITE, "p"), PersonView(person_id="p", label="A", number=0)
    commit(store, SetPerson(person_key(*ref), encode(person), START + 1), SetOutcome("saferoom:o", b"{}"))
    now = START + 3_599_999
    assert store.dump("saferoom:o")["saferoom:o"] == "{}"
    now = START + EXPIRY_GRACE_MS
    assert store.load([ref], []).persons == {ref: person}
    assert store.dump("saferoom:o") == {}
    now += 1
    assert store.load([ref], []).persons == {}


def test_a_clock_that_goes_on_ends_nothing_that_has_no_end() -> None:
    """Two readings of the clock in one comparison: a millisecond between them, and a hash was gone."""
    ticks = itertools.count(START, 10)
    store = MemoryViewStore(lambda: next(ticks))
    commit(store, HashSet("saferoom:h", "name", b"value"))
    assert store.dump("saferoom:h") == {"saferoom:h": {"name": "value"}}


def test_a_foreign_value_in_our_key_is_named_with_the_remedy() -> None:
    store = MemoryViewStore()
    commit(store, SetPerson(person_key(SITE, "p"), b"not ours", START))
    with pytest.raises(ConfigError, match="FLUSHDB"):
        store.load([PersonRef(SITE, "p")], [])
