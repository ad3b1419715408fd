"""Runs the alert rules again over one partition's events and commands, and compares with the alert log.

Each part of the log is decided by the rules that it says it had (`AlertRulesAdopted`); before a site's first
rules everything was learned and nothing told. What an earlier form of the rules told, which this program
does not have any more, is believed and folded. The order of events and commands is that of ``ce_decided``, as
in `deploy.verify.decisions`. A command that caused no alert stands in no causation: of the places where it
may have been decided, there must be one where it causes none.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from deploy.verify.findings import Check, Findings
from deploy.verify.groups import Group, Groups
from deploy.verify.inputs import Inputs, read, skew_ms
from deploy.verify.records import Record
from reid.alerting.closing import due_at
from reid.alerting.state import AlertState, SiteState
from reid.alerting.step import Source, fold, step
from reid.contracts import codec
from reid.contracts.alert_rules import FORM, AlertRules
from reid.contracts.alerts import AlertRulesAdopted, AnyAlert
from reid.contracts.cloudevents import headers_of
from reid.contracts.commands import AcknowledgeAlert, Tick
from reid.contracts.events import AnyEvent
from reid.contracts.topics import COMMANDS, EVENTS
from reid.contracts.zones import split_zone
from reid.errors import ContractError, PoisonInput

Decidable = AnyEvent | Tick | AcknowledgeAlert
#: Differences after which a partition is not decided further: the rest would only follow from them.
_MOST: Final = 50
_copier: Final = msgspec.msgpack.Decoder(SiteState)


class _GaveUp(Exception):
    """Too many differences: nothing behind them says anything new."""


def first_rules(log: Iterable[Record]) -> dict[str, AlertRules]:
    """By site, the first rules that it ever had: what came before was learned by them."""
    found: dict[str, AlertRules] = {}
    for record in log:
        alert = _alert(record)
        if isinstance(alert, AlertRulesAdopted):
            found.setdefault(alert.site_id, alert.rules)
    return found


class AlertsCheck:
    """``events``, ``commands``: the inputs of a partition; ``upto``: next offset of each of the two topics
    that was not decided when the verification began; ``first``: of `first_rules`."""

    def __init__(
        self,
        partition: int,
        partitions: int,
        events: Inputs,
        commands: Inputs,
        upto: Mapping[str, int],
        first: Mapping[str, AlertRules],
        findings: Findings,
        max_skew_ms: int,
    ) -> None:
        self._partition, self._partitions, self._max_skew_ms = partition, partitions, max_skew_ms
        self._events, self._commands, self._upto = events, commands, upto
        self._first, self.findings = first, findings
        self._state = AlertState()
        self._differences = 0
        self.later: list[Group] = []
        """Groups whose input was not decided yet when the verification began: not looked at."""
        self.alerts = self.earlier = 0

    def run(self, log: Iterable[Record]) -> None:
        groups = Groups(self._partition, self.findings, ids=Check.ALERTS, order=Check.ALERTS)
        try:
            for group in groups.groups(log):
                cause = group.causation
                if cause.topic not in self._upto:
                    self._differ(f"{_place(group)}: {cause} is no input of the alert rules")
                elif cause.offset >= self._upto[cause.topic]:
                    self.later.append(group)
                else:
                    self._take(group)
            self._quiet(self._upto[EVENTS.name], self._upto[COMMANDS.name])
        except _GaveUp:
            self.findings.differ(Check.ALERTS, f"partition {self._partition} is not followed further")

    def _take(self, group: Group) -> None:
        """What was decided before it must have told nothing; then the input that it came of."""
        cause, events = group.causation, self._events.next
        if cause.topic == EVENTS.name:
            self._quiet(cause.offset, group.decided.get(COMMANDS.name, 0))
            record = self._events.at(cause.offset) if events <= cause.offset else None
        else:
            self._quiet(group.decided.get(EVENTS.name, 0), cause.offset)
            record = self._commands.at(cause.offset) if self._commands.next <= cause.offset else None
        message = self._read(record) if record is not None else None
        if record is None or message is None:
            self._differ(f"{_place(group)}: {cause} is no input that could cause it")
            self._adopt(group)
            return
        self.alerts += len(group.records)
        if any(entry.key != message.site_id.encode() for entry in group.records):
            self._differ(f"{_place(group)}: its key is not its site")
        if self._earlier(_adopted(group) or self._state.site(message.site_id).rules):
            self._believe(record, message, group)
            return
        made = self._decide(record, message, _adopted(group))
        decided = group.decided | {cause.topic: cause.offset}
        expected = [(codec.encode(a), headers_of(a, cause, n, decided)) for n, a in enumerate(made)]
        found = [(entry.value, entry.headers) for entry in group.records]
        if expected != found:
            told = [type(alert).__name__ for alert in made]
            there = [type(_alert(entry)).__name__ for entry in group.records]
            self._differ(f"{_place(group)}: {cause} causes {told or 'nothing'}, the log has {there}")

    def _earlier(self, rules: AlertRules | None) -> bool:
        return rules is not None and rules.form != FORM

    def _believe(self, record: Record, message: Decidable, group: Group) -> None:
        self.earlier += 1
        told = [alert for entry in group.records if (alert := _alert(entry)) is not None]
        if len(told) < len(group.records):
            self._differ(f"{_place(group)}: an alert of an earlier form that can't be read")
        self._fold(record, message, told)

    def _quiet(self, events: int, commands: int) -> None:
        """Inputs below these offsets of which the log holds no alerts: they must cause none."""
        open_ = self._still(list(self._asked(commands)))
        for record in self._events.below(events):
            message = self._read(record)
            if message is None:
                continue
            made = self._decide(record, message)
            if made:
                self._differ(
                    f"{record.place} causes {[type(alert).__name__ for alert in made]}, which the log lacks"
                )
            if open_:
                open_ = self._still(open_)
        for record, command in open_:
            self._differ(
                f"{record.place}, a {type(command).__name__}, causes alerts, of which the log has none"
            )
            self._decide(record, command)

    def _asked(self, upto: int) -> Iterator[tuple[Record, Tick | AcknowledgeAlert]]:
        for record in self._commands.below(upto):
            command = self._read(record)
            if isinstance(command, Tick | AcknowledgeAlert):
                yield record, command

    def _still(
        self, commands: list[tuple[Record, Tick | AcknowledgeAlert]]
    ) -> list[tuple[Record, Tick | AcknowledgeAlert]]:
        """Those that would cause alerts if they were decided here."""
        return [(record, command) for record, command in commands if self._would_tell(record, command)]

    def _would_tell(self, record: Record, command: Tick | AcknowledgeAlert) -> bool:
        site = self._state.site(command.site_id)
        if self._earlier(site.rules):
            return False
        if isinstance(command, Tick):
            due = due_at(site, site.rules) if site.rules is not None else None
            if due is None or command.issued_at < due:
                return False
        copied = _copier.decode(msgspec.msgpack.encode(site))
        return bool(step(copied, command, Source(record.place), site.rules or AlertRules()))

    def _read(self, record: Record) -> Decidable | None:
        """None for what the alert rules leave out."""
        self.findings.look(Check.ALERTS)
        try:
            if record.topic == EVENTS.name:
                event = codec.decode_event(record.value or b"")
                return None if split_zone(event.site_id)[1] else event
            command = read(record, self._partitions)
        except (ContractError, PoisonInput):
            return None
        if not isinstance(command, Tick | AcknowledgeAlert) or skew_ms(record, command) > self._max_skew_ms:
            return None
        return command

    def _decide(
        self, record: Record, message: Decidable, adopted: AlertRules | None = None
    ) -> list[AnyAlert]:
        site = self._state.site(message.site_id)
        rules = adopted or site.rules
        if rules is None and not isinstance(message, AcknowledgeAlert):
            # Before the first rules. A site that never had any is decided by nobody.
            if message.site_id in self._first:
                fold(site, message, [], self._first[message.site_id])
            return []
        if self._earlier(rules):
            self._fold(record, message, [])
            return []
        ids = (value.decode(errors="replace") for name, value in record.headers if name == "ce_id")
        try:
            return step(site, message, Source(record.place, next(ids, "")), rules or AlertRules())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told as a difference
            self._differ(f"the rules fail on {record.place}: {type(error).__name__}: {error}")
            return []

    def _fold(self, record: Record, message: Decidable, told: list[AnyAlert]) -> None:
        """As `reid.alerting.step.fold`."""
        site = self._state.site(message.site_id)
        try:
            fold(site, message, told, site.rules or self._first.get(message.site_id, AlertRules()))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told as a difference
            self._differ(f"{record.place} and its alerts can't be folded: {type(error).__name__}: {error}")

    def _adopt(self, group: Group) -> None:
        """Goes on as the log says, where nothing can be decided."""
        for entry in group.records:
            alert = _alert(entry)
            if alert is not None:
                site = self._state.site(alert.site_id)
                fold(site, Tick(site_id=alert.site_id, command_id="", issued_at=0), [alert], AlertRules())

    def _differ(self, what: str) -> None:
        self.findings.differ(Check.ALERTS, what)
        self._differences += 1
        if self._differences >= _MOST:
            raise _GaveUp


def _adopted(group: Group) -> AlertRules | None:
    """The rules that this input brought."""
    alerts = (_alert(entry) for entry in group.records)
    return next((alert.rules for alert in alerts if isinstance(alert, AlertRulesAdopted)), None)


def _alert(record: Record) -> AnyAlert | None:
    try:
        return codec.decode_alert(record.value or b"")
    except ContractError:
        return None  # Compared with what should stand there, it differs.


def _place(group: Group) -> str:
    return group.records[0].place
