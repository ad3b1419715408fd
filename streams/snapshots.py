"""Snapshots: the state at an event of the log, cut into records of a compacted topic.

A snapshot is written in a batch's transaction and holds the state *before* it, the fold of the log up to
and including the event ``tip``. Recovery folds what comes behind it. That it stands on this very log, and
not on an older one of the same name, is proved by the id of that event, which the tail is read from.

What can't be used, whatever the reason, is left aside and the log folded instead: a snapshot saves time and
decides nothing. Change `reid.domain.snapshot.LAYOUT` with every change of what `evolve` makes of an event.
"""

import hashlib
import logging
from collections.abc import Sequence
from typing import Any, Final, cast

import cramjam
import msgspec

from reid.errors import Malformed
from streams.ports import SnapshotPart

#: Of the records' own form; the layout of the state is the decider's affair.
FORMAT: Final = 1
MANIFEST_KEY: Final = b"manifest"
#: Half the broker's limit for a record.
PART_BYTES: Final = 4 * 1024 * 1024
#: Compressed. A larger state is not written down: its transaction would outlast its time-out.
MAX_BYTES: Final = 256 * 1024 * 1024
_LEVEL: Final = 1

logger = logging.getLogger(__name__)


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """``tip``, ``event_id``: offset and id of the last event in the state. ``decided``: next offset to
    decide of each input topic. ``events``: how many events the state is the fold of. ``parts``, ``length``,
    ``sha256``: of the state, before compression."""

    format: int
    tip: int
    event_id: str
    decided: dict[str, int]
    events: int
    parts: int
    length: int
    sha256: str


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Manifest)
_zstd: Final = cast(Any, cramjam).zstd


def pack(raw: bytes, tip: int, event_id: str, decided: dict[str, int], events: int) -> list[SnapshotPart]:
    """The records of a snapshot, its manifest last; none when it is too large."""
    packed = bytes(_zstd.compress(raw, level=_LEVEL))
    if len(packed) > MAX_BYTES:
        logger.error(
            "no snapshot: the state takes %d MiB, more than %d. A restart will fold the whole log",
            len(packed) >> 20,
            MAX_BYTES >> 20,
        )
        return []
    chunks = [packed[start : start + PART_BYTES] for start in range(0, len(packed), PART_BYTES)]
    manifest = Manifest(
        format=FORMAT,
        tip=tip,
        event_id=event_id,
        decided=decided,
        events=events,
        parts=len(chunks),
        length=len(raw),
        sha256=hashlib.sha256(raw).hexdigest(),
    )
    parts = [SnapshotPart(part_key(number), chunk) for number, chunk in enumerate(chunks)]
    return [*parts, SnapshotPart(MANIFEST_KEY, _encoder.encode(manifest))]


def part_key(number: int) -> bytes:
    return b"part-%d" % number


def unpack(records: Sequence[SnapshotPart]) -> tuple[Manifest, bytes] | None:
    """Manifest and state of the newest snapshot; None when there is none. Raises `Malformed`."""
    newest = {record.key: record.value for record in records}
    raw = newest.get(MANIFEST_KEY)
    if raw is None:
        return None
    try:
        manifest = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"no manifest of format {FORMAT}: {error}") from error
    if manifest.format != FORMAT:
        raise Malformed(f"format {manifest.format}, this version reads {FORMAT}")
    chunks = [newest.get(part_key(number)) for number in range(manifest.parts)]
    if None in chunks:
        raise Malformed(f"{chunks.count(None)} of its {manifest.parts} parts are not there")
    return manifest, _state(b"".join(chunk or b"" for chunk in chunks), manifest)


def _state(packed: bytes, manifest: Manifest) -> bytes:
    try:
        state = bytes(_zstd.decompress(packed))
    except cramjam.DecompressionError as error:
        raise Malformed(f"damaged: {error}") from error
    if len(state) != manifest.length or hashlib.sha256(state).hexdigest() != manifest.sha256:
        raise Malformed("damaged: its checksum is another")
    return state
