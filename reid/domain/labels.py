"""Person ids and labels: deterministic functions of the input's time and the site's counters."""

MAX_LABEL = 64
"""Characters that a label may have."""


def person_id(at: int, number: int) -> str:
    """``person_{ms}_{n}``: time of the detection in milliseconds, running number of the site."""
    return f"person_{at}_{number}"


def label(number: int) -> str:
    """0 -> ``Visitor-A``, 25 -> ``Visitor-Z``, 26 -> ``Visitor-AA``: bijective base 26."""
    letters = ""
    rest = number + 1
    while rest > 0:
        rest, digit = divmod(rest - 1, 26)
        letters = chr(ord("A") + digit) + letters
    return f"Visitor-{letters}"
