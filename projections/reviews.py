"""Doubtful decisions that wait for somebody's answer: which events make them, which take them away."""

from collections.abc import Collection, Iterable, Iterator
from hashlib import blake2b
from typing import Final

import msgspec

from projections.changes import HashDelete, HashSet, Op
from projections.store import ViewStore, held
from reid.contracts import topics
from reid.contracts.events import (
    AnyEvent,
    Decision,
    GalleryReset,
    IdentityReviewed,
    PersonExpired,
    PersonForgotten,
    PersonLeft,
    PersonRegistered,
    PersonSeen,
    PersonsMerged,
    PersonSplit,
    PersonState,
    PersonSuggested,
)
from reid.contracts.journeys import ReviewItem

#: Items kept of a site, the newest.
MAX_ITEMS: Final = 500
#: Questions about two who stand both: a merge settles them.
_APART: Final = ("suggested", "automatic_split")
_encode = msgspec.json.Encoder().encode
_item = msgspec.json.Decoder(ReviewItem)
Items = dict[str, ReviewItem]


class Reviews:
    """Of many sites. What is loaded once is held until the fold ends. ``fresh``: nothing is there to load."""

    def __init__(self, store: ViewStore, fresh: bool = False) -> None:
        self._store = store
        self._sites: dict[str, Items] = held(fresh, dict)
        self._before: dict[str, dict[str, bytes]] = held(fresh, dict)

    def require(self, events: Iterable[AnyEvent]) -> None:
        """Loads the items of the events' sites, in one round trip; none for what is held."""
        sites = {event.site_id for event in events} - self._sites.keys()
        if not sites:
            return
        keys = {site: topics.reviews_key(site) for site in sites}
        found = self._store.hashes(list(keys.values()))
        for site, key in keys.items():
            self._before[site] = found[key]
            self._sites[site] = {id_: _item.decode(raw) for id_, raw in found[key].items()}

    def apply(self, event: AnyEvent) -> None:
        """An event that `matters`."""
        items = self._sites[event.site_id]
        match event:
            case PersonSeen():
                if event.together:
                    _differ(items, event)
                if _barely(event):
                    _add(items, _of_decision(event))
            case PersonRegistered():
                _add(items, _of_decision(event))
            case PersonSuggested():
                _add(items, _of_another_day(event))
            case PersonsMerged():
                _merged(items, event)
            case PersonSplit():
                _split(items, event)
            case PersonLeft():
                _drop(items, (i for i, one in items.items() if one.track == event.track))
            case IdentityReviewed():
                _drop(items, (i for i, one in items.items() if _answered(one, event)))
            case PersonForgotten() | PersonExpired():
                _gone(items, {event.person_id})
            case GalleryReset():
                _gone(items, set(event.person_ids))

    def ops(self) -> Iterator[Op]:
        """The diff, in an order that depends on the content alone."""
        for site, items in sorted(self._sites.items()):
            key, before = topics.reviews_key(site), self._before[site]
            for id_ in sorted(before.keys() - items.keys()):
                yield HashDelete(key, id_)
            for id_, item in sorted(items.items()):
                raw = _encode(item)
                if before.get(id_) != raw:
                    yield HashSet(key, id_, raw)


def matters(event: AnyEvent) -> bool:
    """Whether the event may make or settle a question. Few do."""
    match event:
        case PersonSeen():
            return bool(event.together) or _barely(event)
        case PersonRegistered():
            return not event.source and _nearly(event.decision)
        case PersonLeft():
            return event.reason != "track_ended"
    return isinstance(
        event,
        PersonsMerged
        | PersonSplit
        | PersonSuggested
        | IdentityReviewed
        | PersonForgotten
        | PersonExpired
        | GalleryReset,
    )


def _barely(event: PersonSeen) -> bool:
    """Matched, by less than the margin: over the threshold, or over the runner-up."""
    decision = event.decision if event.reason == "bound" else None
    if decision is None or decision.outcome != "matched" or decision.score is None:
        return False
    beaten = max(decision.threshold, decision.runner_up_score or 0.0)
    return round(decision.score - beaten, 6) < decision.margin


def _nearly(decision: Decision) -> bool:
    """Not matched, and short of it by less than the margin, or because two were alike."""
    if decision.outcome != "new" or decision.score is None or decision.candidate is None:
        return False
    return round(decision.threshold - decision.score, 6) < decision.margin


def _of_decision(event: PersonSeen | PersonRegistered) -> ReviewItem:
    decision = event.decision
    assert decision is not None
    new = isinstance(event, PersonRegistered)
    return ReviewItem(
        kind="suggested" if new else "small_margin",
        at=event.at,
        person_id=event.person_id,
        camera_id=event.track.camera_id,
        track=event.track,
        other_id=decision.candidate if new else decision.runner_up,
        score=decision.score,
        runner_up_score=decision.runner_up_score,
        threshold=decision.threshold,
        margin=decision.margin,
        model=decision.model,
        learned=decision.learned,
    )


def _of_another_day(event: PersonSuggested) -> ReviewItem:
    return ReviewItem(
        kind="suggested",
        at=event.at,
        person_id=event.person_id,
        camera_id=event.track.camera_id if event.track is not None else None,
        track=event.track,
        other_id=event.other_id,
        other_label=event.other_label,
        score=event.decision.score,
        threshold=event.decision.threshold,
        model=event.decision.model,
        learned=event.decision.learned,
        reason=event.decision.reason,
        other_last_seen=event.other_last_seen,
    )


def _merged(items: Items, event: PersonsMerged) -> None:
    """Questions about the absorbed person are about the survivor now, but for those that this settles: of the
    two, of whoever is known to be neither, and whether the absorbed one was rightly taken from somebody. One
    about a merge into it waits: until this merge is undone, that one can't be."""
    survivor, absorbed = event.survivor_id, event.absorbed_id
    _drop(items, (i for i, one in items.items() if one.kind in _APART and _pair(one) == {survivor, absorbed}))
    _drop(
        items, (i for i, one in items.items() if one.kind == "automatic_split" and one.person_id == absorbed)
    )
    for id_, one in list(items.items()):
        if one.kind == "automatic_merge" or absorbed not in _pair(one):
            continue
        del items[id_]
        carried = _carried(one, absorbed, survivor)
        if carried is not None:
            _add(items, carried)
    _apart(items, survivor, event.not_persons)
    decision = event.decision
    if decision is not None and event.command_id is None:
        item = ReviewItem(
            kind="automatic_merge",
            at=event.at,
            person_id=survivor,
            camera_id=event.last_camera,
            other_id=absorbed,
            other_label=event.absorbed_label,
            score=decision.score,
            runner_up_score=decision.runner_up_score,
            threshold=decision.threshold,
            model=decision.model,
            learned=decision.learned,
        )
        _add(items, item)


def _carried(item: ReviewItem, absorbed_id: str, survivor_id: str) -> ReviewItem | None:
    """The question as it is after the merge, None when nothing of it is left."""
    person_id = survivor_id if item.person_id == absorbed_id else item.person_id
    other_id = survivor_id if item.other_id == absorbed_id else item.other_id
    item = msgspec.structs.replace(item, person_id=person_id, other_id=other_id)
    return _without_runner_up(item) if other_id == person_id else item


def _without_runner_up(item: ReviewItem) -> ReviewItem | None:
    """A close match whose runner-up is this very person, or certainly not: None when it was close to nothing
    else."""
    if item.score is not None and round(item.score - item.threshold, 6) >= item.margin:
        return None
    return msgspec.structs.replace(item, other_id=None, runner_up_score=None)


def _differ(items: Items, event: PersonSeen) -> None:
    """Two who were in one frame are two: nobody has to say so, and nobody could merge them."""
    _apart(items, event.person_id, event.together)
    for id_, one in list(items.items()):
        if one.kind == "small_margin" and one.track == event.track and one.other_id in event.together:
            del items[id_]
            left = _without_runner_up(one)
            if left is not None:
                _add(items, left)


def _apart(items: Items, person_id: str, others: Collection[str]) -> None:
    """The person is none of the others."""
    _drop(
        items,
        (
            i
            for i, one in items.items()
            if one.kind in _APART and person_id in _pair(one) and not _pair(one).isdisjoint(others)
        ),
    )


def _split(items: Items, event: PersonSplit) -> None:
    """Whoever took tracks away has answered; tracks that go back with an undone merge take their questions
    along. A merge of whose one side all tracks were taken away can't be undone any more. Of two who were
    known to differ before, nobody is asked whether they are one."""
    person_id, other = event.person.person_id, event.other
    back = other.person_id if event.kind == "merge_undone" and other is not None else None
    settled = {
        u.absorbed.person_id for u in event.merges if not (u.survivor.templates and u.absorbed.templates)
    }
    _drop(items, (i for i, one in items.items() if one.kind == "automatic_merge" and one.other_id in settled))
    for id_, one in list(items.items()):
        if one.kind == "automatic_merge" and one.person_id == person_id and one.other_id == back:
            del items[id_]
        elif one.kind == "small_margin" and one.person_id == person_id and one.track in event.tracks:
            del items[id_]
            if back is not None:
                _add(items, msgspec.structs.replace(one, person_id=back))
    if event.decision is None or other is None or other.person_id in event.person.not_persons:
        return
    _add(items, _of_split(event, event.decision, other))


def _of_split(event: PersonSplit, decision: Decision, other: PersonState) -> ReviewItem:
    """Nobody asked for it: was it right? ``better_candidate`` tells how much better, not how alike."""
    return ReviewItem(
        kind="automatic_split",
        at=event.at,
        person_id=other.person_id,
        camera_id=other.last_camera,
        track=event.tracks[0] if event.tracks else None,
        other_id=event.person.person_id,
        other_label=event.person.label,
        score=decision.score if decision.reason == "evidence_broke" else None,
        threshold=decision.threshold,
        model=decision.model,
        learned=decision.learned,
        reason=decision.reason,
    )


def _answered(item: ReviewItem, event: IdentityReviewed) -> bool:
    if event.track is not None:
        return item.kind == "small_margin" and (item.person_id, item.track) == (event.person_id, event.track)
    return item.kind != "small_margin" and _pair(item) == {event.person_id, event.other_id}


def _gone(items: Items, person_ids: set[str]) -> None:
    for id_, one in list(items.items()):
        if one.person_id in person_ids:
            del items[id_]
        elif one.other_id in person_ids:
            del items[id_]
            if one.kind == "small_margin":
                _add(items, msgspec.structs.replace(one, other_id=None))


def _pair(item: ReviewItem) -> set[str | None]:
    return {item.person_id, item.other_id}


def _drop(items: Items, ids: Iterable[str]) -> None:
    for id_ in list(ids):
        del items[id_]


def _add(items: Items, item: ReviewItem) -> None:
    """Of two who stand both one question is open, by what was seen last."""
    asked = [item.kind, item.person_id, item.track if item.kind == "small_margin" else item.other_id]
    id_ = blake2b(msgspec.json.encode(asked), digest_size=8).hexdigest()
    same = [i for i, one in items.items() if i == id_ or _same(one, item)]
    if any(items[i].at > item.at for i in same):
        return
    _drop(items, same)
    items[id_] = item
    while len(items) > MAX_ITEMS:
        del items[min(items, key=lambda id_: (items[id_].at, id_))]


def _same(one: ReviewItem, other: ReviewItem) -> bool:
    return one.kind in _APART and other.kind in _APART and _pair(one) == _pair(other)
