"""What a migration came to, or would come to: a table for people, JSON for machines."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from rich.console import Console
from rich.table import Table

from deploy.old_store import Unreadable
from reid.contracts.detections import Model
from reid.errors import ConfigError

#: Codes of records that an earlier run has brought in, or that were refused then.
DONE_BEFORE: Final = ("already_imported", "answered_before")
_SHOWN: Final = 20


class Outcome(NamedTuple):
    """One record's. ``into``: the person that it was found to be; ``code``: why it stays behind."""

    source: str
    gallery: str
    kind: Literal["registered", "merged", "rejected"]
    person_id: str = ""
    label: str = ""
    into: str | None = None
    reason: str = ""
    score: float | None = None
    runner_up: str | None = None
    runner_up_score: float | None = None
    threshold: float | None = None
    code: str = ""
    message: str = ""


@dataclass
class Report:
    """``read``: records of the old galleries; ``passed_over``: keys of other galleries, left alone."""

    dry_run: bool
    read: int
    model: Model
    passed_over: Mapping[str, int]
    unreadable: Sequence[Unreadable]
    dropped_embeddings: int
    outcomes: list[Outcome] = field(default_factory=list)

    def of(self, kind: str) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.kind == kind]

    @property
    def refused(self) -> list[Outcome]:
        """Records that stay behind, but for those that an earlier run dealt with."""
        return [outcome for outcome in self.of("rejected") if outcome.code not in DONE_BEFORE]

    def as_plain(self) -> dict[str, Any]:
        galleries = Counter((o.gallery, o.kind) for o in self.outcomes)
        return {
            "dry_run": self.dry_run,
            "model": self.model.key,
            "calibration": self.model.calibration,
            "read": self.read,
            "registered": len(self.of("registered")),
            "merged": len(self.of("merged")),
            "imported_before": len(self.of("rejected")) - len(self.refused),
            "refused": len(self.refused),
            "unreadable": [unreadable._asdict() for unreadable in self.unreadable],
            "dropped_embeddings": self.dropped_embeddings,
            "passed_over": dict(self.passed_over),
            "galleries": {
                gallery: {kind: galleries[gallery, kind] for kind in ("registered", "merged", "rejected")}
                for gallery in sorted({o.gallery for o in self.outcomes})
            },
            "outcomes": [outcome._asdict() for outcome in self.outcomes],
        }

    def write(self, path: Path) -> None:
        try:
            path.write_text(json.dumps(self.as_plain(), indent=2) + "\n")
        except OSError as error:
            raise ConfigError(f"--json {path}: {error.strerror}") from error

    def show(self, console: Console) -> None:
        plain, would = self.as_plain(), "would be " if self.dry_run else ""
        table = Table("gallery", "registered", "merged", "left behind", box=None, pad_edge=False)
        for gallery, counts in plain["galleries"].items():
            table.add_row(gallery, *(str(count) for count in counts.values()))
        console.print(table)
        for outcome in self.of("merged")[:_SHOWN]:
            runner_up = f", next {outcome.runner_up_score:.3f}" if outcome.runner_up_score is not None else ""
            score = f"{outcome.score:.3f} ≥ {outcome.threshold:.2f}{runner_up}"
            _say(console, f"{outcome.source}: {would}merged into {outcome.into} ({score})")
        self._more(console, len(self.of("merged")))
        for outcome in [o for o in self.of("registered") if o.reason == "ambiguous"][:_SHOWN]:
            told = f"{outcome.score:.3f} and {outcome.runner_up_score:.3f}"
            _say(console, f"{outcome.source}: {would}registered, alike two persons ({told})")
        for outcome in self.refused[:_SHOWN]:
            _say(console, f"{outcome.source}: left behind, {outcome.message}")
        self._more(console, len(self.refused))
        for unreadable in self.unreadable[:_SHOWN]:
            _say(console, f"{unreadable.key}: unreadable, {unreadable.reason}")
        self._more(console, len(self.unreadable))
        for gallery, count in sorted(self.passed_over.items()):
            _say(console, f"{count} of gallery {gallery} left alone")
        knots = ", ".join(f"{raw:g} → {similarity:g}" for raw, similarity in self.model.calibration)
        _say(console, f"calibration: {knots or 'none, the raw cosine'}")
        counts = (
            f"{plain['registered']} {would}registered, {plain['merged']} {would}merged, "
            f"{plain['imported_before']} imported before, {plain['refused']} left behind, "
            f"{len(self.unreadable)} unreadable"
        )
        _say(console, f"{self.read} records as {self.model.key}: {counts}")

    @staticmethod
    def _more(console: Console, count: int) -> None:
        if count > _SHOWN:
            _say(console, f"… and {count - _SHOWN} more: see --json")


def _say(console: Console, line: str) -> None:
    """As it is: a key such as ``…:room2:x:…`` is neither markup nor an emoji."""
    console.print(line, highlight=False, markup=False, emoji=False)
