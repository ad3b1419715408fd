"""``saferoom events export``: the log as a file for analysts."""

import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from deploy import log
from deploy.export_files import FORMATS, sink
from deploy.export_rows import Row, row_of
from reid.contracts.codec import EVENT_TYPES
from reid.contracts.topics import EVENTS
from reid.contracts.upcasters import UPCASTERS
from reid.errors import ConfigError
from reid.runtime.settings import Settings


@dataclass(frozen=True)
class Export:
    """``from_offset``: of each partition. ``since`` (included), ``until`` (not included): time of the
    event, RFC 3339 or milliseconds since the epoch. ``types``: names or patterns such as
    ``reid.person.*``. ``templates``: with what persons look like."""

    out: Path
    kind: str = "jsonl"
    from_offset: int = 0
    since: str | None = None
    until: str | None = None
    types: tuple[str, ...] = ()
    templates: bool = False


class Counts(NamedTuple):
    """``unreadable``: exported events whose value is no JSON object."""

    read: int
    exported: int
    unreadable: int


def export(bootstrap: str, wanted: Export) -> Counts:
    """Writes the file. Raises `ConfigError`, `Unavailable`."""
    keep = _filter(wanted)
    if wanted.kind not in FORMATS:
        raise ConfigError(f"--format {wanted.kind}: one of {', '.join(FORMATS)}")
    consumer = log.log_reader(bootstrap)
    try:
        spans = log.spans(consumer, EVENTS.name)
    finally:
        consumer.close()
    starts = {p: min(max(low, wanted.from_offset), high) for p, (low, high) in spans.items()}
    read = exported = unreadable = 0
    with sink(wanted.out, wanted.kind) as file:
        for message in log.read(bootstrap, EVENTS.name, starts):
            read += 1
            row = row_of(message, templates=wanted.templates)
            if not keep(row):
                continue
            exported += 1
            unreadable += row["data"] is None
            file.write(row)
    return Counts(read, exported, unreadable)


def run(settings: Settings, wanted: Export) -> None:
    """`export`, and a line on stderr that says what it did."""
    try:
        counts = export(settings.kafka(), wanted)
    except BrokenPipeError:
        # `saferoom events export -o - | head`: the reader has enough. Nothing may be written at exit either.
        sys.stdout = None
        return
    told = f"{counts.exported} of {counts.read} events to {wanted.out}"
    if counts.unreadable:
        told += f", {counts.unreadable} of them no JSON objects: their data is empty"
    sys.stderr.write(told + "\n")


class _Filter:
    """``types``: patterns; none: all. They are held against what the log says, not against our types: events
    of an older or a newer version are exported too."""

    def __init__(self, since: int | None, until: int | None, types: tuple[str, ...]) -> None:
        self._since, self._until, self._types = since, until, types
        self._wanted: dict[str, bool] = {}

    def __call__(self, row: Row) -> bool:
        if self._types and not self._of_type(str(row["type"])):
            return False
        at = row["at"]
        if at is None:
            return self._since is None and self._until is None
        return (self._since is None or at >= self._since) and (self._until is None or at < self._until)

    def _of_type(self, name: str) -> bool:
        if name not in self._wanted:
            self._wanted[name] = any(fnmatchcase(name, pattern) for pattern in self._types)
        return self._wanted[name]


def _filter(wanted: Export) -> _Filter:
    known = {*EVENT_TYPES, *(step.source for step in UPCASTERS)}
    lost = [p for p in wanted.types if not any(fnmatchcase(t, p) for t in known)]
    if lost:
        raise ConfigError(f"--type {', '.join(lost)}: none of {', '.join(EVENT_TYPES)}")
    return _Filter(_moment("--since", wanted.since), _moment("--until", wanted.until), wanted.types)


def _moment(option: str, text: str | None) -> int | None:
    from deploy.replay_command import moment_of  # imports the API, which most exports need not wait for

    return None if text is None else moment_of(text, option)
