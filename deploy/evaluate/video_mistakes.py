"""Contact sheets of footage: ids that several people share, people who have several ids."""

from collections.abc import Hashable, Mapping
from typing import Final, TypeVar

from deploy.evaluate.page import Picture, Sheet
from deploy.evaluate.video_run import VideoRun
from deploy.evaluate.video_score import TrackTruth, track_truths

MISTAKES: Final = 24

K = TypeVar("K", bound=Hashable)
L = TypeVar("L", bound=Hashable)


def mistakes(found: VideoRun) -> list[Sheet]:
    """Of the first footage; the worst first, with one track of each."""
    identities, shots = found.identities[0], found.watched[0].shots
    shared: dict[str, dict[int, TrackTruth]] = {}
    several: dict[int, dict[str, TrackTruth]] = {}
    for each in track_truths(found.watched[0], identities):
        if each.person is not None and each.person_id is not None:
            shared.setdefault(each.person_id, {}).setdefault(each.person, each)
            several.setdefault(each.person, {}).setdefault(each.person_id, each)
    return [
        Sheet(
            f"{found.variant.name}: one id on several people",
            [
                (
                    identities.label(name),
                    [Picture(shots[t.track][1], f"#{p}, {t.track.camera_id}") for p, t in tracks.items()],
                )
                for name, tracks in _worst(shared)
            ],
        ),
        Sheet(
            f"{found.variant.name}: one person under several ids",
            [
                (
                    f"#{person}",
                    [
                        Picture(shots[t.track][1], f"{identities.label(name)}, {t.track.camera_id}")
                        for name, t in tracks.items()
                    ],
                )
                for person, tracks in _worst(several)
            ],
        ),
    ]


def _worst(
    groups: Mapping[K, Mapping[L, TrackTruth]],
) -> list[tuple[K, Mapping[L, TrackTruth]]]:
    """Groups of more than one, the largest first; at most `MISTAKES`."""
    mixed = [(name, tracks) for name, tracks in groups.items() if len(tracks) > 1]
    return sorted(mixed, key=lambda pair: (-len(pair[1]), str(pair[0])))[:MISTAKES]
