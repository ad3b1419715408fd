"""Bodies about decisions that somebody should look at."""

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from api.models import COMMAND_ID

ITEM: Final[dict[str, Any]] = {
    "item_id": "5a0d6c1f9b3e7a42",
    "kind": "automatic_merge",
    "at": 1762344990215,
    "person_id": "person_1762344658197_0",
    "label": "Visitor-A",
    "other_id": "person_1762344671002_1",
    "other_label": "Visitor-B",
    "score": 0.7213,
    "runner_up_score": 0.4102,
    "threshold": 0.7,
    "camera_id": "room2",
    "track": None,
    "reason": "",
    "other_last_seen": None,
    "doubt": 0.86273,
    "visits": 1,
    "behind": 0,
}


class ReviewItem(BaseModel):
    """``small_margin``: ``track`` was taken for ``person_id``, barely; ``other_id`` is the next like it.
    ``automatic_merge``: ``other_id`` was taken into ``person_id``. ``suggested``: ``person_id`` stands by
    itself; is it ``other_id``? ``automatic_split``: ``track`` was taken from ``other_id`` and is
    ``person_id`` now; are they one after all? ``reason`` ``another_day``: last seen on an earlier
    day, ``other_last_seen``. ``doubt``: 1 where the score tells neither way, less the clearer it is;
    ``visits`` that hang on the answer; ``behind``: other questions about these two, asked after this one.
    Times: ms since the epoch; ``track``: ``camera/session/tracker``."""

    item_id: str
    kind: Literal["small_margin", "automatic_merge", "suggested", "automatic_split"]
    at: int
    person_id: str
    label: str
    other_id: str | None
    other_label: str | None
    score: float | None
    runner_up_score: float | None
    threshold: float
    camera_id: str | None
    track: str | None
    reason: str = ""
    other_last_seen: int | None = None
    doubt: float
    visits: int
    behind: int


class Review(BaseModel):
    """The most useful first. ``total``: of all pages; ``aged``: questions that nobody answered in time, which
    are not asked any more unless somebody asks for them. ``next``: cursor of the page after this; null on the
    last."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [ITEM], "total": 1, "aged": 4, "next": None}]}
    )

    items: list[ReviewItem]
    total: int
    aged: int
    next: str | None = None


class Answer(BaseModel):
    """``yes``: it is the same person. ``no`` undoes the match or the merge."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"answer": "yes"}]})

    answer: Literal["yes", "no"]


class Answered(BaseModel):
    """``command_id``: of the answer."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "answered",
                    "item_id": ITEM["item_id"],
                    "answer": "no",
                    "command_id": COMMAND_ID,
                }
            ]
        }
    )

    status: Literal["answered"] = "answered"
    item_id: str
    answer: Literal["yes", "no"]
    command_id: str
