"""A gallery of so many persons in the views, told by events, as the projector writes it."""

from typing import Any, Final

import numpy as np

from projections.store import ViewStore
from reid.contracts.embedding import fixed_to_bytes, normalise_fixed
from reid.contracts.events import Template
from tests.unit.projections.logs import project
from tests.unit.projections.story import START, registered, seen, track

DIM: Final = 512
TEMPLATES: Final = 10
CAMERAS: Final = 8
#: Apart in time, ms: each visit of a camera.
_STEP: Final = 2_000


def views_of(store: ViewStore, persons: int, seed: int = 7) -> list[str]:
    """Persons with full galleries, each seen by three cameras. Returns their ids."""
    random, events, ids = np.random.default_rng(seed), list[Any](), list[str]()
    for number in range(persons):
        at = START + number * _STEP
        person_id, label = f"person_{at}_{number}", f"Visitor-{number}"
        ids.append(person_id)
        events.append(registered(person_id, number, label, at, template=_template(random, 0)))
        for slot in range(1, TEMPLATES):
            room = f"room{(number + slot % 3) % CAMERAS + 1}"
            shown = _template(random, slot)
            where = track(room, str(number))
            events.append(
                seen(person_id, label, where, at + slot * 100, reason="bound", template=shown, slot=slot)
            )
    project(store, events, batch=2_000)
    return ids


def _template(random: np.random.Generator, slot: int) -> Template:
    vector = fixed_to_bytes(normalise_fixed(random.standard_normal(DIM)))
    return Template("bench@1", vector, f"room{slot % CAMERAS + 1}", 0.9)
