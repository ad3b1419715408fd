"""The alert agent's state as bytes, and back."""

import msgspec
import pytest

from reid.alerting.state import LAYOUT, AlertState, dump, load
from reid.errors import Malformed


def test_state_survives() -> None:
    state = AlertState()
    state.site("global")
    assert load(dump(state)) == state


@pytest.mark.parametrize(
    "raw", [b"", b"\xff", b"{}", msgspec.msgpack.encode({"layout": LAYOUT}), dump(AlertState())[:-1]]
)
def test_what_is_no_state_is_damaged(raw: bytes) -> None:
    with pytest.raises(Malformed, match="damaged"):
        load(raw)


@pytest.mark.parametrize(("layout", "age"), [(LAYOUT - 1, "an older"), (LAYOUT + 1, "a newer")])
def test_a_state_of_another_layout_is_told_as_such_and_not_as_a_missing_field(layout: int, age: str) -> None:
    """Another layout has other fields: that the first of them is missing hid what it was."""
    raw = msgspec.msgpack.encode({"layout": layout, "state": {"sites": {"global": {"people": [1]}}}})
    with pytest.raises(Malformed, match=f"^it is of {age} layout, {layout}; this version reads {LAYOUT}$"):
        load(raw)
