"""The dead letters of the inputs, by the place that each says it stood in."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Final, NamedTuple

from deploy.verify.findings import Check, Findings
from deploy.verify.records import Record


class Letter(NamedTuple):
    """``print_``: of key, value and the headers that it had before."""

    reason: str
    print_: bytes
    truncated: bool


Place = tuple[str, int, int]
#: Reasons that only deciding brings to light: the message itself is well formed.
GIVEN_UP: Final = ("poison", "undecidable")
#: A time in the message is off the record's by more than a setting of the agent's.
CLOCK: Final = "clock"


class Letters:
    """All letters, a few hundred bytes each. ``complete``: none was deleted by retention yet."""

    def __init__(self, records: Iterable[Record], findings: Findings, complete: bool = True) -> None:
        self._findings = findings
        self._complete = complete
        self._letters: dict[Place, list[Letter]] = {}
        self._matched: set[Place] = set()
        for record in records:
            self._keep(record)

    def reason(self, record: Record) -> str | None:
        """Why the agent gave this input up; None where it did not."""
        found = self._letters.get(_place(record))
        return found[0].reason if found else None

    def match(self, record: Record, why: str) -> None:
        """This input belongs to the dead letters: looks for exactly one, with its original bytes."""
        self._findings.look(Check.LETTERS)
        place = _place(record)
        self._matched.add(place)
        found = self._letters.get(place, [])
        if not found:
            if self._complete:
                self._findings.differ(Check.LETTERS, f"{record.place} is no dead letter, though: {why}")
            return
        if len(found) > 1:
            self._findings.differ(Check.LETTERS, f"{record.place} is {len(found)} times in the dead letters")
        letter = found[0]
        if not letter.truncated and letter.print_ != _print(record.key, record.value, record.headers):
            self._findings.differ(Check.LETTERS, f"dead letter of {record.place} is not what stood there")

    def finish(self, low: dict[tuple[str, int], int], upto: dict[tuple[str, int], int]) -> None:
        """All inputs from ``low`` below ``upto`` were looked at: no other letter may be left."""
        for place, letters in self._letters.items():
            first, end = low.get(place[:2], 0), upto.get(place[:2], 0)
            if place not in self._matched and first <= place[2] < end:
                text = "/".join(map(str, place))
                self._findings.differ(
                    Check.LETTERS, f"dead letter ({letters[0].reason}) of {text}, which can be decided"
                )

    def _keep(self, record: Record) -> None:
        own = [(name, value) for name, value in record.headers if not name.startswith("dlq_")]
        told = {name: value.decode(errors="replace") for name, value in record.headers if name[:4] == "dlq_"}
        try:
            place = told["dlq_topic"], int(told["dlq_partition"]), int(told["dlq_offset"])
        except (KeyError, ValueError):
            self._findings.differ(Check.LETTERS, f"{record.place} does not say where it stood")
            return
        letter = Letter(
            told.get("dlq_reason", ""), _print(record.key, record.value, own), "dlq_truncated" in told
        )
        self._letters.setdefault(place, []).append(letter)


def _place(record: Record) -> Place:
    return record.topic, record.partition, record.offset


def _print(key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> bytes:
    # An input that was a dead letter before, sent in again, has dlq_ headers of its own.
    own = [(name, text) for name, text in headers if not name.startswith("dlq_")]
    return sha256(repr((key, value, own)).encode()).digest()
