"""What an id may look like: of cameras, sites, zones, tracks, persons, commands, models.

Ids become parts of Redis keys and of track names, so the separators are not allowed in them. The agent asks
it of every message (`reid.domain.validate`), settings and commands of what an operator names: what can never
be decided is refused before it is sent.
"""

import re
from functools import lru_cache
from typing import Final

LONGEST: Final = 128
RULE: Final = f"1 to {LONGEST} characters, no space, colon or slash"
# Half a surrogate pair, as an argument that is no UTF-8 has, can't be sent at all.
_REFUSED: Final = r"\s:/\x00-\x1f\x7f\ud800-\udfff"
_NAME: Final = re.compile(rf"[^{_REFUSED}]{{1,{LONGEST}}}")
_GAP: Final = re.compile(rf"[{_REFUSED}]+")


@lru_cache(maxsize=4096)
def is_name(value: str) -> bool:
    """Whether ``value`` may be an id."""
    return _NAME.fullmatch(value) is not None


def told(what: str, value: str) -> str:
    """The complaint about an id that may not be: ``what`` it is of, and the rule."""
    return f"{what} {value[:40]!r}: {RULE}"


def alike(value: str, otherwise: str = "room1") -> str:
    """An id that may be, as near to ``value`` as can be; ``otherwise`` where nothing is left of it."""
    return _GAP.sub("-", value).strip("-")[:LONGEST] or otherwise


def with_remedy(what: str, value: str, otherwise: str = "room1") -> str:
    """`told`, with an id to give instead."""
    return f"{told(what, value)}; give it one such as {alike(value, otherwise)[:40]}"
