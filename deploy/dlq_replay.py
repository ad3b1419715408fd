"""Sending dead letters again, each once, whatever fails and however often it is asked for.

1. *Fence*: one transactional id for all; a run that another one overtook can write nothing any more.
2. *Intend*: the replays topic gets, for each letter, from which offset on its replay would be found.
3. *Send*: the original bytes, key and headers, with ``dlq_replay_of``, and "done", in one transaction.

The agent reads its inputs uncommitted, so a record of a transaction that failed half way counts as sent.
Therefore an intent without "done" is looked up in the topic before anything is sent; "done" is all that is
left to write when it is there.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from confluent_kafka import KafkaException, Producer

from deploy import log
from deploy.dead_letters import REPLAY_OF, Letter, Replay, letters, replays
from reid.contracts.cloudevents import Causation
from reid.contracts.partitioning import partition_of
from reid.contracts.topics import EVENTS, REPLAYS
from reid.errors import ConfigError, Unavailable
from reid.runtime.kafka import transactional_producer

_TRANSACTIONAL_ID: Final = "saferoom-dlq-replay"
_TIMEOUT_S: Final = 20.0
_encoder: Final = msgspec.json.Encoder()


class Outcome(NamedTuple):
    """``sent``: now; ``before``: by an earlier run, so not again. ``returned``: left out, for each is itself
    one that was sent again, and could not be decided then either."""

    sent: list[Letter]
    before: list[Letter]
    returned: list[Letter]


def replay(bootstrap: str, topic: str | None = None, places: Sequence[Causation] = ()) -> Outcome:
    """Sends the letters at these places, or all of a topic, or all of every input topic, but for those that
    came back: each run would make a new letter of each.

    Raises `ConfigError` for what can't be sent again, before anything is sent; `Unavailable`.
    """
    producer = transactional_producer(bootstrap, _TRANSACTIONAL_ID, error_cb=lambda _: None)
    try:
        producer.init_transactions(_TIMEOUT_S)
        known = replays(bootstrap)
        chosen, returned = _chosen(letters(bootstrap, topic), places, known)
        open_ = [letter for letter in chosen if not _is(known, letter, "done")]
        _check(open_)
        new = [letter for letter in open_ if letter.place not in known]
        intents = _intents(bootstrap, new)
        _write(producer, intents)
        there = _already_there(bootstrap, {p: known[p] for p in (x.place for x in open_) if p in known})
        sent = [letter for letter in open_ if letter.place not in there]
        done = {
            letter.place: msgspec.structs.replace((known | intents)[letter.place], state="done")
            for letter in open_
        }
        _write(producer, done, sent)
    except KafkaException as error:
        raise Unavailable(
            f"replay stopped: {error.args[0].str()}. Ask again: nothing is sent twice"
        ) from error
    return Outcome(sent, [letter for letter in chosen if letter not in sent], returned)


def _is(known: dict[Causation, Replay], letter: Letter, state: str) -> bool:
    return letter.place in known and known[letter.place].state == state


def _chosen(
    found: list[Letter], places: Sequence[Causation], known: dict[Causation, Replay]
) -> tuple[list[Letter], list[Letter]]:
    """Those to send, and those that came back and are not."""
    if not places:
        inputs = [letter for letter in found if letter.place.topic != EVENTS.name]
        # One whose place has an entry was begun by name: it is ended, or told as sent before.
        returned = [x for x in inputs if x.replay_of is not None and x.place not in known]
        return [letter for letter in inputs if letter not in returned], returned
    by_place = {letter.place: letter for letter in found}
    missing = [str(place) for place in places if place not in by_place]
    if missing:
        raise ConfigError(f"no dead letter of {', '.join(missing)}: see `saferoom dlq list`")
    return [by_place[place] for place in dict.fromkeys(places)], []


def _check(chosen: Iterable[Letter]) -> None:
    for letter in chosen:
        if letter.place.topic == EVENTS.name:
            raise ConfigError(
                f"{letter.place} is an event, not an input: mend the projector, then `saferoom rebuild`"
            )
        if letter.cut:
            raise ConfigError(
                f"the letter of {letter.place} lacks its end ({letter.cut} bytes were too many): "
                "send the original again, in smaller messages"
            )


def _home(letter: Letter, counts: dict[str, int]) -> int:
    """Where its key belongs, as its producer's partitioner saw it; without a key, where it stood."""
    return (
        letter.place.partition if letter.key is None else partition_of(letter.key, counts[letter.place.topic])
    )


def _intents(bootstrap: str, new: Sequence[Letter]) -> dict[Causation, Replay]:
    consumer = log.log_reader(bootstrap, **{"isolation.level": "read_uncommitted"})
    try:
        ends = {
            t: {p: high for p, (_, high) in log.spans(consumer, t).items()}
            for t in {x.place.topic for x in new}
        }
    finally:
        consumer.close()
    counts = {topic: len(found) for topic, found in ends.items()}
    homes = {letter.place: _home(letter, counts) for letter in new}
    return {place: Replay("intended", home, ends[place.topic][home]) for place, home in homes.items()}


def _already_there(bootstrap: str, intents: dict[Causation, Replay]) -> set[Causation]:
    """Which of them an earlier run sent before it died."""
    found: set[Causation] = set()
    for topic in {place.topic for place in intents}:
        starts: dict[int, int] = {}
        for place, intent in intents.items():
            if place.topic == topic:
                starts[intent.partition] = min(intent.offset, starts.get(intent.partition, intent.offset))
        for message in log.read(bootstrap, topic, starts, **{"isolation.level": "read_uncommitted"}):
            of = log.headers_of(message).get(REPLAY_OF)
            found |= {place for place in intents if str(place) == of}
    return found


def _write(producer: Producer, entries: dict[Causation, Replay], sent: Sequence[Letter] = ()) -> None:
    """One transaction: the letters, and the entries."""
    if not entries:
        return
    producer.begin_transaction()
    for letter in sent:
        own = [pair for pair in letter.headers if pair[0] != REPLAY_OF]
        headers: Any = [*own, (REPLAY_OF, str(letter.place).encode())]
        value: Any = letter.value
        partition = entries[letter.place].partition
        _produce(producer, letter.place.topic, value, letter.key, partition, headers, letter.at)
    for place, entry in entries.items():
        _produce(producer, REPLAYS.name, _encoder.encode(entry), str(place).encode(), 0)
    producer.flush(_TIMEOUT_S)
    producer.commit_transaction(_TIMEOUT_S)


def _produce(
    producer: Producer, topic: str, value: Any, key: Any, partition: int, headers: Any = None, at: int = 0
) -> None:
    """``at``: the original's timestamp. With today's, its times would look like those of a wrong clock."""
    while True:
        try:
            producer.produce(topic, value, key, partition, headers=headers, timestamp=at)
            return
        except BufferError:
            producer.poll(0.1)
