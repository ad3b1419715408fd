"""Decides the inputs of one partition anew, in the order that its log tells, and compares.

The order: an event names its input (``ce_causation``) and how far the other input topics were decided then
(``ce_decided``). An input without events is in no causation; it changed nothing, so its place among its
like does not matter, but it lies before the first event that says so and behind all events before. Decided
there, it must again cause nothing.

Two states: ``decided`` comes from deciding, ``folded`` from the log alone. They are equal at the end; and
where the log differs from the decisions, ``folded`` is where deciding goes on.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from deploy.verify.commands import Commands
from deploy.verify.findings import Check, Findings
from deploy.verify.groups import Group, Groups
from deploy.verify.inputs import Inputs, Message, read, skew_ms
from deploy.verify.letters import CLOCK, GIVEN_UP, Letters
from deploy.verify.records import Record
from deploy.verify.registry import Registry
from reid.contracts.cloudevents import headers_of
from reid.contracts.codec import decode_event, encode
from reid.contracts.detections import Detections, Frame
from reid.contracts.events import AnyEvent, PolicyAdopted
from reid.contracts.policy import RULE
from reid.contracts.zones import ZoneReport, split_zone
from reid.domain.evolve import evolve
from reid.domain.policy import Policies
from reid.domain.present import track_of
from reid.domain.snapshot import digest, dump, load
from reid.domain.state import PartitionState
from reid.domain.step import step
from reid.errors import ContractError, PoisonInput

#: Differences after which a partition is not decided further: the rest would only follow from them.
_MOST: Final = 50


class _GaveUp(Exception):
    """This partition can't be followed any more; why is among the findings."""


class PartitionCheck:
    """``upto``: next offset of each input topic that was not decided when the verification began."""

    def __init__(
        self,
        partition: int,
        partitions: int,
        inputs: Mapping[str, Inputs],
        upto: Mapping[str, int],
        letters: Letters,
        findings: Findings,
        max_skew_ms: int,
    ) -> None:
        self._max_skew_ms = max_skew_ms
        self._partition, self._partitions = partition, partitions
        self._inputs, self._upto = inputs, upto
        self._letters, self._findings = letters, findings
        self._commands, self._registry = Commands(findings), Registry(findings)
        self._policies = Policies()
        self._decided, self._folded = PartitionState(), PartitionState()
        self._resumed = 0
        self.later: list[Group] = []
        """Groups whose input was not decided yet when the verification began: not looked at."""
        self.frames = self.records = self.events = 0
        self.unordered = self.taken_over = self.given_up = self.clocks_off = 0
        self.earlier = 0

    @property
    def zones(self) -> bool:
        """Whether a site of this partition is a zone of another, or has zones."""
        return any(split_zone(name)[1] or site.zones.upto for name, site in self._folded.sites.items())

    def run(self, log: Iterable[Record]) -> None:
        try:
            for group in Groups(self._partition, self._findings).groups(log):
                self._take(group)
            for topic, inputs in self._inputs.items():
                self._quiet(inputs, self._upto[topic])
        except _GaveUp as error:
            self._findings.differ(
                Check.DECISIONS, f"partition {self._partition} is not followed further: {error}"
            )
            return
        self._findings.look(Check.FOLD)
        if digest(self._decided) != digest(self._folded):
            self._findings.differ(Check.FOLD, f"partition {self._partition}: the two states differ")
        self._commands.finish(all_asked=all(inputs.low == 0 for inputs in self._inputs.values()))
        self._registry.finish(self._folded)

    def _take(self, group: Group) -> None:
        topic, _, offset = group.causation
        adopted = list(_adoptions(group))
        if topic not in self._inputs:
            self._findings.differ(Check.CAUSATION, f"{group.causation} is no input; {_first(group)}")
        elif offset >= self._upto[topic]:
            self.later.append(group)
        elif offset < self._inputs[topic].low or self._before_the_rest(group):
            self._take_over(group, adopted)
        elif offset < self._inputs[topic].next:
            self._findings.differ(
                Check.CAUSATION,
                f"{_first(group)} says that {group.causation} was decided then, events before say earlier",
            )
        elif self._by_an_earlier_rule(group, adopted):
            self.earlier += 1
            self._take_over(group, adopted)
        else:
            self._compare(group, adopted)

    def _by_an_earlier_rule(self, group: Group, adopted: Sequence[PolicyAdopted]) -> bool:
        if adopted:
            return adopted[0].policy.rule != RULE
        return self._earlier((group.records[0].key or b"").decode(errors="replace"))

    def _earlier(self, site_id: str) -> bool:
        """Whether the rule in force there is of an earlier form."""
        policy = self._policies.sites.get(site_id)
        return policy is not None and policy.rule != RULE

    def _before_the_rest(self, group: Group) -> bool:
        """Decided while inputs that retention has deleted since were still to be decided."""
        return any(offset < self._inputs[t].low for t, offset in group.decided.items() if t in self._inputs)

    def _take_over(self, group: Group, adopted: Iterable[PolicyAdopted]) -> None:
        """The input, or some that were decided between, is past its retention, or it was decided by a rule
        that this program does not have any more: the log is believed."""
        self.taken_over += 1
        self._catch_up(group, believe=True)
        record = self._inputs[group.causation.topic].at(group.causation.offset)
        if record is not None:
            self._ask(record)
        self._adopt(adopted)
        self._fold(group)
        for entry in group.records:
            evolve(self._decided, _decoded(entry))

    def _compare(self, group: Group, adopted: Iterable[PolicyAdopted]) -> None:
        self._catch_up(group)
        record = self._inputs[group.causation.topic].at(group.causation.offset)
        self._adopt(adopted)
        events = self._decide(record) if record is not None else []
        if record is None:
            self._findings.differ(Check.CAUSATION, f"{group.causation} is no input; {_first(group)}")
        decided = group.decided | {group.causation.topic: group.causation.offset}
        made = [(encode(e), headers_of(e, group.causation, n, decided)) for n, e in enumerate(events)]
        found = [(entry.value, entry.headers) for entry in group.records]
        key_differs = any(
            entry.key != event.site_id.encode() for entry, event in zip(group.records, events, strict=False)
        )
        self._fold(group)
        if made != found or key_differs:
            self._explain(group, events, [h for _, h in made], [v for v, _ in made])
            self._resume(f"{_first(group)}")

    def _explain(
        self,
        group: Group,
        events: list[AnyEvent],
        headers: list[list[tuple[str, bytes]]],
        values: list[bytes],
    ) -> None:
        """Which event of the group is lost, foreign, or other than it should be."""
        expected = {dict(h)["ce_id"]: (v, h) for v, h in zip(values, headers, strict=True)}
        seen: set[bytes] = set()
        for entry in group.records:
            id_ = dict(entry.headers)["ce_id"]
            if id_ not in expected:
                self._differ(f"{entry.place} is an event that {group.causation} does not cause")
            elif id_ in seen:
                self._differ(f"{entry.place} is there a second time")
            elif (entry.value, entry.headers) != expected[id_]:
                what = "value" if entry.value != expected[id_][0] else "headers"
                self._differ(
                    f"{entry.place}: the {what} of {id_.decode()} is not what {group.causation} causes"
                )
            elif entry.key != events[0].site_id.encode():
                self._differ(f"{entry.place}: its key is not its site")
            seen.add(id_)
        for id_ in expected.keys() - seen:
            self._differ(f"event {id_.decode()} of {group.causation} is not in the log")

    def _catch_up(self, group: Group, believe: bool = False) -> None:
        """Decides the inputs without events that were decided before this group."""
        if not group.decided and len(self._inputs) > 1:
            self.unordered += 1
        upto = {**group.decided, group.causation.topic: group.causation.offset}
        for topic, offset in upto.items():
            if topic not in self._inputs:
                continue
            inputs = self._inputs[topic]
            if offset < inputs.low:
                continue
            if offset < inputs.next:
                self._findings.differ(
                    Check.CAUSATION, f"{_first(group)}: {topic} at {offset}, but at {inputs.next} before"
                )
            elif believe:
                for record in inputs.below(offset):
                    self._ask(record)
            else:
                self._quiet(inputs, offset)

    def _quiet(self, inputs: Inputs, upto: int) -> None:
        """Inputs of which the log holds no events: they must cause none."""
        for record in inputs.below(upto):
            events = self._decide(record)
            if events:
                self._differ(
                    f"{len(events)} events of {record.place} are not in the log, "
                    f"the first a {type(events[0]).__name__}"
                )
                self._resume(record.place)

    def _ask(self, record: Record) -> Message | None:
        """What the input is; None for one that belongs to the dead letters."""
        self.records += 1
        try:
            message = read(record, self._partitions)
        except (ContractError, PoisonInput) as error:
            self._letters.match(record, str(error))
            return None
        reason = self._letters.reason(record)
        if reason in GIVEN_UP:
            self.given_up += 1
            self._letters.match(record, reason or "")
            return None
        if skew_ms(record, message) > self._max_skew_ms:
            # How much is too much is a setting of the agent's, and may have been another one then.
            if reason == CLOCK:
                self._letters.match(record, "clock off")
                return None
            self.clocks_off += 1
        if not isinstance(message, Detections | ZoneReport):
            self._commands.asked(message, record.place)
        return message

    def _decide(self, record: Record) -> list[AnyEvent]:
        """Frame by frame, so that each frame's outcome can be looked at."""
        self._findings.look(Check.DECISIONS)
        message = self._ask(record)
        if message is None or self._earlier(message.site_id):
            return []
        if not isinstance(message, Detections) or not message.frames:
            return self._step(record, message)
        events: list[AnyEvent] = []
        for frame in message.frames:
            events += self._step(record, msgspec.structs.replace(message, frames=(frame,)))
            self._look_at(frame, message.site_id, record)
        return events

    def _step(self, record: Record, message: Message) -> list[AnyEvent]:
        try:
            return step(self._decided, message, self._policies)
        except Exception as error:
            text = f"{record.place} can't be decided ({type(error).__name__}: {error}) and is no dead letter"
            self._differ(text)
            raise _GaveUp(text) from error

    def _look_at(self, frame: Frame, site_id: str, record: Record) -> None:
        self.frames += 1
        self._findings.look(Check.FRAMES)
        bound = self._decided.site(site_id).camera(frame.camera_id).bound
        here: dict[str, str] = {}
        for track in (track_of(frame, person) for person in frame.persons):
            if track in bound:
                who = bound[track].person_id
                other = here.setdefault(who, track.tracker_id)
                if other != track.tracker_id:
                    what = f"{who} is two tracks of {frame.camera_id}: {other}, {track.tracker_id}"
                    self._findings.differ(Check.FRAMES, f"{record.place}: {what}")

    def _adopt(self, adopted: Iterable[PolicyAdopted]) -> None:
        """The rule is data of the log. An event that can't be read fails in the fold."""
        for event in adopted:
            self._policies.sites[event.site_id] = event.policy

    def _fold(self, group: Group) -> None:
        for entry in group.records:
            self.events += 1
            try:
                event = _decoded(entry)
                evolve(self._folded, event)
            except (ContractError, LookupError, ValueError, TypeError, AttributeError) as error:
                text = f"{entry.place} can't be folded: {type(error).__name__}: {error}"
                self._differ(text)
                raise _GaveUp(text) from error
            self._registry.see(event, entry.place)
            command_id = getattr(event, "command_id", None)
            if command_id is not None:
                self._commands.answered(event.site_id, command_id, str(group.causation))

    def _resume(self, place: str) -> None:
        self._resumed += 1
        if self._resumed > _MOST:
            raise _GaveUp(f"{_MOST} differences up to {place}")
        self._decided = load(dump(self._folded))

    def _differ(self, what: str) -> None:
        self._findings.differ(Check.DECISIONS, what)


def _decoded(entry: Record) -> AnyEvent:
    """Raises `ContractError`."""
    return decode_event(entry.value or b"")


def _adoptions(group: Group) -> Iterator[PolicyAdopted]:
    """Those that can be read."""
    for entry in group.records:
        if b'"reid.policy.adopted.' in (entry.value or b""):
            with suppress(ContractError):
                event = _decoded(entry)
                if isinstance(event, PolicyAdopted):
                    yield event


def _first(group: Group) -> str:
    return group.records[0].place
