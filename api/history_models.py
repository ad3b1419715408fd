"""Bodies of answers about how a person became who it is. Times are RFC 3339 in UTC."""

from pydantic import BaseModel

from api.models import COMMAND_ID, PERSON, Track, example


class DecisionMade(BaseModel):
    """``threshold`` that ``score`` had to reach, and ``margin`` by which it had to beat ``runner_up_score``;
    ``policy`` and ``model``: versions that decided. Without a candidate or a runner-up, they and their scores
    are left out."""

    outcome: str
    reason: str
    candidate: str | None = None
    score: float | None = None
    runner_up: str | None = None
    runner_up_score: float | None = None
    threshold: float
    margin: float
    samples: int
    gallery_size: int
    model: str
    policy: str


class Step(BaseModel):
    """``person_id``: whose step it was then; ``merged_in``: it became this person's by a merge. Place in the
    log: ``offset``; the input that caused it: ``causation``."""

    kind: str
    at: str
    offset: int
    event_id: str
    event_type: str
    causation: str
    person_id: str
    merged_in: bool
    label: str | None = None
    track: Track | None = None
    samples: int | None = None
    quality: float | None = None
    model: str | None = None
    candidate: str | None = None
    score: float | None = None
    decision: DecisionMade | None = None
    visit_count: int | None = None
    template_slot: int | None = None
    together: list[str] | None = None
    reason: str | None = None
    other_id: str | None = None
    other_label: str | None = None
    tracks: list[Track] | None = None
    previous_label: str | None = None
    attribute: str | None = None
    before: str | None = None
    after: str | None = None
    source: str | None = None
    command_id: str | None = None
    asked_by: str | None = None


class History(BaseModel):
    """In the order of the log. ``next_before``: to ask for the steps before these; absent at the beginning of
    what the view keeps (`saferoom explain` reads the log itself, which keeps all)."""

    model_config = example(
        person_id=PERSON["person_id"],
        steps=[
            {
                "kind": "renamed",
                "at": "2025-11-05T12:11:40.012Z",
                "offset": 18,
                "event_id": "6f0c9b7e-53c1-5d0e-9a50-0d8e6c8f7a12",
                "event_type": "reid.person.renamed.v1",
                "causation": "reid.commands.v1/0/3",
                "person_id": PERSON["person_id"],
                "merged_in": False,
                "label": "Alice",
                "previous_label": "Visitor-A",
                "asked_by": "api",
                "command_id": COMMAND_ID,
            }
        ],
        next_before=18,
    )

    person_id: str
    steps: list[Step]
    next_before: int | None = None
