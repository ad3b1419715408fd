"""``saferoom rebuild`` and ``saferoom projections``."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from deploy import log
from deploy.dead_letters import place_of
from projections import rebuild as views_anew
from projections.alerts import AlertsView
from projections.canonical import canonical, sha256
from projections.databases import Databases
from projections.helpers import helpers
from projections.redis_store import RedisViewStore
from projections.status import lags
from projections.views import CamerasView, PersonsView, View
from reid.contracts.topics import CAMERAS, EVENTS
from reid.runtime.admin import admin_client
from reid.runtime.kafka import reader
from reid.runtime.settings import Settings

_SHOWN: int = 10


def rebuild(settings: Settings, scratch_db: int | None, leave_out: Sequence[str], verify: bool) -> int:
    """Returns the exit code: 1 when ``verify`` found a difference. Raises `PoisonInput`, `ConfigError`,
    `Unavailable`; the live views then are as they were."""
    # A place that is written otherwise than the log's would leave nothing out, and not say so.
    leave_out = [str(place_of(text)) for text in leave_out]
    persons = PersonsView(settings.ttl_days, settings.history_entries)
    # Before there is any connection.
    with helpers() as waiting:
        databases, consumer = Databases(settings.redis(), scratch_db), reader(settings.kafka())
        try:
            with _bar(settings) as progress:
                if verify:
                    verdict = views_anew.verify(
                        consumer, databases, persons, leave_out, progress, settings.kafka(), waiting
                    )
                else:
                    views: list[View] = [persons, CamerasView(), AlertsView()]
                    done = views_anew.rebuild(
                        consumer, databases, views, leave_out, progress, settings.kafka(), waiting
                    )
        finally:
            consumer.close()
            databases.close()
    if not verify:
        rate = done.records / done.seconds
        sys.stdout.write(f"{done.records} records in {done.seconds:.1f} s, {rate:.0f} a second: swapped in\n")
        return 0
    lines = [f"live    {verdict.live}", f"rebuilt {verdict.rebuilt}"]
    lines += [f"differs: {key}" for key in verdict.differing[:_SHOWN]]
    if len(verdict.differing) > _SHOWN:
        lines.append(f"… and {len(verdict.differing) - _SHOWN} more keys")
    lines.append("equal" if verdict.equal else "the live view is not what the log says: `saferoom rebuild`")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if verdict.equal else 1


def status(settings: Settings, as_json: bool) -> None:
    """How far each view is behind each partition of its log."""
    store = RedisViewStore(settings.redis())
    try:
        found = lags(admin_client(settings.kafka()), store)
    finally:
        store.close()
    if as_json:
        sys.stdout.write(json.dumps([{**one._asdict(), "lag": one.lag} for one in found], indent=2) + "\n")
        return
    table = Table("view", "topic", "partition", "position", "end", "lag", box=None, pad_edge=False)
    for one in found:
        table.add_row(*map(str, (*one, one.lag)))
    Console().print(table)


def dump(settings: Settings, sha_only: bool) -> None:
    """The canonical dump of the persons view at one position of the log."""
    store = RedisViewStore(settings.redis())
    try:
        found, positions = views_anew.settled(store)
    finally:
        store.close()
    if sha_only:
        at = " ".join(f"{p}/{offset}" for p, offset in sorted(positions.items()))
        sys.stdout.write(f"{sha256(found)}  {len(canonical(found))} keys at {at or 'the beginning'}\n")
        return
    sys.stdout.write(json.dumps(canonical(found), indent=2, sort_keys=True, ensure_ascii=False) + "\n")


@contextmanager
def _bar(settings: Settings) -> Iterator[views_anew.Progress]:
    """Told of records, shows how many of those in the log now; their offsets count markers too."""
    consumer = log.log_reader(settings.kafka())
    try:
        spans = [log.spans(consumer, topic).values() for topic in (EVENTS.name, CAMERAS.name)]
    finally:
        consumer.close()
    total = sum(high - low for found in spans for low, high in found)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("records", total=total)
        yield lambda more: progress.advance(task, more)
        progress.update(task, completed=total)
