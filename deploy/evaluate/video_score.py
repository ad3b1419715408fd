"""The numbers of watched footage: of the tracker in each camera, and of the ids across all cameras."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from deploy.evaluate.watch import Look, Watched
from deploy.identities import Identities
from deploy.score import match, tracks_of
from producers.detect.base import overlaps
from reid.contracts.events import TrackRef
from reid.evaluation.identities import contingency, matched, pairwise, shares
from reid.evaluation.tracking import BoxFrame, tracking_score


@dataclass(frozen=True)
class TrackTruth:
    """A published track: the person most of its boxes were, None for nobody, and the id it had at its end."""

    track: TrackRef
    person: int | None
    person_id: str | None


def video_score(watched: Watched, identities: Identities) -> dict[str, Any]:
    """``tracker_…``: ids of tracks within their camera. ``cross_…``: ids of persons, all cameras as one
    sequence in the order of time, one match for all; boxes without an id yet are no answer there, and so cost
    recall. Ids a person and persons an id are counted over tracks, ``…_boxes`` over every single box."""
    people = {p.person_id for look in watched.looks for p in look.truth}
    tracks = track_truths(watched, identities)
    owned = [each for each in tracks if each.person is not None]
    who, ids = [each.person for each in owned], [each.person_id for each in owned]
    over_tracks = shares(who, contingency(who, ids))
    pairs = pairwise(who, ids)
    boxes = _boxes(watched, identities)
    over_boxes = shares(people, boxes)
    labelled = [i for look in watched.looks for i in ids_of(look, identities) if i is not None]
    total = sum(len(look.truth) for look in watched.looks)
    given = len(set(labelled))
    found = {
        "people": len(people),
        "ids": given,
        "count_error": given - len(people),
        "ids_per_person": over_tracks.ids_per_person,
        "persons_per_id": over_tracks.persons_per_id,
        "ids_per_person_boxes": over_boxes.ids_per_person,
        "persons_per_id_boxes": over_boxes.persons_per_id,
        "people_without_id": over_boxes.without_id,
        "pair_f1": pairs.f1,
        "pair_precision": pairs.precision,
        "pair_recall": pairs.recall,
        "tracks": len(tracks),
        "tracks_of_nobody": len(tracks) - len(owned),
        "frames": len(watched.looks),
        "true_boxes": total,
        "boxes": sum(len(look.frame.persons) for look in watched.looks if look.frame is not None),
        "labelled_boxes": len(labelled),
        "boxes_idf1": matched(boxes, total, len(labelled)).f1,
    }
    tracker = tracking_score(_tracker_frames(watched.looks))
    cross = tracking_score(_identity_frames(watched.looks, identities))
    found |= {f"tracker_{name}": value for name, value in asdict(tracker).items()}
    return found | {f"cross_{name}": value for name, value in asdict(cross).items()}


def track_truths(watched: Watched, identities: Identities) -> list[TrackTruth]:
    """In the order in which the tracks began."""
    owners: defaultdict[TrackRef, Counter[int]] = defaultdict(Counter)
    last: dict[TrackRef, str | None] = {}
    for look in watched.looks:
        if look.frame is None:
            continue
        refs = tracks_of(look.frame)
        for ref, person_id in zip(refs, ids_of(look, identities), strict=True):
            last[ref] = person_id or last.get(ref)
        for i, j in match([p.bbox for p in look.frame.persons], [p.bbox for p in look.truth]):
            owners[refs[i]][look.truth[j].person_id] += 1
    return [
        TrackTruth(ref, owners[ref].most_common(1)[0][0] if owners[ref] else None, person_id)
        for ref, person_id in last.items()
    ]


def ids_of(look: Look, identities: Identities) -> list[str | None]:
    """Of each box of the frame, the id that it had then; merges followed."""
    if look.frame is None:
        return []
    return [identities.person_at(track, look.captured_at) for track in tracks_of(look.frame)]


def _boxes(watched: Watched, identities: Identities) -> Counter[tuple[int, str]]:
    """How many boxes of each person carried each id."""
    found: Counter[tuple[int, str]] = Counter()
    for look in watched.looks:
        if look.frame is None:
            continue
        ids = ids_of(look, identities)
        for i, j in match([p.bbox for p in look.frame.persons], [p.bbox for p in look.truth]):
            person_id = ids[i]
            if person_id is not None:
                found[look.truth[j].person_id, person_id] += 1
    return found


def _tracker_frames(looks: Sequence[Look]) -> Iterator[BoxFrame]:
    """Every camera's people and tracks are its own."""
    for look in looks:
        persons = look.frame.persons if look.frame is not None else ()
        true = [(look.camera_id, p.person_id) for p in look.truth]
        given = [(look.camera_id, str(p.tracker_id)) for p in persons]
        yield _box_frame(look, true, given, list(range(len(persons))))


def _identity_frames(looks: Sequence[Look], identities: Identities) -> Iterator[BoxFrame]:
    for look in looks:
        ids = ids_of(look, identities)
        known = [place for place, person_id in enumerate(ids) if person_id is not None]
        yield _box_frame(look, [p.person_id for p in look.truth], [ids[place] for place in known], known)


def _box_frame(
    look: Look, true: Sequence[Hashable], given: Sequence[Hashable], places: Sequence[int]
) -> BoxFrame:
    persons = look.frame.persons if look.frame is not None else ()
    boxes = np.array([persons[place].bbox for place in places], np.float32).reshape(-1, 4)
    real = np.array([p.bbox for p in look.truth], np.float32).reshape(-1, 4)
    return BoxFrame(true, given, np.asarray(overlaps(real, boxes), np.float64))
