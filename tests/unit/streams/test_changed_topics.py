"""What a worker is told of topics that change under it."""

import logging
import threading

import pytest

from reid.errors import ConfigError, Unavailable
from reid.runtime.admin import Identity
from streams.changed_topics import ChangedTopics

WAS = {"a": Identity("1", 4), "b": Identity("2", 4)}


def test_one_that_is_gone_for_a_while_and_comes_back_is_no_change() -> None:
    looks = ChangedTopics(dict)
    for found in (WAS, {"a": WAS["a"]}, {}, WAS):
        looks.compare(found)


def test_one_made_anew_ends_the_looks_and_kafka_that_is_away_does_not() -> None:
    anew = WAS | {"b": Identity("3", 4)}
    found = iter([WAS, None, WAS, anew])
    told: list[ConfigError] = []

    def look() -> dict[str, Identity]:
        now = next(found)
        if now is None:
            raise Unavailable("away")
        return now

    ChangedTopics(look).run(threading.Event(), told.append, every_s=0.0)
    assert "topic b was deleted and made anew" in str(told[0])


def test_added_partitions_were_seen_by_the_doctor_alone(caplog: pytest.LogCaptureFixture) -> None:
    looks = ChangedTopics(dict)
    for partitions in (4, 8, 8):
        looks.compare({"a": Identity("1", partitions)})
    (told,) = caplog.records
    assert told.levelno == logging.ERROR and "has 8 partitions and had 4" in told.message
