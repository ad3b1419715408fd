"""Which stored crops of a person the view names: the best few, from as many cameras as there are.

What the view does not name is deleted (`projections.keeper`). So that a merge can be undone with everybody's
pictures, the crops of each id that was merged count for themselves.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Final

from projections.tracks import track_name
from reid.contracts.events import PersonSeen, PersonSplit, TrackRef
from reid.contracts.views import CropView, PersonView

#: Crops kept of a person.
KEEP: Final = 6
#: Ids merged into a person whose crops are kept beside its own: bounds a document.
MOST_ORIGINS: Final = 4


def note(view: PersonView, event: PersonSeen) -> None:
    """The crop of a sighting, where it is among the best."""
    if any(crop.sha256 == event.crop for crop in view.crops):
        return
    crop = CropView(
        sha256=event.crop,
        camera_id=event.track.camera_id,
        at=event.at,
        quality=event.crop_quality,
        track=track_name(event.track),
        person_id=view.person_id,
    )
    view.crops = best([*view.crops, crop], view.person_id)


def unite(view: PersonView, absorbed: PersonView) -> None:
    """A merge: both persons' crops."""
    view.crops = best([*view.crops, *absorbed.crops], view.person_id)


def part(view: PersonView, other: PersonView, event: PersonSplit) -> None:
    """A split: what shows the other person goes along with it. Of an undone merge all that was its own
    (and of whom it had absorbed), else what the moved tracks showed."""
    moved = {track_name(track) for track in event.tracks}
    theirs = {other.person_id, *other.absorbed} if event.kind == "merge_undone" else set()
    mine: list[CropView] = []
    gone: list[CropView] = []
    for crop in view.crops:
        (gone if crop.track in moved or crop.person_id in theirs else mine).append(crop)
    view.crops, other.crops = mine, best([*other.crops, *gone], other.person_id)


def drop(view: PersonView, tracks: Collection[TrackRef]) -> None:
    """The tracks are nobody's now, and so are their crops."""
    names = {track_name(track) for track in tracks}
    view.crops = [crop for crop in view.crops if crop.track not in names]


def best(crops: Iterable[CropView], person_id: str) -> list[CropView]:
    """At most `KEEP` of each origin, best first; ``person_id`` itself before those merged into it."""
    by_origin: dict[str, list[CropView]] = defaultdict(list)
    for crop in {crop.sha256: crop for crop in crops}.values():
        by_origin[crop.person_id].append(crop)
    kept = {origin: _diverse(found) for origin, found in by_origin.items()}
    others = sorted((o for o in kept if o != person_id), key=lambda o: (-kept[o][0].quality, o))
    origins = [person_id, *others[:MOST_ORIGINS]]
    chosen = [crop for origin in origins for crop in kept.get(origin, ())]
    return sorted(chosen, key=lambda c: (-c.quality, c.sha256))


def _diverse(crops: list[CropView]) -> list[CropView]:
    """Each camera's best, then each camera's second, and so on; within a round the better first."""
    rank: dict[str, int] = defaultdict(int)
    rounds: list[tuple[int, float, str, CropView]] = []
    for crop in sorted(crops, key=lambda c: (-c.quality, c.sha256)):
        rounds.append((rank[crop.camera_id], -crop.quality, crop.sha256, crop))
        rank[crop.camera_id] += 1
    return [found[-1] for found in sorted(rounds, key=lambda found: found[:-1])[:KEEP]]
