"""What a verification found: for each check how much was looked at, and what differs."""

from collections import Counter
from enum import StrEnum
from typing import Any, Final

#: Differences told of each check; the rest is counted.
_KEPT: Final = 20


class Check(StrEnum):
    """What is verified, in the order of the report."""

    DECISIONS = "inputs decided anew give the log, byte for byte"
    IDS = "event ids unique, each that of its causation, type and place"
    CAUSATION = "events in the order of the inputs that caused them"
    COMMANDS = "every command answered exactly once"
    LETTERS = "undecidable inputs in the dead letters exactly once, nothing else there"
    FRAMES = "no person in two places in one frame"
    PERSONS = "person ids and labels in sequence, no label twice"
    FOLD = "fold of the log is the state that was decided"
    ALERTS = "alert rules run again over the log give the alerts, byte for byte"
    POST = "zones and their sites were told what the logs say"
    VIEWS = "views in Redis are the fold of the log"


class Findings:
    """Counts and the first differences. ``notes``: what a reader of the report should know besides."""

    def __init__(self) -> None:
        self.examined: Counter[Check] = Counter()
        self.differences: Counter[Check] = Counter()
        self.kept: dict[Check, list[str]] = {check: [] for check in Check}
        self.notes: list[str] = []
        self.unchecked: list[str] = []
        """What could not be looked at, and why."""

    def look(self, check: Check, count: int = 1) -> None:
        self.examined[check] += count

    def differ(self, check: Check, what: str) -> None:
        self.differences[check] += 1
        if len(self.kept[check]) < _KEPT:
            self.kept[check].append(what)

    @property
    def clean(self) -> bool:
        return not self.differences.total()

    @property
    def exit_code(self) -> int:
        """1: something differs; 2: nothing does, but not all could be checked."""
        return 1 if not self.clean else 2 if self.unchecked else 0

    def as_dict(self) -> dict[str, Any]:
        checks = {
            check.name.lower(): {
                "says": check.value,
                "examined": self.examined[check],
                "differences": self.differences[check],
                "first": self.kept[check],
            }
            for check in Check
        }
        return {
            "clean": self.clean,
            "exit_code": self.exit_code,
            "checks": checks,
            "notes": self.notes,
            "unchecked": self.unchecked,
        }
