"""``saferoom explain``: why a person is who it is, from the log itself, whoever forgot it since."""

import asyncio
import json
import sys
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from api import history
from api.views import Views
from deploy import log
from deploy.past import MemoryReader
from projections.changes import Change
from projections.reading import batches, partitions
from projections.store import MemoryViewStore
from projections.views import PersonsView
from reid.contracts.topics import EVENTS
from reid.errors import ConfigError
from reid.runtime.settings import Settings

_ALL: Final = sys.maxsize
#: A file or a pipe has no width: one step, one line.
_ENDLESS: Final = 10_000


def explain(settings: Settings, person_id: str, as_json: bool) -> None:
    """Prints every step, the past of whom the person absorbed too. Raises `ConfigError` for an id that no
    event names, `Unavailable`."""
    steps = steps_of(settings, person_id)
    if not steps:
        raise ConfigError(f"no event of site {settings.site_id} is about {person_id}")
    if as_json:
        document = {"person_id": person_id, "steps": steps}
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _ENDLESS
    console.print(table(steps))


def steps_of(settings: Settings, person_id: str) -> list[dict[str, Any]]:
    """As `GET /persons/{id}/history` gives them, without its bounds, also of persons who are gone."""
    store, view = MemoryViewStore(), PersonsView(settings.ttl_days, _ALL, erase_histories=False)
    consumer = log.log_reader(settings.kafka())
    try:
        starts = dict.fromkeys(partitions(consumer, EVENTS.name))
        for records, positions in batches(consumer, EVENTS.name, starts):
            made = view.project(records, store)
            store.commit(Change(view.name, {}, positions, made.ops))
    finally:
        consumer.close()
    views = Views(MemoryReader(store), settings.site_id)
    entries = asyncio.run(history.gather(person_id, views.history))
    return [history.step(entry, person_id).model_dump(exclude_none=True) for entry in entries]


def table(steps: list[dict[str, Any]]) -> Table:
    """Folded where a terminal is narrow, never cut: an id without its end is nobody's."""
    made = Table(box=None, pad_edge=False)
    for name in ("offset", "time", "what", "evidence", "asked by", "caused by"):
        made.add_column(name, overflow="fold")
    for step in steps:
        what = step["kind"].replace("_", " ")
        if step["merged_in"]:
            what = f"{what} ({step['person_id']})"
        cells = (
            str(step["offset"]),
            step["at"],
            what,
            _evidence(step),
            step.get("asked_by", ""),
            step["causation"],
        )
        # As text: a label may have [brackets], which are no markup of ours.
        made.add_row(*map(Text, cells))
    return made


def _evidence(step: dict[str, Any]) -> str:
    parts = []
    if "previous_label" in step:
        parts.append(f"{step['previous_label']} → {step['label']}")
    elif "label" in step:
        parts.append(step["label"])
    if "other_id" in step:
        parts.append(f"{step.get('other_label', '')} {step['other_id']}".strip())
    tracks = [step["track"]] if "track" in step else step.get("tracks", [])
    parts += ["/".join(track.values()) for track in tracks]
    decision = step.get("decision")
    if decision is not None:
        parts.append(_decision(decision))
    elif "score" in step:
        parts.append(f"score {step['score']:.3f} {step.get('candidate', '')}".strip())
    for name, text in (("samples", "{} samples"), ("visit_count", "visit {}"), ("reason", "{}")):
        if name in step:
            parts.append(text.format(step[name]))
    return ", ".join(parts)


def _decision(decision: dict[str, Any]) -> str:
    parts = [decision["reason"]]
    if decision.get("score") is not None:
        parts.append(f"score {decision['score']:.3f} for {decision['candidate']}")
    if decision.get("runner_up_score") is not None:
        parts.append(f"runner-up {decision['runner_up_score']:.3f} {decision['runner_up']}")
    if decision.get("across_days"):
        parts.append(f"{decision['across_days']:.3f} less for another day")
    if decision.get("learned"):
        parts.append(f"{decision['learned']:+.3f} log odds learned from answers")
    parts.append(f"threshold {decision['threshold']:.3f}, margin {decision['margin']:.3f}")
    parts.append(f"{decision['samples']} samples, {decision['model']}, policy {decision['policy']}")
    return "; ".join(parts)
