"""The words for what people look like."""

from typing import Final

#: Those that are decided on and found by. ``upper``, ``lower``: one of `COLOURS`; ``pattern``: plain,
#: striped, patterned; ``height``: short, medium, tall; ``bag``: yes, no.
ATTRIBUTES: Final = ("upper", "lower", "pattern", "height", "bag")
#: Eleven basic colour terms (Berlin and Kay, 1969), and two that clothes need.
COLOURS: Final = (
    "black", "white", "grey", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown",
    "beige", "navy",
)  # fmt: skip
_GREY: Final = ("grey", "gray", "dark grey", "light grey")
#: What somebody who looks for a colour may mean by a word; those that are no `COLOURS` are other detectors'.
GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "dark": ("black", "navy", "brown", "dark", "maroon", "dark blue", "dark green", "dark red", "dark grey"),
    "light": (
        "white", "beige", "yellow", "pink", "light", "cream", "light blue", "light green", "light grey",
    ),
    "blue": ("blue", "navy", "dark blue", "light blue"),
    "grey": _GREY,
    "gray": _GREY,
}  # fmt: skip
