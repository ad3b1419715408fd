"""What is said of a Kafka that is away, and what is not."""

import logging

import pytest
from confluent_kafka import KafkaError

from reid.runtime.outage import Outage

AWAY = KafkaError(KafkaError._ALL_BROKERS_DOWN)
NO_NAME = KafkaError(KafkaError._RESOLVE, "Failed to resolve 'kafka:9092'")


@pytest.fixture(autouse=True)
def _heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)


def test_a_name_that_no_longer_resolves_was_told_three_times_a_second(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As that of a container whose Kafka was stopped is."""
    outage = Outage()
    for _ in range(100):
        outage.on_error(NO_NAME)
        outage.on_error(AWAY)
    assert [record.message.partition(":")[0] for record in caplog.records] == ["Kafka", "Kafka is away"]


def test_a_second_outage_was_told_by_nobody(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage()
    for _ in range(2):
        outage.on_error(AWAY)
        outage.on_contact()
        outage.on_contact()
    told = [record.message.partition(":")[0] for record in caplog.records]
    assert told == ["Kafka is away", "Kafka is back"] * 2


def test_one_lost_connection_is_no_outage(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage()
    outage.on_error(KafkaError(KafkaError._TRANSPORT))
    outage.on_error(KafkaError(KafkaError._FENCED, "fenced", True))
    outage.on_contact()
    assert not caplog.records


def test_a_password_that_is_refused_is_told_with_the_setting_and_not_as_a_kafka_that_is_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outage = Outage()
    for _ in range(3):
        outage.on_error(KafkaError(KafkaError._AUTHENTICATION, "Invalid username or password"))
        outage.on_error(AWAY)
    (told,) = caplog.records
    assert told.levelno == logging.ERROR
    assert "SAFEROOM_KAFKA_PASSWORD" in told.message and "away" not in told.message
