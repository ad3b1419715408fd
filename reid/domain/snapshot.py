"""The whole state as plain bytes, and back: for snapshots, and to compare two states."""

import hashlib
from typing import Final

import msgspec
import numpy as np

from reid.contracts.embedding import fixed_to_bytes
from reid.contracts.events import PersonState, TrackRef
from reid.contracts.layout import Layout
from reid.contracts.policy import Policy
from reid.domain.centring import CameraMean
from reid.domain.hearing import Heard
from reid.domain.passages import Passage
from reid.domain.person import Merge, Person
from reid.domain.state import Import, Lesson, PartitionState, Reviewed, Revisions, SiteState, Told, Zones
from reid.domain.tracks import BoundTrack, PendingTrack
from reid.domain.worn import Worn
from reid.errors import Malformed

#: Part of every snapshot: one of another layout is ignored, and the log folded instead.
LAYOUT: Final = 19


class _Bound(msgspec.Struct):
    track: TrackRef
    bound: BoundTrack


class _Pending(msgspec.Struct):
    track: TrackRef
    pending: PendingTrack


class _Imported(msgspec.Struct):
    source: str
    record: Import


class _Mean(msgspec.Struct):
    """``total``: little-endian int64; ``mean``: int16 fixed point, empty before the first."""

    model: str
    camera_id: str
    total: bytes
    tracks: int
    stated: int
    mean: bytes


class _Basis(msgspec.Struct):
    """``basis``: ``(values, directions)`` little-endian int16."""

    model: str
    directions: int
    basis: bytes


class _Passage(msgspec.Struct):
    where: Passage
    hits: int
    opportunities: int


class _Weighed(msgspec.Struct):
    """Pairs where order matters: JSON objects are sorted by key."""

    doubts: list[tuple[str, int]]
    made_at: list[int]
    moved: list[tuple[TrackRef, int]]
    asserted: list[str]
    confirmed: list[TrackRef]


class _Heard(msgspec.Struct):
    camera_id: str
    session: str
    heard: Heard


class _Wardrobe(msgspec.Struct):
    person_id: str
    worn: dict[str, Worn]


class _Site(msgspec.Struct):
    site_id: str
    next_number: int
    next_label: int
    policy: Policy | None
    persons: list[PersonState]
    bound: list[_Bound]
    pending: list[_Pending]
    merges: list[Merge]
    imports: list[_Imported]
    wardrobe: list[_Wardrobe]
    answered: list[str]
    means: list[_Mean]
    bases: list[_Basis]
    passages: list[_Passage]
    recent: list[str]
    revisions: _Weighed
    rejected: list[tuple[TrackRef, tuple[str, ...]]]
    reviewed: list[Reviewed]
    suggested: list[tuple[str, str]]
    lessons: list[tuple[str, Lesson]]
    told: list[tuple[tuple[str, str], Told]]
    zones: Zones
    heard: list[_Heard]


class _Partition(Layout):
    sites: list[_Site]


_encoder: Final = msgspec.json.Encoder(order="deterministic")
_layout_decoder: Final = msgspec.json.Decoder(Layout)
_decoder: Final = msgspec.json.Decoder(_Partition)


def dump(state: PartitionState) -> bytes:
    """Canonical JSON, the same for equal states however they were reached. Empty sites are left out."""
    sites = [_site(site_id, site) for site_id, site in sorted(state.sites.items())]
    return _encoder.encode(_Partition(LAYOUT, [s for s in sites if _told_anything(s)]))


def load(raw: bytes) -> PartitionState:
    """Inverse of `dump`. Raises `Malformed` when it is damaged, or of another layout."""
    try:
        _layout_decoder.decode(raw).require(LAYOUT)
        plain = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"damaged: {error}") from error
    state = PartitionState()
    for site in plain.sites:
        state.sites[site.site_id] = _loaded(site)
    return state


def digest(state: PartitionState) -> str:
    """SHA-256 of `dump`, hexadecimal."""
    return hashlib.sha256(dump(state)).hexdigest()


def _site(site_id: str, site: SiteState) -> _Site:
    cameras = site.cameras.values()
    return _Site(
        site_id,
        site.next_number,
        site.next_label,
        site.policy,
        [p.state() for p in sorted(site.persons.values(), key=lambda p: p.number)],
        [_Bound(t, b) for t, b in sorted((i for c in cameras for i in c.bound.items()), key=lambda i: i[0])],
        [
            _Pending(t, p)
            for t, p in sorted((i for c in cameras for i in c.pending.items()), key=lambda i: i[0])
        ],
        # In the order of the merges: they are undone from the last.
        list(site.merges.values()),
        [_Imported(source, record) for source, record in sorted(site.imports.items())],
        [_Wardrobe(person_id, worn) for person_id, worn in sorted(site.wardrobe.items())],
        list(site.answered),
        _means(site),
        [
            _Basis(model, basis.shape[1], basis.astype("<i2").tobytes())
            for model, basis in sorted(site.gallery.bases.items())
        ],
        [_Passage(where, c.hits, c.opportunities) for where, c in sorted(site.passages.counts.items())],
        list(site.passages.recent),
        _Weighed(
            list(site.revisions.doubts.items()),
            list(site.revisions.made_at),
            list(site.revisions.moved.items()),
            sorted(site.revisions.asserted),
            list(site.revisions.confirmed),
        ),
        list(site.rejected.items()),
        list(site.reviewed),
        list(site.suggested),
        sorted(site.lessons.items(), key=lambda item: item[0]),
        list(site.told.items()),
        site.zones,
        [
            _Heard(camera_id, session, heard)
            for camera_id, runs in sorted(site.hearing.cameras.items())
            for session, heard in runs.items()
        ],
    )


def _means(site: SiteState) -> list[_Mean]:
    return [
        _Mean(
            model,
            camera_id,
            mean.total.astype("<i8").tobytes(),
            mean.tracks,
            mean.stated,
            b"" if mean.mean is None else fixed_to_bytes(mean.mean),
        )
        for model, centring in sorted(site.gallery.centrings.items())
        for camera_id, mean in sorted(centring.cameras.items())
    ]


def _told_anything(site: _Site) -> bool:
    return bool(
        site.policy or site.next_number or site.bound or site.pending or site.answered or site.zones.upto
    )


def _loaded(plain: _Site) -> SiteState:
    site = SiteState()
    site.next_number, site.next_label, site.policy = plain.next_number, plain.next_label, plain.policy
    # Before the persons: of so many of them one would be made.
    for known in plain.bases:
        whole = np.frombuffer(known.basis, "<i2").astype(np.int16)
        site.gallery.bases[known.model] = whole.reshape(-1, known.directions)
    for person in plain.persons:
        site.put(Person.of(person))
    for bound in plain.bound:
        site.camera(bound.track.camera_id).bind(bound.track, bound.bound)
    for pending in plain.pending:
        site.camera(pending.track.camera_id).wait(pending.track, pending.pending)
    site.merges = {merge.absorbed.person_id: merge for merge in plain.merges}
    site.imports = {imported.source: imported.record for imported in plain.imports}
    site.wardrobe = {found.person_id: found.worn for found in plain.wardrobe}
    site.answered = dict.fromkeys(plain.answered)
    for mean in plain.means:
        total = np.frombuffer(mean.total, "<i8").astype(np.int64)
        site.centring(mean.model).cameras[mean.camera_id] = CameraMean(total, mean.tracks)
        if mean.mean:
            site.recentre(mean.model, mean.camera_id, mean.stated, mean.mean)
    for passage in plain.passages:
        site.passages.add(passage.where, passage.hits, passage.opportunities)
    site.passages.recent = dict.fromkeys(plain.recent)
    weighed = plain.revisions
    site.revisions = Revisions(
        dict(weighed.doubts),
        weighed.made_at,
        dict(weighed.moved),
        dict.fromkeys(weighed.asserted),
        dict.fromkeys(weighed.confirmed),
    )
    site.rejected = dict(plain.rejected)
    site.reviewed = list(plain.reviewed)
    site.suggested = dict.fromkeys(plain.suggested)
    site.lessons = dict(plain.lessons)
    site.told = dict(plain.told)
    site.zones = plain.zones
    for each in plain.heard:
        site.hearing.put(each.camera_id, each.session, each.heard)
    return site
