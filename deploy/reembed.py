"""``saferoom reembed``: a change of encoder forgets nobody whose pictures are kept.

1. Read of each person the crops that the view names, and the pictures from the store.
2. Embed them by the new encoder, with the very code that the cameras use.
3. Plan: the agent's own `add_templates` says in memory what each is worth.
4. Publish `AddTemplates` for those, and wait until the log holds the answers. The agent decides.

Ids of commands follow from person, encoder and crops: what is run again, or broken off, repeats nothing. Run
it before the cameras change: from the first frame by the new encoder they know everybody.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import cv2
import msgspec
import numpy as np
from rich.console import Console

from deploy.site_log import SiteLog
from producers.embed.base import Embedder, directed, model_of
from producers.embed.select import open_embedder
from producers.frames import Image
from projections.redis_store import RedisViewStore
from projections.tracks import parse_track
from reid.contracts.commands import AddTemplates, Shown
from reid.contracts.embedding import encode_wire
from reid.contracts.events import CommandRejected, PersonTemplatesAdded, TrackRef
from reid.contracts.topics import person_key
from reid.contracts.views import CropView, PersonView
from reid.domain.reembedding import add_templates
from reid.domain.state import SiteState
from reid.domain.validate import MAX_IMPORTED, check
from reid.runtime.crops.base import CropStore
from reid.runtime.crops.select import open_crops
from reid.runtime.settings import Settings
from streams.policies import policies_of

ASKED_BY: Final = "saferoom reembed"
_person: Final = msgspec.json.Decoder(PersonView)


@dataclass
class Report:
    """What came of it. ``without``: persons of whom no picture is kept; they stay unknown to ``model``."""

    model: str
    persons: int = 0
    without: list[str] = field(default_factory=list)
    crops: int = 0
    missing: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    templates: int = 0
    dry_run: bool = False

    def plain(self) -> dict[str, Any]:
        return {**self.__dict__, "outcomes": dict(self.outcomes)}


def run(settings: Settings, dry_run: bool = False) -> Report:
    """Of the settings' site, with the settings' encoder. Raises `ConfigError`, `Unavailable`."""
    embedder, crops = open_embedder(settings.embedder), open_crops(settings)
    model, now = model_of(embedder), time.time_ns() // 1_000_000
    report = Report(model.key, dry_run=dry_run)
    store = RedisViewStore(settings.redis())
    commands: list[AddTemplates] = []
    try:
        for person in _persons(store, settings.site_id):
            report.persons += 1
            shown = _shown(person, crops, embedder, settings.site_id, report)
            if not shown:
                report.without.append(person.label)
                continue
            commands.append(_command(person.person_id, settings.site_id, embedder, shown, now))
    finally:
        store.close()
    site = SiteLog(settings.kafka(), settings.site_id, ASKED_BY)
    coming = _planned(site.fold().site(settings.site_id), commands, settings, report)
    if dry_run or not coming:
        return report
    site.publish(coming)
    for _, event in site.answers(coming):
        if isinstance(event, PersonTemplatesAdded):
            report.outcomes["added"] += 1
            report.templates += event.added
        else:
            report.outcomes[event.code if isinstance(event, CommandRejected) else "other"] += 1
    return report


def _planned(
    known: SiteState, commands: list[AddTemplates], settings: Settings, report: Report
) -> list[AddTemplates]:
    """Those that will add something; the others are reported, and where nothing is sent these too, as they
    would come out. One that was answered is not answered again."""
    policy = known.policy or policies_of(settings).of(settings.site_id)
    coming = []
    for command in commands:
        event = add_templates(known, command, policy)
        if command.command_id in known.answered:
            report.outcomes["answered_before"] += 1
        elif isinstance(event, CommandRejected):
            report.outcomes[event.code] += 1
        else:
            coming.append(command)
            if report.dry_run and isinstance(event, PersonTemplatesAdded):
                report.outcomes["added"] += 1
                report.templates += event.added
    return coming


def _persons(store: RedisViewStore, site_id: str) -> Iterator[PersonView]:
    seen: set[str] = set()
    for key, raw in store.each(person_key(site_id, "")):
        # A scan may give a key twice.
        if key not in seen:
            seen.add(key)
            yield _person.decode(raw)


def _shown(
    person: PersonView, crops: CropStore, embedder: Embedder, site_id: str, report: Report
) -> tuple[Shown, ...]:
    found: list[tuple[CropView, Image]] = []
    for crop in person.crops[:MAX_IMPORTED]:
        image = _decoded(crops.get(site_id, crop.sha256))
        if image is None:
            report.missing += 1
        else:
            found.append((crop, image))
    if not found:
        return ()
    report.crops += len(found)
    vectors = embedder.embed([image for _, image in found])
    return tuple(
        Shown(encode_wire(vector), crop.camera_id, crop.quality, crop.sha256, _track(crop))
        for (crop, _), vector in zip(found, vectors, strict=True)
        if directed(vector)
    )


def _decoded(jpeg: bytes | None) -> Image | None:
    """None for a picture that is gone, or no picture."""
    if jpeg is None:
        return None
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    return None if image is None else np.asarray(image, np.uint8)


def _track(crop: CropView) -> TrackRef:
    camera_id, rest = parse_track(crop.track)
    session, _, tracker_id = rest.rpartition("/")
    return TrackRef(camera_id, session, tracker_id)


def _command(
    person_id: str, site_id: str, embedder: Embedder, shown: tuple[Shown, ...], now: int
) -> AddTemplates:
    model = model_of(embedder)
    asked = "\n".join((site_id, person_id, model.key, *(s.crop for s in shown)))
    command = AddTemplates(
        site_id=site_id,
        command_id=f"reembed-{hashlib.sha256(asked.encode()).hexdigest()[:32]}",
        issued_at=now,
        issued_by=ASKED_BY,
        person_id=person_id,
        model=model,
        shown=shown,
    )
    check(command)
    return command


def show(report: Report, console: Console) -> None:
    """For people."""
    would = "would be " if report.dry_run else ""
    outcomes = (
        f"{count} {would if code == 'added' else ''}{code}" for code, count in report.outcomes.items()
    )
    added = ", ".join(sorted(outcomes)) or "nothing to send"
    console.print(
        f"{report.model}: {report.persons} persons, {report.crops} crops; {added}; "
        f"{report.templates} templates{' (dry run)' if report.dry_run else ''}"
    )
    if report.missing:
        console.print(f"{report.missing} crops are not in the store any more")
    if report.without:
        console.print(f"no picture is kept of {len(report.without)}: {', '.join(report.without[:20])}")
