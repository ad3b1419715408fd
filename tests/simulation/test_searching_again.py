"""A site that searches where earlier searches ended decides as one that looks at everybody each time, event
by event, also when it goes on from a snapshot, which has none of those searches."""

from itertools import islice

import numpy as np
import pytest

from benchmarks.bench.galleries import crowd
from benchmarks.bench.scene import message, walking
from reid.contracts.embedding import SCALE
from reid.contracts.events import AnyEvent, PersonsMerged, PersonSplit
from reid.domain import gallery, nearest, shortlist
from reid.domain.coarse import Floats
from reid.domain.neighbourhood import Neighbourhoods
from reid.domain.policy import Policies, Policy
from reid.domain.snapshot import digest, dump, load
from reid.domain.state import PartitionState
from reid.domain.step import step
from tests.unit.domain.large_galleries import bounded_from

MOMENTS = 150


def lived(policy: Policy, count: int, restarts: int) -> tuple[list[AnyEvent], str, int]:
    """Of some people who come and go: events, digest of the state, and how often a search was remembered."""
    state, policies, events, settled = PartitionState(), Policies(policy), list[AnyEvent](), 0
    around = Neighbourhoods.around

    people = np.stack([views[0].astype(np.float32) / SCALE for views in crowd(count, 3, 1)])
    frames = walking(people, cameras=3, each=4, fps=2, stay=(4, 15), seed=1)
    with pytest.MonkeyPatch.context() as patch:

        def counted(self: Neighbourhoods, direction: Floats):  # type: ignore[no-untyped-def]
            nonlocal settled
            for found in around(self, direction) if restarts else ():
                settled += 1
                yield found

        patch.setattr(Neighbourhoods, "around", counted)
        for number, moment in enumerate(islice(frames, MOMENTS)):
            events += step(state, message(moment), policies)
            if restarts and number % (MOMENTS // restarts) == 7:
                state = load(dump(state))
    return events, digest(state), settled


@pytest.mark.parametrize(("count", "threshold"), [(20, 0.7), (20, 0.75), (60, 0.6)])
def test_who_is_found_is_the_same(count: int, threshold: float, monkeypatch: pytest.MonkeyPatch) -> None:
    bounded_from(monkeypatch, 16, directions=12, widest=6)
    monkeypatch.setattr(shortlist, "_FEW", 4)
    monkeypatch.setattr(shortlist, "_EACH", 1)
    policy = Policy(threshold=threshold, revisions_per_minute=1_000)
    events, state, settled = lived(policy, count, restarts=3)
    expected, wanted, _ = lived(policy, count, restarts=0)
    assert events == expected
    assert state == wanted
    assert settled > 100
    assert any(isinstance(event, PersonsMerged | PersonSplit) for event in events)


def test_a_crowd_found_by_its_prototypes_decides_the_same_after_a_snapshot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gallery, "FROM_PERSONS", 12)
    monkeypatch.setattr(nearest, "LEAST", 4)
    monkeypatch.setattr(nearest, "_ROWS", 2)
    monkeypatch.setattr(nearest, "_ROWS_EACH", 1)
    policy = Policy(threshold=0.75, revisions_per_minute=1_000)
    events, state, _ = lived(policy, 60, restarts=5)
    expected, wanted, _ = lived(policy, 60, restarts=0)
    assert events == expected
    assert state == wanted
    monkeypatch.setattr(gallery, "FROM_PERSONS", 1_000)
    assert events != lived(policy, 60, restarts=0)[0]
