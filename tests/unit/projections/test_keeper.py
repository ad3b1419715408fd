"""Crops that are nobody's are deleted, and nothing is deleted on the word of a view that is behind."""

import os
from pathlib import Path

import pytest

from projections.changes import Change, HashSet
from projections.crops import KEEP
from projections.keeper import GRACE_S, Keeper, Limits, Swept
from projections.store import MemoryViewStore
from projections.views import PersonsView, formed
from reid.contracts.topics import FORM_KEY, PERSONS_VIEW, position_key
from reid.runtime.crops.directory import DirectoryCrops
from tests.unit.projections.logs import project
from tests.unit.projections.story import SITE, forgotten, registered, seen, split, state, track

NOW = 1_000_000.0


class Kept:
    """A store of crops beside a view; ``end``: of the event log, ``now``: seconds since the epoch;
    ``tells``: the follower is in the keeper's process."""

    tells = False

    def __init__(self, folder: Path) -> None:
        self.crops = DirectoryCrops(folder)
        self.store = MemoryViewStore()
        self.end, self.now = 0, NOW
        self.limits = Limits(10**6, 10**6)
        self.keeper = Keeper(
            self.crops, self.store.claims, lambda: {0: self.end}, self.limits, lambda: self.now
        )
        self.store.commit(Change(PERSONS_VIEW, {}, {}, [formed(PersonsView(90))]))
        self.happens(registered("a", 0, "Visitor-A"), registered("b", 1, "Visitor-B"))

    def happens(self, *events: object) -> None:
        project(self.store, list(events), committed=self.keeper.committed if self.tells else lambda _: None)
        self.end = self.store.positions(PERSONS_VIEW)[0]

    def put(self, content: bytes, age: float = 0.0) -> str:
        name = self.crops.put(SITE, content)
        at = self.now - age
        os.utime(self.crops._path(SITE, name), (at, at))
        return name

    def show(self, name: str, quality: float = 0.5, person: str = "a", tracker: str = "1") -> None:
        where = track("room1", tracker)
        self.happens(seen(person, f"Visitor-{person.upper()}", where, crop=name, crop_quality=quality))

    def left(self) -> set[str]:
        return {crop.sha256 for crop in self.crops.each(SITE)}


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def test_who_is_forgotten_is_erased_at_the_next_look(kept: Kept) -> None:
    mine, other = kept.put(b"mine"), kept.put(b"other")
    kept.show(mine)
    assert kept.keeper.look() == 0
    kept.happens(forgotten("a"))
    assert kept.keeper.look() == 1
    assert kept.left() == {other}


def test_who_is_forgotten_before_a_look_saw_their_picture_is_erased_at_the_next_one(kept: Kept) -> None:
    """What was named and forgotten between two looks, two seconds apart, stayed until a sweep ten minutes
    later: neither look had seen it named."""
    kept.tells = True
    mine, hers, ours = kept.put(b"mine"), kept.put(b"hers"), kept.put(b"ours")
    kept.keeper.look()
    for person, tracker, name in [("a", "1", mine), ("a", "1", ours), ("b", "2", hers), ("b", "2", ours)]:
        kept.show(name, person=person, tracker=tracker)
    kept.happens(forgotten("a"))
    assert kept.keeper.look() == 1
    assert kept.left() == {hers, ours}
    kept.happens(forgotten("b"))
    assert kept.keeper.look() == 2
    assert not kept.left()


def test_both_who_had_a_picture_are_asked_after_before_it_is_deleted(kept: Kept) -> None:
    """One let it go for better ones and lives, the other is forgotten, both between two looks."""
    kept.tells = True
    both = kept.put(b"both")
    kept.show(both)
    kept.show(both, person="b", tracker="2")
    for n in range(KEEP):
        kept.show(kept.put(b"better %d" % n), 0.9)
    kept.happens(forgotten("b"))
    assert kept.keeper.look() == 0
    assert both in kept.left()


def test_what_was_told_of_a_redis_that_then_lost_it_erases_nobody(kept: Kept) -> None:
    kept.tells = True
    mine, old = kept.put(b"mine"), kept.put(b"old")
    kept.show(old)
    for n in range(KEEP):
        kept.show(kept.put(b"better %d" % n), 0.9)
    kept.show(mine, 0.95)
    kept.store.flush()
    assert kept.keeper.look() == 0
    kept.store.commit(Change(PERSONS_VIEW, {}, {}, [formed(PersonsView(90))]))
    kept.tells = False
    project(kept.store, [registered("b", 0, "Visitor-B")])
    assert kept.keeper.look() == 0
    assert {mine, old} <= kept.left()


def test_a_crop_that_nobody_became_goes_when_its_grace_is_over(kept: Kept) -> None:
    mine, old, young = kept.put(b"mine", 9999), kept.put(b"old", GRACE_S + 1), kept.put(b"young", 5)
    kept.show(mine)
    assert kept.keeper.sweep() == Swept(unclaimed=1, left=2, left_bytes=9)
    assert kept.left() == {mine, young}
    assert old not in kept.left()


def test_a_sweep_deletes_nothing_while_the_view_is_behind(kept: Kept) -> None:
    old = kept.put(b"old", GRACE_S + 1)
    kept.end += 1
    assert kept.keeper.sweep() is None
    assert kept.left() == {old}


def test_an_emptied_redis_erases_nobody(kept: Kept) -> None:
    mine = kept.put(b"mine", 9999)
    kept.show(mine)
    kept.keeper.look()
    kept.store.flush()
    assert kept.keeper.look() == 0
    assert kept.keeper.sweep() is None
    # The projector fills it again from the log: half-way, and then whole.
    kept.store.commit(Change(PERSONS_VIEW, {}, {}, [formed(PersonsView(90))]))
    project(kept.store, [registered("a", 0, "Visitor-A")])
    assert kept.keeper.look() == 0
    kept.store._hash(position_key(PERSONS_VIEW))["0"] = b"1"
    kept.show(mine)
    assert kept.keeper.look() == 0
    assert kept.left() == {mine}


def test_too_old_goes_whoever_it_shows(kept: Kept) -> None:
    mine = kept.put(b"mine", 10**6 + 1)
    kept.show(mine)
    swept = kept.keeper.sweep()
    assert swept is not None
    assert (swept.aged, swept.unclaimed) == (1, 0)


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    names = [kept.put(bytes([n]) * 100, age=100 - n) for n in range(5)]
    keeper = Keeper(kept.crops, kept.store.claims, lambda: {0: kept.end}, Limits(250, 10**6), lambda: NOW)
    swept = keeper.sweep()
    assert swept is not None
    assert (swept.crowded, swept.left_bytes) == (3, 200)
    assert kept.left() == set(names[3:])


def test_a_crop_that_two_persons_have_stays_while_one_of_them_lets_it_go(kept: Kept) -> None:
    """A track that went over to somebody else showed both, and a recording that runs again gives the same
    bytes. The picture was deleted with the first of them, and the other had none from then on."""
    both = kept.put(b"both", GRACE_S + 1)
    kept.show(both)
    kept.show(both, person="b", tracker="2")
    kept.keeper.look()
    for n in range(KEEP):
        kept.show(kept.put(b"better %d" % n), 0.9)
    kept.keeper.look()
    kept.keeper.sweep()
    assert both in kept.left()
    kept.happens(forgotten("b"))
    kept.keeper.look()
    assert both not in kept.left()


def test_a_track_that_is_nobodys_for_a_while_does_not_lose_its_picture(kept: Kept) -> None:
    """The camera goes on telling the track's crop: the person whom the track is given next names it."""
    old, mine = kept.put(b"old", 2 * GRACE_S), kept.put(b"mine", 2 * GRACE_S)
    kept.show(mine)
    kept.show(old, tracker="7")
    kept.keeper.look()
    kept.happens(split("track_rejected", state("a", 0, "Visitor-A"), None, track("room1", "7")))
    assert kept.keeper.look() == 0
    kept.now += GRACE_S / 2
    assert kept.keeper.sweep() == Swept(left=2, left_bytes=7)
    kept.show(old, person="b", tracker="7")
    kept.now += GRACE_S
    kept.keeper.look()
    kept.keeper.sweep()
    assert kept.left() == {old, mine}


def test_who_is_forgotten_takes_along_what_better_crops_had_replaced(kept: Kept) -> None:
    """Their picture of a moment ago stayed for ten minutes more, though nobody who lives had it."""
    old = kept.put(b"old")
    kept.show(old)
    kept.keeper.look()
    for n in range(KEEP):
        kept.show(kept.put(b"better %d" % n), 0.9)
    assert kept.keeper.look() == 0 and old in kept.left()
    kept.happens(forgotten("a"))
    assert kept.keeper.look() == KEEP + 1
    assert not kept.left()


def test_a_track_that_stays_nobodys_loses_its_picture_after_the_grace(kept: Kept) -> None:
    old = kept.put(b"old", 2 * GRACE_S)
    kept.show(old, tracker="7")
    kept.keeper.look()
    kept.happens(split("track_rejected", state("a", 0, "Visitor-A"), None, track("room1", "7")))
    kept.keeper.look()
    kept.now += GRACE_S + 1
    assert kept.keeper.sweep() == Swept(unclaimed=1)


def test_what_an_older_program_did_not_name_is_not_deleted_before_the_views_are_rebuilt(kept: Kept) -> None:
    mine = kept.put(b"mine", 2 * GRACE_S)
    kept.put(b"old", 2 * GRACE_S)
    kept.show(mine)
    kept.keeper.look()
    kept.store.commit(Change(PERSONS_VIEW, {}, {}, [HashSet(FORM_KEY, PERSONS_VIEW, b"1")]))
    kept.happens(forgotten("a"))
    assert kept.keeper.look() == 0
    assert kept.keeper.sweep() is None
    kept.store.commit(Change(PERSONS_VIEW, {}, {}, [formed(PersonsView(90))]))
    assert kept.keeper.look() == 1
    assert kept.keeper.sweep() == Swept(unclaimed=1)
    assert kept.left() == set()


def test_twice_does_no_harm(kept: Kept) -> None:
    mine = kept.put(b"mine")
    kept.show(mine)
    kept.keeper.look()
    kept.happens(forgotten("a"))
    kept.crops.delete(SITE, mine)
    assert kept.keeper.look() == 1
    assert kept.keeper.look() == 0
