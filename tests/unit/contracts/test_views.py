"""What a camera shows of its live tracks."""

from reid.contracts.views import LiveTrack, person_labels


def track(tracker_id: str, person_id: str, last_seen: int) -> LiveTrack:
    return LiveTrack(
        tracker_id=tracker_id, person_id=person_id, label=f"Visitor-{person_id}", last_seen=last_seen
    )


def test_one_label_stood_twice_in_a_camera_while_a_broken_track_had_not_timed_out() -> None:
    broken, taken_over, other = track("1", "A", 1000), track("4", "A", 2000), track("2", "B", 1500)
    assert person_labels([taken_over, broken, other]) == {"4": "Visitor-A", "2": "Visitor-B"}


def test_latest_run_of_a_tracker_shows_its_ids() -> None:
    assert person_labels([track("1", "B", 2000), track("1", "A", 1000)]) == {"1": "Visitor-B"}
