"""Which dead letters `saferoom dlq replay` sends."""

from deploy.dead_letters import REPLAY_OF, Letter, Replay
from deploy.dlq_replay import _chosen
from reid.contracts.cloudevents import Causation
from reid.contracts.topics import DETECTIONS


def letter(offset: int, of: int | None = None) -> Letter:
    headers = [] if of is None else [(REPLAY_OF, str(place(of)).encode())]
    return Letter(place(offset), "poison", "camera_id 'front door'", 0, b"global", b"{}", headers, 0)


def place(offset: int) -> Causation:
    return Causation(DETECTIONS.name, 0, offset)


def test_letters_that_cannot_be_decided_made_new_letters_for_ever() -> None:
    """Sent again, each came back from another place, as a letter that nobody had sent again yet."""
    first, back, new = letter(1), letter(7, of=1), letter(9)
    known = {place(1): Replay("done", 0, 7)}
    assert _chosen([first, back, new], (), known) == ([first, new], [back])
    # Who says which one means it.
    assert _chosen([first, back, new], [place(7)], known) == ([back], [])


def test_one_that_came_back_and_was_begun_by_name_is_ended() -> None:
    back = letter(7, of=1)
    assert _chosen([back], (), {place(7): Replay("intended", 0, 12)}) == ([back], [])
