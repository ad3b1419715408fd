"""Which decisions wait for an answer, and what takes them off the queue."""

from typing import Any

import msgspec
import pytest

from projections import reviews
from projections.store import MemoryViewStore
from reid.contracts import topics
from reid.contracts.events import Decision, IdentityReviewed, PersonLeft, Undo
from reid.contracts.journeys import ReviewItem
from tests.unit.projections.logs import project
from tests.unit.projections.story import (
    DECISION,
    SITE,
    START,
    expired,
    forgotten,
    merged,
    registered,
    reset,
    seen,
    split,
    state,
    suggested,
    track,
)

HERE, THERE = track("room2", "7"), track("room3", "8")


def matched(score: float, runner_up: float | None = None, reason: str = "above_threshold") -> Decision:
    return msgspec.structs.replace(
        DECISION,
        outcome="matched",
        reason=reason,
        candidate="a",
        score=score,
        runner_up=None if runner_up is None else "b",
        runner_up_score=runner_up,
    )


def new(score: float, candidate: str = "a") -> Decision:
    return msgspec.structs.replace(DECISION, reason="below_threshold", candidate=candidate, score=score)


def bound(person: str, decision: Decision, where: Any = HERE, at: int = START) -> Any:
    return seen(person, f"Visitor-{person}", where, at, reason="bound", decision=decision)


def united(survivor: str, absorbed: str, **more: Any) -> Any:
    decision = msgspec.structs.replace(matched(0.75, 0.4), reason="evidence_grew", threshold=0.7)
    return merged(survivor, absorbed, f"Visitor-{survivor}", **({"decision": decision} | more))


def reviewed(person: str, **more: Any) -> IdentityReviewed:
    return IdentityReviewed(site_id=SITE, at=START, person_id=person, answer="yes", **more)


def gone(where: Any, reason: Any = "evidence_disagrees") -> PersonLeft:
    return PersonLeft(
        site_id=SITE, at=START, person_id="a", label="A", track=where, last_seen_at=START, reason=reason
    )


@pytest.fixture
def store() -> MemoryViewStore:
    made = MemoryViewStore()
    everybody = [registered(p, n, f"Visitor-{p}", track=track("door", p)) for n, p in enumerate("abc")]
    project(made, everybody)
    return made


def queue(store: MemoryViewStore) -> list[tuple[str, str, str | None]]:
    found = store.get(topics.reviews_key(SITE)) or {}
    items = (msgspec.json.decode(raw, type=ReviewItem) for raw in found.values())
    return sorted((item.kind, item.person_id, item.other_id) for item in items)


@pytest.mark.parametrize(
    ("decision", "asked"),
    [
        (matched(0.9), False),
        (matched(0.9, 0.4), False),
        (matched(0.63, 0.6), False),
        (matched(0.6299), True),
        (matched(0.9, 0.8701), True),
        (matched(0.9, 0.9, "margin_exhausted"), True),
    ],
)
def test_a_close_match_is_asked_about(store: MemoryViewStore, decision: Decision, asked: bool) -> None:
    project(store, [bound("a", decision)])
    assert queue(store) == ([("small_margin", "a", decision.runner_up)] if asked else [])


@pytest.mark.parametrize(
    ("decision", "asked"), [(new(0.57), False), (new(0.5701), True), (new(0.7), True), (DECISION, False)]
)
def test_a_new_person_who_may_be_a_known_one_is_asked_about(
    store: MemoryViewStore, decision: Decision, asked: bool
) -> None:
    project(store, [registered("d", 3, "Visitor-d", track=HERE, decision=decision)])
    assert queue(store) == ([("suggested", "d", "a")] if asked else [])


def test_a_merge_that_nobody_asked_for_is_asked_about(store: MemoryViewStore) -> None:
    project(store, [united("a", "b")])
    (raw,) = store.get(topics.reviews_key(SITE)).values()
    item = msgspec.json.decode(raw, type=ReviewItem)
    assert (item.kind, item.person_id, item.other_id) == ("automatic_merge", "a", "b")
    assert (item.score, item.runner_up_score, item.threshold, item.camera_id) == (0.75, 0.4, 0.7, "room2")
    assert (item.model, item.other_label) == ("m@1", "Visitor-?")


def test_a_merge_by_command_is_not(store: MemoryViewStore) -> None:
    project(store, [united("a", "b", command_id="c1"), merged("a", "c", "Visitor-a")])
    assert queue(store) == []


@pytest.mark.parametrize(
    "settled",
    [
        reviewed("a", track=HERE),
        split("track_rejected", state("a", 0, "A"), None, HERE),
        split("tracks_moved", state("a", 0, "A"), state("b", 1, "B"), HERE),
        gone(HERE),
        forgotten("a"),
        expired("a"),
        reset("a", "b", camera="room2"),
    ],
)
def test_what_settles_a_close_match(store: MemoryViewStore, settled: Any) -> None:
    project(store, [bound("a", matched(0.61)), settled])
    assert queue(store) == []


@pytest.mark.parametrize(
    "unrelated",
    [
        reviewed("a", track=THERE),
        reviewed("a", other_id="b"),
        split("track_rejected", state("a", 0, "A"), None, THERE),
        gone(THERE),
        gone(HERE, "track_ended"),
        forgotten("c"),
    ],
)
def test_what_does_not(store: MemoryViewStore, unrelated: Any) -> None:
    project(store, [bound("a", matched(0.61)), unrelated])
    assert queue(store) == [("small_margin", "a", None)]


def test_a_runner_up_who_is_gone_is_not_named(store: MemoryViewStore) -> None:
    project(store, [bound("a", matched(0.61, 0.6)), forgotten("b")])
    assert queue(store) == [("small_margin", "a", None)]
    assert b"Visitor" not in b"".join(store.get(topics.reviews_key(SITE)).values())


@pytest.mark.parametrize(
    "settled",
    [
        reviewed("a", other_id="b"),
        split("merge_undone", state("a", 0, "A"), state("b", 1, "B")),
        forgotten("a"),
    ],
)
def test_what_settles_a_merge(store: MemoryViewStore, settled: Any) -> None:
    project(store, [united("a", "b"), settled])
    assert queue(store) == []


def test_a_suggestion_is_settled_by_the_merge_or_an_answer(store: MemoryViewStore) -> None:
    suggested = registered("d", 3, "Visitor-d", track=HERE, decision=new(0.59))
    for settled in (
        merged("a", "d", "A"),
        merged("d", "a", "D"),
        reviewed("d", other_id="a"),
        forgotten("a"),
    ):
        project(made := MemoryViewStore(), [registered("a", 0, "Visitor-a"), suggested, settled])
        assert queue(made) == []


def test_somebody_of_another_day_is_asked_about_until_settled(store: MemoryViewStore) -> None:
    project(store, [suggested("b", "a")])
    (raw,) = store.get(topics.reviews_key(SITE)).values()
    item = msgspec.json.decode(raw, type=ReviewItem)
    assert (item.kind, item.person_id, item.other_id, item.reason) == ("suggested", "b", "a", "another_day")
    assert (item.score, item.other_last_seen, item.camera_id) == (0.7, START - 86_400_000, "room2")
    for settled in (merged("a", "b", "A"), reviewed("b", other_id="a"), forgotten("a"), expired("b")):
        made = MemoryViewStore()
        project(made, [registered("a", 0, "Visitor-a"), registered("b", 1, "Visitor-b"), suggested("b", "a")])
        assert len(queue(made)) == 1
        project(made, [settled])
        assert queue(made) == []


def test_a_split_that_nobody_asked_for_is_asked_about_until_settled() -> None:
    def parted(reason: str) -> Any:
        decision = msgspec.structs.replace(DECISION, reason=reason, candidate="a", score=0.2, learned=-0.4)
        return split("tracks_moved", state("a", 0, "A"), state("b", 1, "B"), HERE, decision=decision)

    def items(made: MemoryViewStore) -> list[ReviewItem]:
        found = made.get(topics.reviews_key(SITE)) or {}
        return [msgspec.json.decode(raw, type=ReviewItem) for raw in found.values()]

    for settled in (merged("a", "b", "A"), reviewed("b", other_id="a"), forgotten("a"), expired("b")):
        made = MemoryViewStore()
        project(made, [registered("a", 0, "Visitor-a"), parted("evidence_broke")])
        (item,) = items(made)
        assert (item.kind, item.person_id, item.other_id, item.track) == ("automatic_split", "b", "a", HERE)
        assert (item.score, item.learned, item.reason) == (0.2, -0.4, "evidence_broke")
        project(made, [settled])
        assert items(made) == []
    made = MemoryViewStore()
    project(made, [registered("a", 0, "Visitor-a"), parted("better_candidate")])
    assert [item.score for item in items(made)] == [None], "how much better it fits elsewhere is no likeness"


def test_questions_go_with_their_person_and_their_track(store: MemoryViewStore) -> None:
    suggested = registered("d", 3, "Visitor-d", track=THERE, decision=new(0.59, "b"))
    project(store, [bound("b", matched(0.61)), suggested, united("a", "b")])
    assert queue(store) == [
        ("automatic_merge", "a", "b"),
        ("small_margin", "a", None),
        ("suggested", "d", "a"),
    ]
    project(store, [split("merge_undone", state("a", 0, "A"), state("b", 1, "B"), HERE)])
    assert queue(store) == [("small_margin", "b", None), ("suggested", "d", "a")]


def test_a_merge_into_somebody_absorbed_waits_for_that_to_be_undone(store: MemoryViewStore) -> None:
    project(store, [united("b", "c"), united("a", "b")])
    assert queue(store) == [("automatic_merge", "a", "b"), ("automatic_merge", "b", "c")]


@pytest.mark.parametrize("batch", [1, 100])
def test_two_who_were_seen_in_one_frame_since_were_asked_about_for_ever(batch: int) -> None:
    """A yes was refused: they can't be merged. The frame comes as a sighting of a track that goes on."""
    d = registered("d", 3, "Visitor-d", track=THERE, decision=new(0.59, "a"))
    known = [registered(p, n, f"Visitor-{p}", track=track("door", p)) for n, p in enumerate("abc")]
    told = [
        *known, d, suggested("b", "a"), suggested("c", "a"),
        seen("a", "Visitor-a", HERE, reason="bound"),
        *(seen("a", "Visitor-a", HERE, START + n) for n in (1, 2)),
        seen("a", "Visitor-a", HERE, START + 3, together=("b", "d")),
    ]  # fmt: skip
    project(made := MemoryViewStore(), told, batch)
    assert queue(made) == [("suggested", "c", "a")]


def test_a_runner_up_who_stood_beside_the_track_was_still_asked_about() -> None:
    """It can't be the runner-up, then: only how near it was to the threshold is left."""
    for score, left in ((0.7, []), (0.61, [("small_margin", "a", None)])):
        project(made := MemoryViewStore(), [registered(p, n, p) for n, p in enumerate("abc")])
        project(made, [bound("a", matched(score, score - 0.01))])
        assert queue(made) == [("small_margin", "a", "b")]
        project(made, [seen("a", "Visitor-a", THERE, START + 1, together=("b",))])
        assert queue(made) == [("small_margin", "a", "b")], "it was another track that stood beside"
        project(made, [seen("a", "Visitor-a", HERE, START + 2, together=("b",))])
        assert queue(made) == left


def test_two_known_to_differ_were_asked_about_after_a_merge(store: MemoryViewStore) -> None:
    """``c`` may be ``a``, and is not ``b``: once these two are one, nobody could merge it any more."""
    project(store, [suggested("c", "a"), merged("b", "a", "B", command_id="m1", not_persons=("c",))])
    assert queue(store) == []


def test_a_match_close_to_the_same_person_stayed_in_doubt(store: MemoryViewStore) -> None:
    """It was clear over the threshold, and its runner-up is the very person since."""
    project(store, [bound("a", matched(0.7, 0.69)), bound("a", matched(0.62, 0.61), THERE)])
    project(store, [merged("a", "b", "A", command_id="m1")])
    assert queue(store) == [("small_margin", "a", None)]
    (raw,) = store.get(topics.reviews_key(SITE)).values()
    item = msgspec.json.decode(raw, type=ReviewItem)
    assert (item.track, item.runner_up_score) == (THERE, None), "that one is close to the threshold, too"


def test_a_part_that_went_to_somebody_else_was_asked_about_as_the_whole_of_them(
    store: MemoryViewStore,
) -> None:
    """``b`` was taken from ``a`` and then merged into ``c``: nobody asks whether ``c`` is ``a`` for that."""
    decision = msgspec.structs.replace(DECISION, reason="better_candidate", candidate="a")
    parted = split("tracks_moved", state("a", 0, "A"), state("b", 1, "B"), HERE, decision=decision)
    project(store, [parted])
    assert queue(store) == [("automatic_split", "b", "a")]
    project(store, [united("c", "b")])
    assert queue(store) == [("automatic_merge", "c", "b")]


def test_a_track_that_went_over_to_somebody_known_to_differ_was_asked_about(store: MemoryViewStore) -> None:
    """Whether the two are one: a yes was refused, they had been seen in one frame."""
    decision = msgspec.structs.replace(DECISION, reason="better_candidate", candidate="a")
    known = state("a", 0, "A", not_persons=("b",)), state("b", 1, "B", not_persons=("a",))
    project(store, [split("tracks_moved", *known, HERE, decision=decision)])
    assert queue(store) == []


def test_a_merge_of_which_nothing_was_left_to_undo_was_still_asked_about(store: MemoryViewStore) -> None:
    project(store, [united("a", "b"), united("a", "c")])
    left, gone = state("a", 0, "A"), msgspec.structs.replace(state("b", 1, "B"), templates=(), tracks=())
    undos = (Undo(left, gone), Undo(left, state("c", 2, "C")))
    project(store, [split("tracks_moved", left, state("d", 3, "D"), HERE, merges=undos, command_id="m1")])
    assert queue(store) == [("automatic_merge", "a", "c")]


def test_one_question_of_two_persons_whichever_way_round_and_why(store: MemoryViewStore) -> None:
    """Both stand, and were asked about twice: as suggested, and as taken apart."""
    decision = msgspec.structs.replace(DECISION, reason="evidence_broke", candidate="b", score=0.2)
    parted = split(
        "tracks_moved", state("b", 1, "B"), state("a", 0, "A"), HERE, at=START + 5, decision=decision
    )
    project(store, [suggested("b", "a"), parted])
    assert queue(store) == [("automatic_split", "a", "b")]
    project(store, [suggested("b", "a", at=START + 9)])
    assert queue(store) == [("suggested", "b", "a")]


def test_an_older_question_that_a_merge_brought_took_the_place_of_the_newer(store: MemoryViewStore) -> None:
    asked = [suggested("c", "a", 0.71, START + 9), suggested("c", "b", 0.64, START)]
    project(store, [*asked, merged("a", "b", "A", command_id="m1")])
    (raw,) = store.get(topics.reviews_key(SITE)).values()
    item = msgspec.json.decode(raw, type=ReviewItem)
    assert (item.person_id, item.other_id, item.score, item.at) == ("c", "a", 0.71, START + 9)


def test_the_queue_is_bounded_and_the_same_in_whatever_batches(
    store: MemoryViewStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviews, "MAX_ITEMS", 20)
    told = [bound("a", matched(0.61), track("room1", str(n)), START + n) for n in range(27)]
    project(store, told, 13)
    other = MemoryViewStore()
    project(other, [registered(p, n, f"Visitor-{p}", track=track("door", p)) for n, p in enumerate("abc")])
    project(other, told)
    key = topics.reviews_key(SITE)
    assert len(store.get(key)) == 20
    assert store.dump(key) == other.dump(key)
    oldest = min(msgspec.json.decode(raw, type=ReviewItem).at for raw in store.get(key).values())
    assert oldest == START + 7
