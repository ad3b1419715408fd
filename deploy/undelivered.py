"""Alerts that a receiver did not take: which, why, and sending them again.

A letter is named by its own place, ``reid.alerts.undelivered.v1/partition/offset``. What was sent again is
noted in the replays topic after the receiver took it: it may come twice after a crash between the two, under
the same id, as every alert may.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from confluent_kafka import KafkaError, Message, Producer

from deploy import log
from deploy.dead_letters import Replay, replays
from reid.contracts.alerts import AnyAlert
from reid.contracts.cloudevents import Causation
from reid.contracts.codec import decode_alert
from reid.contracts.topics import REPLAYS, UNDELIVERED
from reid.errors import ConfigError, Unavailable
from reid.runtime.alerts.receivers import Receiver
from reid.runtime.kafka import producer
from streams.delivery.carrier import Sender
from streams.delivery.message import outgoing

_TIMEOUT_S: Final = 20.0


class Undelivered(NamedTuple):
    """``place``: of the letter. ``id``: of the alert event, the same in every attempt. ``at``: when it was
    given up, ms since the epoch; ``sent``: somebody sent it again since."""

    place: Causation
    receiver: str
    id: str
    alert: AnyAlert
    error: str
    at: int
    sent: bool


class Resent(NamedTuple):
    """``failed``: with why the receiver did not take it this time either; after its first failure a
    receiver is not asked again."""

    sent: list[Undelivered]
    failed: list[tuple[Undelivered, str]]


def undelivered(bootstrap: str, receiver: str | None = None) -> list[Undelivered]:
    """All that are kept, oldest first; of one receiver, or of all. Raises `ContractError`, `Unavailable`."""
    done = replays(bootstrap)
    found = [_letter(message, done) for message in log.read_all(bootstrap, UNDELIVERED.name)]
    return [letter for letter in found if receiver in (None, letter.receiver)]


def resend(
    bootstrap: str,
    receivers: Sequence[Receiver],
    open_sender: Callable[[Receiver], Sender],
    receiver: str | None = None,
    places: Sequence[Causation] = (),
) -> Resent:
    """Sends what was not sent again yet, in order, once each. ``places``: only these, even if sent before.

    Raises `ConfigError` for an unknown place or receiver, before anything is sent; `Unavailable`.
    """
    chosen = _chosen(undelivered(bootstrap, receiver), places)
    by_name = {known.name: known for known in receivers}
    if receiver is not None and receiver not in by_name:
        raise ConfigError(f"the file has no receiver {receiver}: it has {', '.join(by_name) or 'none'}")
    gone = sorted({letter.receiver for letter in chosen} - by_name.keys())
    if gone:
        raise ConfigError(
            f"the file has no receiver {', '.join(gone)} any more: name another by --receiver, "
            "or add it to the file again"
        )
    resent, senders = Resent([], []), dict[str, Sender]()
    notes = producer(bootstrap, error_cb=lambda _: None)
    refused: dict[str, str] = {}
    try:
        for letter in chosen:
            name = letter.receiver
            if name not in senders:
                senders[name] = open_sender(by_name[name])
            if name not in refused:
                refused |= _attempt(senders[name], letter)
            if name in refused:
                resent.failed.append((letter, refused[name]))
            else:
                _note(notes, letter)
                resent.sent.append(letter)
    finally:
        for sender in senders.values():
            sender.close()
    return resent


def _attempt(sender: Sender, letter: Undelivered) -> dict[str, str]:
    """Receiver -> why it did not take it; empty: it did."""
    message = outgoing(letter.id, letter.alert)
    assert message is not None  # Only what receivers are told was ever given up.
    try:
        sender.send(message)
    except Unavailable as error:
        return {letter.receiver: str(error)}
    return {}


def _chosen(found: list[Undelivered], places: Sequence[Causation]) -> list[Undelivered]:
    if not places:
        return [letter for letter in found if not letter.sent]
    by_place = {letter.place: letter for letter in found}
    missing = [str(place) for place in places if place not in by_place]
    if missing:
        raise ConfigError(f"nothing undelivered at {', '.join(missing)}: see `saferoom alerts undelivered`")
    return [by_place[place] for place in dict.fromkeys(places)]


def _note(notes: Producer, letter: Undelivered) -> None:
    """That it was sent. Raises `Unavailable`: the receiver has it, and may get it once more."""
    failed: list[KafkaError] = []
    notes.produce(
        REPLAYS.name,
        msgspec.json.encode(Replay("done", letter.place.partition, letter.place.offset)),
        str(letter.place).encode(),
        on_delivery=lambda error, _: failed.append(error) if error is not None else None,
    )
    if notes.flush(_TIMEOUT_S) or failed:
        raise Unavailable(f"{letter.receiver} has {letter.place}, but Kafka does not take the note of it")


def _letter(message: Message, done: dict[Causation, Any]) -> Undelivered:
    told = log.headers_of(message)
    place = Causation(message.topic() or "", message.partition() or 0, message.offset() or 0)
    value: Any = message.value()
    return Undelivered(
        place,
        told.get("dlq_receiver", "?"),
        told.get("ce_id", ""),
        decode_alert(value or b""),
        told.get("dlq_error", ""),
        message.timestamp()[1],
        place in done,
    )
