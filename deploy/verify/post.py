"""What went between zones and their sites is what the logs say: all of it, and nothing else.

Read anew from the topics, without the post's own code. A letter may be there more than once: who gets it
passes over what it had before. The log is streamed; of the letters a print is held for each event.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from hashlib import blake2b

from deploy.verify.findings import Check, Findings
from deploy.verify.records import Record
from reid.contracts import codec
from reid.contracts.cloudevents import envelope_from
from reid.contracts.commands import AnyCommand
from reid.contracts.events import ZoneDirected
from reid.contracts.zones import TOLD, ZoneReport, split_zone, zone_site
from reid.errors import ContractError

Told = dict[str, dict[int, bytes]]


class PostCheck:
    """``complete``: no input was deleted by retention, so that each letter that was sent is still there."""

    def __init__(self, findings: Findings, complete: bool) -> None:
        self._findings, self._complete = findings, complete
        self._told: Told = {}
        self._least: dict[str, int] = {}
        self._asked: dict[str, AnyCommand] = {}

    def inputs(self, records: Iterable[Record]) -> None:
        """Of all partitions, detections and commands, before any log."""
        for record in records:
            with suppress(ContractError):  # a dead letter
                self._input(record)

    def _input(self, record: Record) -> None:
        raw = record.value or b""
        if b'"reid.zone.report.v1"' in raw[:64]:
            message = codec.decode_sighted(raw)
            if isinstance(message, ZoneReport):
                zone = zone_site(message.site_id, message.zone)
                told = self._told.setdefault(zone, {})
                for offset, event in zip(message.offsets, message.events, strict=False):
                    if told.setdefault(offset, _print(bytes(event))) != _print(bytes(event)):
                        self._differ(f"{record.place} tells event {offset} of {zone} otherwise than before")
                self._least[zone] = min(self._least.get(zone, message.offsets[0]), message.offsets[0])
        elif b"/" in (record.key or b"") and b'"reid.command.' in raw[:64]:
            command = codec.decode_command(raw)
            if command.issued_by == "site":
                self._asked[command.command_id] = command

    def log(self, records: Iterable[Record], delivered: int) -> None:
        """One partition's. ``delivered``: next event that the post has to send."""
        for record in records:
            zone = (record.key or b"").decode(errors="replace")
            if split_zone(zone)[1]:
                self._event_of_zone(record, zone, delivered)
            elif b'"reid.zone.directed.v1"' in (record.value or b"")[:64]:
                self._directed(record, delivered)

    def _event_of_zone(self, record: Record, zone: str, delivered: int) -> None:
        told = self._told.get(zone, {}).pop(record.offset, None)
        if told is None and not (record.offset < delivered and self._kept(zone, record.offset)):
            return
        event = codec.decode_event(record.value or b"")
        if told is None and not isinstance(event, TOLD):
            return
        self._findings.look(Check.POST)
        if told is None:
            self._differ(f"{record.place} of {zone} was not told to its site")
        elif told != _print(record.value or b""):
            self._differ(f"{record.place} of {zone} was told to its site otherwise than the log says")

    def _kept(self, zone: str, offset: int) -> bool:
        """Whether the report of that event, if there was one, is still in the topic."""
        return self._complete or offset > self._least.get(zone, offset)

    def _directed(self, record: Record, delivered: int) -> None:
        event = codec.decode_event(record.value or b"")
        assert isinstance(event, ZoneDirected)
        command = self._asked.pop(envelope_from(record.headers).id, None)
        if command is None and record.offset >= delivered:
            return
        self._findings.look(Check.POST)
        if command is None:
            self._differ(f"{record.place}: {event.zone} was never asked to {event.action}")
        elif _asks(command) != _says(event):
            self._differ(f"{record.place}: {event.zone} was asked for something else ({command.command_id})")

    def finish(self) -> None:
        for zone, told in self._told.items():
            for offset in sorted(told):
                self._differ(f"a report tells event {offset} of {zone}, which its log does not hold")
        for command in self._asked.values():
            what = f"command {command.command_id} to {command.site_id}"
            self._differ(f"{what} says that its site asked for it, which did not")

    def _differ(self, what: str) -> None:
        self._findings.differ(Check.POST, what)


def _print(value: bytes) -> bytes:
    return blake2b(value, digest_size=8).digest()


def _asks(command: AnyCommand) -> Mapping[str, object]:
    kind = codec.type_name(command).removeprefix("reid.command.").removesuffix(".v1").split("-")[0]
    found = {name: getattr(command, name, None) for name in ("person_id", "track")}
    return {"site": command.site_id, "kind": kind, "at": command.issued_at, **found}


def _says(event: ZoneDirected) -> Mapping[str, object]:
    site = zone_site(event.site_id, event.zone)
    who = {"person_id": event.person_id or None, "track": event.track}
    return {"site": site, "kind": event.action, "at": event.at, **who}
