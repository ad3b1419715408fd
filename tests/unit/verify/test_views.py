"""What the verifier holds of the views while it compares them, and what it tells."""

from typing import Any

from deploy.verify import views
from deploy.verify.findings import Check, Findings
from deploy.verify.records import Record
from projections.store import MemoryViewStore
from reid.contracts.cloudevents import Causation, headers_of
from reid.contracts.codec import encode
from reid.contracts.topics import COMMANDS, EVENTS, outcome_key, person_key
from tests.unit.projections.story import SITE, renamed, walk

OUTCOME = outcome_key("c1")
PERSON = person_key(SITE, "a")
EVENTS_TOLD: list[Any] = [
    *walk("a", 0, "Visitor-A", "room1", "room2"),
    renamed("a", "Ada", command_id="c1"),
    *walk("b", 1, "Visitor-B", "room3"),
]
#: The views expire persons by the clock, and this story is of another year.
TTL_DAYS = 36_500


def log() -> list[Record]:
    causes = [Causation(COMMANDS.name, 0, n) for n in range(len(EVENTS_TOLD))]
    return [
        Record(EVENTS.name, 0, n, 0, SITE.encode(), encode(event), headers_of(event, causes[n], 0))
        for n, event in enumerate(EVENTS_TOLD)
    ]


def folded(found: set[str]) -> MemoryViewStore:
    findings = Findings()
    store = views.fold({0: log()}, TTL_DAYS, 100, found, findings)
    assert findings.clean
    return store


def compared(found: dict[str, Any]) -> Findings:
    """Of a Redis that holds this."""
    findings = Findings()
    prints = {key: views.fingerprint(value) for key, value in found.items()}
    views.compare(folded({*found}), prints, found.get, TTL_DAYS, 0, findings)
    return findings


def test_an_outcome_is_held_only_where_redis_still_has_it() -> None:
    assert folded(set()).get(OUTCOME) is None
    assert folded({OUTCOME}).get(OUTCOME) is not None


def test_clean_with_and_without_the_outcomes() -> None:
    whole = folded({OUTCOME}).dump("saferoom:")
    assert compared(whole).clean and compared(whole).examined[Check.VIEWS] > 8
    assert compared({key: value for key, value in whole.items() if key != OUTCOME}).clean


def test_each_difference_is_told_with_the_value_that_is_there() -> None:
    whole = folded(set()).dump("saferoom:")
    other = whole[PERSON].replace('"Ada"', '"Eve"')
    (said,) = compared({**whole, PERSON: other}).kept[Check.VIEWS]
    assert said.startswith(f"{PERSON} is not what the log says: ") and "Eve" in said
    missing = {key: value for key, value in whole.items() if key != PERSON}
    assert compared(missing).kept[Check.VIEWS] == [f"{PERSON} is not in Redis"]
    stray = person_key(SITE, "nobody")
    assert compared({**whole, stray: other}).kept[Check.VIEWS] == [
        f"{stray} is in Redis, but not from the log"
    ]


def test_no_copy_of_what_redis_holds_is_kept() -> None:
    store: Any = MemoryViewStore()
    store._values = {f"saferoom:persons:global:p{n}": b"x" * 10_000 for n in range(100)}
    _, prints = views.still(store)
    assert len(prints) == 100
    assert sum(map(len, prints.values())) == 100 * 16
