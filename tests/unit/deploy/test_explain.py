"""What ``saferoom explain`` says of a decision."""

from typing import Any

import pytest
from rich.console import Console

from deploy.explain_command import table

DECISION: dict[str, Any] = {
    "reason": "another_day", "candidate": "person_1_0", "score": 0.7012, "runner_up_score": None,
    "threshold": 0.75, "margin": 0.03, "samples": 3, "model": "m@1", "policy": "p1-0",
}  # fmt: skip


def said(kind: str, **more: Any) -> str:
    step = {
        "offset": 7, "at": "2025-11-05T12:11:48Z", "kind": kind, "merged_in": False, "causation": "t/1/4",
        "label": "Visitor-B", "decision": DECISION | more,
    }  # fmt: skip
    console = Console(width=400, highlight=False)
    with console.capture() as captured:
        console.print(table([step]))
    return captured.get()


@pytest.mark.parametrize("kind", ["suggested", "template_removed"])
def test_every_kind_of_step_is_told_with_its_evidence(kind: str) -> None:
    text = said(kind)
    assert kind.replace("_", " ") in text and "score 0.701 for person_1_0" in text
    assert "another day," not in text and "learned" not in text


def test_what_a_night_took_and_what_answers_taught_is_told() -> None:
    text = said("bound", across_days=0.15, learned=-0.4)
    assert "0.150 less for another day" in text and "-0.400 log odds learned from answers" in text
