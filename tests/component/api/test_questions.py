"""What is asked first, and how it is weighed."""

from typing import Any

import pytest

from api.journey_views import Doubted
from api.questions import Question, doubt, queue
from reid.contracts.journeys import ReviewItem

AT = 1_762_344_658_197
DAY = 86_400_000


def item(kind: Any = "suggested", person: str = "b", other: str | None = "a", **more: Any) -> ReviewItem:
    fields: dict[str, Any] = {"score": 0.6, "threshold": 0.6, "at": AT}
    return ReviewItem(kind=kind, person_id=person, other_id=other, **(fields | more))


def person(name: str, visits: int = 1, **absorbed: str) -> Doubted:
    return Doubted(person_id=name, label=name, visit_count=visits, tracks=[], absorbed=absorbed)


def first(*items: ReviewItem, visits: dict[str, int] | None = None) -> list[str]:
    """Persons asked about, in order."""
    known = {name: person(name, (visits or {}).get(name, 1)) for name in "abcdefg"}
    found = queue({f"{number:02x}": one for number, one in enumerate(items)}, known, 0)
    return [one.item.person_id for one in found.open]


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        (item(), 1.0),
        (item(score=0.5), 0.5),
        (item(score=0.7), 0.5),
        (item(score=None, reason="better_candidate"), 1.0),
        (item(score=0.65, threshold=0.75, reason="another_day"), 1.0),
        (item("small_margin", score=0.8, runner_up_score=0.8), 1.0),
        (item("small_margin", score=0.8, runner_up_score=0.7), 0.5),
        (item("small_margin", other=None, score=0.7, runner_up_score=0.7), 0.5),
        (item("automatic_merge", score=0.8, runner_up_score=0.8), 0.25),
    ],
)
def test_a_score_far_from_what_decided_leaves_little_doubt(asked: ReviewItem, left: float) -> None:
    assert doubt(asked) == pytest.approx(left)


def test_doubt_then_what_hangs_on_it_then_recency_come_first() -> None:
    assert first(item(score=0.55), item(person="c", score=0.59)) == ["c", "b"]
    many = {"a": 5, "b": 1, "c": 4}
    assert first(item(), item(person="c"), visits=many) == ["c", "b"], "the fewer of both would move"
    assert first(item(), item(person="c", at=AT + DAY)) == ["c", "b"]
    assert first(item(), item(person="c", at=AT + DAY, score=0.48)) == ["b", "c"], (
        "a day is half of the doubt"
    )


def test_time_alone_changes_no_order_and_equals_have_one() -> None:
    def use(at: int) -> float:
        one = Question("00", item(at=at), person("b"), person("a"), 0.5, 2)
        return one.use

    assert use(AT + DAY) - use(AT) == pytest.approx(1.0)
    items = {"0b": item(person="c"), "0a": item(person="b")}
    known = {name: person(name) for name in "abc"}
    assert [one.item_id for one in queue(items, known, 0).open] == ["0a", "0b"]


def test_whom_is_asked_about_now_is_not_counted_as_aged_too() -> None:
    old, fresh = item("small_margin", at=AT - DAY), item("small_margin", at=AT)
    known = {"a": person("a"), "b": person("b")}
    found = queue({"00": old, "01": fresh}, known, AT)
    assert ([one.item_id for one in found.open], found.aged) == (["01"], [])
    assert found.open[0].behind == 0
    found = queue({"00": old, "01": fresh}, known, AT + 1)
    assert ([one.item_id for one in found.aged], found.open) == (["01"], [])
    assert found.aged[0].behind == 1


def test_of_merges_into_one_person_the_latest_can_be_undone() -> None:
    merges = {"00": item("automatic_merge", "a", "b"), "01": item("automatic_merge", "a", "c")}
    known = {"a": person("a", b="a", c="a", d="c")}
    assert [one.item.other_id for one in queue(merges, known, 0).open] == ["c"]
    assert queue(merges, {"a": person("a")}, 0).open == []
