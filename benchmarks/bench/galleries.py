"""Sites that already know many people, made without deciding everybody."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.bench.scene import DIM, MODEL, SITE, START
from benchmarks.search.crowd import SLOPE, WITHIN, Shape, persons
from reid.contracts.embedding import fixed_to_bytes
from reid.contracts.events import Template
from reid.domain import labels
from reid.domain.person import Person
from reid.domain.policy import Policies
from reid.domain.state import PartitionState

CAMERAS: Final = 8
TEMPLATES: Final = 10
#: Views of each person that are kept back as probes.
HELD_OUT: Final = 3
#: What a camera adds to every look, so that its mean is something to take away.
_LIGHT: Final = 0.15

Fixed = NDArray[np.int16]


def shape() -> Shape:
    """As real encoders lay people; made up, so that nothing needs to be there."""
    spectrum = np.diag(np.arange(1, DIM + 1, dtype=np.float32) ** (-SLOPE / 2))
    light = np.zeros(DIM, np.float32)
    light[::7] = _LIGHT
    return Shape(light, spectrum, WITHIN * spectrum, 0)


def crowd(count: int, seed: int, views: int = TEMPLATES + HELD_OUT) -> Iterator[Fixed]:
    """``(views, DIM)`` of each person."""
    return persons(shape(), count, views, seed)


def known(templates: int, seed: int = 1) -> tuple[PartitionState, list[Fixed]]:
    """A site with so many templates, ten a person, the latest of its persons seen just before `START`; and
    probes: for the first 200 persons views that are not among them."""
    state, probes = PartitionState(), []
    site = state.site(SITE)
    site.policy = Policies().default
    for number, views in enumerate(crowd(templates // TEMPLATES, seed)):
        cameras = [f"room{1 + (number + n // 4) % CAMERAS}" for n in range(TEMPLATES)]
        site.put(
            Person(
                person_id=labels.person_id(START - 1000 * (templates - number), number),
                number=number,
                label=labels.label(number),
                cameras=list(dict.fromkeys(cameras)),
                templates=[
                    Template(MODEL.key, fixed_to_bytes(view), camera, 0.8)
                    for view, camera in zip(views, cameras, strict=False)
                ],
                visit_count=1,
                first_seen=START - 60_000,
                last_seen=START - 60_000,
                last_camera=cameras[-1],
            )
        )
        if number < 200:
            probes.append(views[TEMPLATES:])
    site.next_number = site.next_label = templates // TEMPLATES
    return state, probes


def calibrate(state: PartitionState, tracks: int = 200) -> None:
    """Every camera's mean in force, as after so many tracks."""
    site = state.site(SITE)
    for person in list(site.persons.values())[:tracks]:
        for template in person.templates:
            site.centring(MODEL.key).add(template.camera_id, np.frombuffer(template.vector, "<i2"))
    for camera in range(CAMERAS):
        name = f"room{camera + 1}"
        mean = site.centring(MODEL.key).cameras[name]
        site.recentre(MODEL.key, name, mean.tracks, mean.current())
