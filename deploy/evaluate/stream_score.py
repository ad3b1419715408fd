"""The numbers of one stream."""

from collections import Counter
from statistics import fmean
from typing import Any

from deploy.evaluate.stream import Played
from reid.evaluation.identities import contingency, matched, pairwise, shares
from reid.evaluation.matching import one_to_one


def stream_score(played: Played) -> dict[str, Any]:
    """Shares within 0 to 1. Over tracks the id counts that a track had at its end; ``idf1_crops`` counts
    every crop with the id that it had at its moment, so that time without an id costs."""
    people, final = [track.person for track in played.tracks], played.final
    given = contingency(people, final)
    pairs = pairwise(people, final)
    labelled = sum(i is not None for i in final)
    tracks = matched(given, len(people), labelled)
    crops = _crops(played)
    found = shares(people, given)
    true_people = len(set(people))
    return {
        "people": true_people,
        "tracks": len(people),
        "tracks_without_id": len(people) - labelled,
        "ids": found.ids,
        "count_error": found.ids - true_people,
        "count_error_share": (found.ids - true_people) / true_people,
        "people_without_id": found.without_id,
        "ids_per_person": found.ids_per_person,
        "persons_per_id": found.persons_per_id,
        "pair_precision": pairs.precision,
        "pair_recall": pairs.recall,
        "pair_f1": pairs.f1,
        "idf1": tracks.f1,
        "idp": tracks.precision,
        "idr": tracks.recall,
        "idf1_crops": crops,
        **_waiting(played, one_to_one(given)),
    }


def _crops(played: Played) -> float | None:
    people = [t.person for t, ids in zip(played.tracks, played.ids, strict=True) for _ in ids]
    ids = [i for of_track in played.ids for i in of_track]
    return matched(contingency(people, ids), len(people), sum(i is not None for i in ids)).f1


def _waiting(played: Played, right: dict[int, str]) -> dict[str, float | None]:
    """Crops until a track first had its person's right id (under the one pairing), the crop that gave it
    included, mean over the tracks that got there; and the share of those that did."""
    waits = []
    for track, ids in zip(played.tracks, played.ids, strict=True):
        wanted = right.get(track.person)
        if wanted is not None and wanted in ids:
            waits.append(ids.index(wanted) + 1)
    return {
        "crops_to_right_id": fmean(waits) if waits else None,
        "tracks_to_right_id": len(waits) / len(played.tracks) if played.tracks else 0.0,
    }


def mean_of(scores: list[dict[str, Any]]) -> dict[str, Any]:
    """Of each number over the seeds; what a seed lacks is left out."""
    names = Counter(name for score in scores for name in score)
    means: dict[str, Any] = {}
    for name in names:
        values = [score[name] for score in scores if score[name] is not None]
        means[name] = round(fmean(values), 6) if values else None
    return means
