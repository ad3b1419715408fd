"""The history of a person: its own steps, and those of whom it absorbed, in the order of the log."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import NamedTuple

import msgspec

from api import history_models as models
from reid.contracts.cloudevents import rfc3339
from reid.contracts.events import TrackRef
from reid.contracts.views import HistoryEntry

Load = Callable[[list[str]], Awaitable[list[list[HistoryEntry]]]]


class _Absorbed(NamedTuple):
    """``until``: offset of the merge; what came after is another person's."""

    person_id: str
    until: int


async def gather(person_id: str, load: Load) -> list[HistoryEntry]:
    """Steps in the order of the log; empty for a person without any. A merge that was undone adds nothing:
    the steps of the restored person are its own again. ``load``: own steps of persons, one round trip."""
    found: dict[tuple[str, int], HistoryEntry] = {}
    seen: set[str] = set()
    wanted = [_Absorbed(person_id, -1)]
    while wanted:
        seen.update(one.person_id for one in wanted)
        loaded = await load([one.person_id for one in wanted])
        following: dict[str, int] = {}
        for one, entries in zip(wanted, loaded, strict=True):
            past = [entry for entry in entries if one.until < 0 or entry.offset < one.until]
            found.update(((entry.person_id, entry.offset), entry) for entry in past)
            following.update((p, until) for p, until in _absorbed(past) if p not in seen)
        wanted = [_Absorbed(*item) for item in following.items()]
    return sorted(found.values(), key=lambda entry: (entry.offset, entry.person_id))


def _absorbed(entries: Iterable[HistoryEntry]) -> Iterable[_Absorbed]:
    standing: dict[str, int] = {}
    for entry in entries:
        if entry.kind == "merged" and entry.other_id is not None:
            standing[entry.other_id] = entry.offset
        elif entry.kind == "merge_undone" and entry.other_id is not None:
            standing.pop(entry.other_id, None)
    return [_Absorbed(*item) for item in standing.items()]


def page(
    entries: list[HistoryEntry], limit: int, before: int | None
) -> tuple[list[HistoryEntry], int | None]:
    """The last ``limit`` steps, of those before the offset ``before``, and before which to ask on. Steps
    of one event stay together."""
    past = [entry for entry in entries if before is None or entry.offset < before]
    shown = past[-limit:]
    while len(shown) < len(past) and past[-len(shown) - 1].offset == shown[0].offset:
        shown = past[-len(shown) - 1 :]
    return shown, shown[0].offset if len(shown) < len(past) else None


def named(entries: Iterable[HistoryEntry]) -> set[str]:
    """Everybody else whom the steps name."""
    found: set[str | None] = set()
    for entry in entries:
        found.update((entry.candidate, entry.other_id, *entry.together))
        if entry.decision is not None:
            found.update((entry.decision.candidate, entry.decision.runner_up))
    return {person_id for person_id in found if person_id is not None}


def naming(entry: HistoryEntry, known: Collection[str]) -> HistoryEntry:
    """The step, which names nobody else but these: who was erased is not kept by others."""
    other = entry.other_id if entry.other_id in known else None
    decision = entry.decision
    return msgspec.structs.replace(
        entry,
        candidate=entry.candidate if entry.candidate in known else None,
        other_id=other,
        other_label=entry.other_label if other is not None else "",
        together=tuple(person_id for person_id in entry.together if person_id in known),
        decision=None
        if decision is None
        else msgspec.structs.replace(
            decision,
            candidate=decision.candidate if decision.candidate in known else None,
            runner_up=decision.runner_up if decision.runner_up in known else None,
        ),
    )


def step(entry: HistoryEntry, person_id: str) -> models.Step:
    """``person_id``: whose history it stands in. What the step does not tell is left out."""
    fields = {
        name: value
        for name in entry.__struct_fields__
        if name not in ("at", "track", "tracks", "decision")
        and (value := getattr(entry, name)) not in ("", ())
    }
    decision = entry.decision
    return models.Step.model_validate(
        fields
        | {
            "at": rfc3339(entry.at),
            "event_id": entry.event_id,
            "causation": entry.causation,
            "merged_in": entry.person_id != person_id,
            "together": list(entry.together) or None,
            "track": None if entry.track is None else _track(entry.track),
            "tracks": [_track(track) for track in entry.tracks] or None,
            "decision": None if decision is None else msgspec.structs.asdict(decision),
        }
    )


def _track(track: TrackRef) -> dict[str, str]:
    return {name: getattr(track, name) for name in track.__struct_fields__}
