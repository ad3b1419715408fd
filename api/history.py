"""The history of a person: its own steps, and those of whom it absorbed, in the order of the log."""

from collections.abc import Awaitable, Callable, Iterable
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


def page(person_id: str, entries: list[HistoryEntry], limit: int, before: int | None) -> models.History:
    """The last ``limit`` steps, of those before the offset ``before``. Steps of one event stay together."""
    past = [entry for entry in entries if before is None or entry.offset < before]
    shown = past[-limit:]
    while len(shown) < len(past) and past[-len(shown) - 1].offset == shown[0].offset:
        shown = past[-len(shown) - 1 :]
    more = len(shown) < len(past)
    return models.History(
        person_id=person_id,
        steps=[step(entry, person_id) for entry in shown],
        next_before=shown[0].offset if more else None,
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
