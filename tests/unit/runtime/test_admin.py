from dataclasses import replace

from reid.contracts.topics import ALL_TOPICS, DETECTIONS
from reid.runtime.admin import TopicState, differences, wanted_config, wanted_partitions


def existing(partitions: int) -> dict[str, TopicState]:
    return {
        topic.name: TopicState(topic.name, wanted_partitions(topic, partitions), wanted_config(topic))
        for topic in ALL_TOPICS
    }


def test_partitions_that_were_added_to_one_topic_sent_the_operator_round_in_a_circle() -> None:
    """Of the one with 8 it said to set 8, and then of the others to set 4."""
    added = existing(4)
    added[DETECTIONS.name] = replace(added[DETECTIONS.name], partitions=8)
    for setting, wrong in ((4, 1), (8, 5)):
        told = differences(ALL_TOPICS, added, setting)
        assert len(told) == wrong
        assert all("no setting mends that" in line and "SAFEROOM_PARTITIONS" not in line for line in told)
    assert DETECTIONS.name in differences(ALL_TOPICS, added, 4)[0]


def test_a_number_that_all_topics_have_is_the_setting() -> None:
    assert not differences(ALL_TOPICS, existing(4), 4)
    told = differences(ALL_TOPICS, existing(4), 8)
    assert all("set SAFEROOM_PARTITIONS=4, or use another cluster" in line for line in told) and len(told) > 3
    assert not differences(ALL_TOPICS, {}, 4)
