"""How well identities were kept, against the simulated site's truth. Pure: detections, events and truth in.

Each published detection is matched to the true persons of its camera and moment (IoU of at least 0.5,
one-to-one); the person id comes from the event log, as it stood at the detection's time.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple

from deploy.identities import Identities
from reid.contracts.detections import Frame
from reid.contracts.events import TrackRef

Box = tuple[float, float, float, float]
"""Left, top, width, height in pixels."""

MATCH_IOU: Final = 0.5


class TrueBox(NamedTuple):
    """A true person in one frame."""

    person: int
    bbox: Box


TruthOf = Callable[[Frame], Sequence[TrueBox]]
"""The true persons of a published frame."""


@dataclass(frozen=True, slots=True)
class Score:
    """``true_people``: seen by at least one detection. ``ids_of``: ids that each of them was given.

    ``labelled_share``: part of the matched detections that had an id. ``wrong_share``: part of the labelled
    ones whose id belongs to somebody else; an id belongs to the person that it was given to most often.
    ``labelled_nobody``: detections with an id that match no true person.
    ``detected_share``: part of the true boxes, in the frames published, that a detection matched.
    ``idf1``: with each id paired with at most one person so that most detections agree (greedily),
    2 TP / (all labelled detections + true boxes).
    """

    true_people: int
    ids_given: int
    ids_of: dict[int, list[str]]
    persons_of: dict[str, list[int]]
    ids_per_person: float
    persons_per_id: float
    frames: int
    true_boxes: int
    detections: int
    matched: int
    labelled: int
    wrong: int
    labelled_nobody: int
    detected_share: float
    labelled_share: float
    wrong_share: float
    idf1: float
    cross_camera: dict[int, int]
    """True person -> number of cameras in which the id most often given to it was given to it."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


def match(found: Sequence[Box], true: Sequence[Box], least: float = MATCH_IOU) -> list[tuple[int, int]]:
    """One-to-one pairs ``(index found, index true)``, the best overlap first; none below ``least``."""
    pairs = sorted(
        ((iou(f, t), i, j) for i, f in enumerate(found) for j, t in enumerate(true)),
        key=lambda pair: (-pair[0], pair[1], pair[2]),
    )
    taken_found: set[int] = set()
    taken_true: set[int] = set()
    matched = []
    for overlap, i, j in pairs:
        if overlap < least:
            break
        if i not in taken_found and j not in taken_true:
            taken_found.add(i)
            taken_true.add(j)
            matched.append((i, j))
    return matched


def score(frames: Iterable[Frame], truth_of: TruthOf, identities: Identities) -> Score:
    """Counts over all ``frames``; see `Score`."""
    given: Counter[tuple[int, str]] = Counter()
    cameras: dict[tuple[int, str], set[str]] = defaultdict(set)
    people: set[int] = set()
    n_frames = true_boxes = detections = matched = labelled_all = 0
    for frame in frames:
        true = truth_of(frame)
        n_frames += 1
        true_boxes += len(true)
        detections += len(frame.persons)
        pairs = match([p.bbox for p in frame.persons], [t.bbox for t in true])
        matched += len(pairs)
        ids = [identities.person_at(track, frame.captured_at) for track in tracks_of(frame)]
        labelled_all += sum(person_id is not None for person_id in ids)
        for i, j in pairs:
            person, person_id = true[j].person, ids[i]
            people.add(person)
            if person_id is not None:
                given[person, person_id] += 1
                cameras[person, person_id].add(frame.camera_id)
    return _summary(given, cameras, people, n_frames, true_boxes, detections, matched, labelled_all)


def tracks_of(frame: Frame) -> list[TrackRef]:
    """The track of each person of the frame, in the frame's order."""
    return [TrackRef(frame.camera_id, frame.session, str(person.tracker_id)) for person in frame.persons]


def _summary(
    given: Counter[tuple[int, str]],
    cameras: dict[tuple[int, str], set[str]],
    people: set[int],
    frames: int,
    true_boxes: int,
    detections: int,
    matched: int,
    labelled_all: int,
) -> Score:
    ids_of: dict[int, list[str]] = {person: [] for person in sorted(people)}
    persons_of: dict[str, list[int]] = {}
    # The most frequent first, so the first of each list is its owner.
    ranked = sorted(given.items(), key=lambda item: (-item[1], item[0]))
    for (person, person_id), _ in ranked:
        ids_of[person].append(person_id)
        persons_of.setdefault(person_id, []).append(person)
    labelled = given.total()
    right = sum(count for (person, person_id), count in ranked if persons_of[person_id][0] == person)
    named = [ids for ids in ids_of.values() if ids]
    return Score(
        true_people=len(people),
        ids_given=len(persons_of),
        ids_of=ids_of,
        persons_of=dict(sorted(persons_of.items())),
        ids_per_person=_mean([len(ids) for ids in named]),
        persons_per_id=_mean([len(persons) for persons in persons_of.values()]),
        frames=frames,
        true_boxes=true_boxes,
        detections=detections,
        matched=matched,
        labelled=labelled,
        wrong=labelled - right,
        labelled_nobody=labelled_all - labelled,
        detected_share=_share(matched, true_boxes),
        labelled_share=_share(labelled, matched),
        wrong_share=_share(labelled - right, labelled),
        idf1=_share(2 * _paired(ranked), labelled_all + true_boxes),
        cross_camera={person: len(cameras[person, ids[0]]) for person, ids in ids_of.items() if ids},
    )


def _paired(ranked: Sequence[tuple[tuple[int, str], int]]) -> int:
    """Detections that agree when each id and each person is used once, the most frequent pair first."""
    persons: set[int] = set()
    ids: set[str] = set()
    agreed = 0
    for (person, person_id), count in ranked:
        if person not in persons and person_id not in ids:
            persons.add(person)
            ids.add(person_id)
            agreed += count
    return agreed


def _mean(values: Sequence[int]) -> float:
    return round(sum(values) / len(values), 4) if values else 0.0


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0
