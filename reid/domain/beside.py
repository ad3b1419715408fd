"""By which tracks two persons are known to be two: when one of these turns out to show somebody else, that
frame told nothing about its person.

What people said, and what is too old to be remembered here, stays.
"""

from collections.abc import Collection, Iterator

from reid.contracts.events import TrackRef
from reid.domain.person import Person
from reid.domain.state import MAX_TOLD, SiteState, Told


def tell(site: SiteState, track: TrackRef, person_id: str, other_id: str, at: int) -> None:
    """The person's track was in one frame with the other person."""
    bound = site.camera(track.camera_id).bound
    theirs = max(((b.bound_at, t) for t, b in bound.items() if b.person_id == other_id), default=(0, None))
    _note(site, (person_id, other_id), Told((track, theirs[1]), at))


def told_by(
    site: SiteState, tracks: Collection[TrackRef], person_id: str, since: int
) -> dict[str, list[tuple[str, str]]]:
    """Whom these tracks of the person, and no other one, told to be somebody else after ``since``: by id,
    with the keys of what they told. Nobody who may be in one frame with another track of the person now."""
    by_them: dict[str, list[tuple[str, str]]] = {}
    otherwise = set()
    for both, told, mine, other_id in _about(site, person_id):
        if told.tracks[mine] in tracks and told.at > since:
            by_them.setdefault(other_id, []).append(both)
        else:
            otherwise.add(other_id)
    for camera in site.cameras.values() if by_them else ():
        if any(b.person_id == person_id and t not in tracks for t, b in camera.bound.items()):
            otherwise.update(b.person_id for b in camera.bound.values())
    return {other_id: keys for other_id, keys in by_them.items() if other_id not in otherwise}


def otherwise(site: SiteState, track: TrackRef, person: Person, other: Person) -> bool:
    """Whether it is another track of the person that told the two to be two, the last time that one did."""
    return any(
        told.tracks[mine] not in (None, track)
        for _, told, mine, other_id in _about(site, person.person_id)
        if other_id == other.person_id
    )


def take_back(site: SiteState, track: TrackRef, person_id: str, since: int) -> None:
    """The track showed somebody else after ``since``."""
    person = site.persons[person_id]
    for other_id, keys in told_by(site, {track}, person_id, since).items():
        person.not_persons.discard(other_id)
        site.persons[other_id].not_persons.discard(person_id)
        for both in keys:
            del site.told[both]


def move(site: SiteState, tracks: Collection[TrackRef], person_id: str, into: str | None) -> None:
    """These tracks of the person are of ``into``, or nobody's: so is what they told."""
    for both, told, mine, other_id in list(_about(site, person_id)):
        if told.tracks[mine] not in tracks:
            continue
        del site.told[both]
        if into is not None and into != other_id:
            _note(site, (into, other_id), told if mine == 0 else told._replace(tracks=told.tracks[::-1]))


def _about(site: SiteState, person_id: str) -> Iterator[tuple[tuple[str, str], Told, int, str]]:
    """What was told of the person: its key, itself, the person's place in it, and who the other is now."""
    for both, told in site.told.items():
        one, other = site.holder(both[0]), site.holder(both[1])
        if one == person_id and other not in (None, person_id):
            yield both, told, 0, other
        elif other == person_id and one not in (None, person_id):
            yield both, told, 1, one


def _note(site: SiteState, both: tuple[str, str], told: Told) -> None:
    """The oldest are forgotten."""
    if both[0] > both[1]:
        both, told = both[::-1], told._replace(tracks=told.tracks[::-1])
    site.told.pop(both, None)
    site.told[both] = told
    while len(site.told) > MAX_TOLD:
        del site.told[next(iter(site.told))]
