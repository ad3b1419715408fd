"""Person ids and labels: deterministic functions of the input's time and the site's counters."""

from reid.domain.state import SiteState

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


def free_label(site: SiteState) -> str:
    """The next label that nobody has."""
    number = site.next_label
    while site.labelled(label(number)) is not None:
        number += 1
    return label(number)
