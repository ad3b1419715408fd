"""The clocks of cameras, as `saferoom doctor` judges them."""

from deploy.clocks import judged
from reid.journeys.arrivals import HOUR, Arrival

NOW = 500_000 * HOUR + 1
HERE = NOW // HOUR


def settled(delay: int, hour: int = HERE) -> Arrival:
    return Arrival(hour, delay, delay)


def test_a_clock_that_is_off_is_told_with_the_remedy() -> None:
    check = judged({"room1": settled(120), "room2": settled(-3_880), "room3": settled(130)}, NOW)
    assert not check.ok
    assert check.detail == "room2: its clock seems 4.0 s ahead of the others" and "NTP" in check.remedy
    slow = judged({"a": settled(120), "b": settled(2_620), "c": settled(120)}, NOW)
    assert slow.detail == "b: its clock seems 2.5 s behind the others"


def test_clocks_that_agree_are_well() -> None:
    check = judged({"a": settled(120), "b": settled(420), "c": settled(120)}, NOW)
    assert check.ok and check.detail == "3 cameras agree within 0.3 s"


def test_who_came_with_the_backlog_of_the_start_is_not_called_slow() -> None:
    check = judged({"a": Arrival(HERE, 120), "b": Arrival(HERE, 9_000), "c": Arrival(HERE, 8_000)}, NOW)
    assert check.ok and check.detail.startswith("not known yet")
    ahead = judged({"a": Arrival(HERE, -5_000), "b": Arrival(HERE, 9_000), "c": Arrival(HERE, 100)}, NOW)
    assert not ahead.ok and ahead.detail.startswith("a: its clock seems 5.1 s ahead")


def test_a_camera_that_is_long_gone_tells_nothing() -> None:
    check = judged({"a": settled(120), "b": settled(130), "gone": settled(-9_000, HERE - 30)}, NOW)
    assert check.ok and check.detail.startswith("2 cameras")
    assert judged({}, NOW).ok
