"""Which persons a search is about: time, cameras, and what they wear or carry."""

import re
from dataclasses import dataclass
from typing import Final

#: What may stand for several values of an attribute.
GROUPS: Final[dict[str, frozenset[str]]] = {
    "dark": frozenset(
        ("dark", "black", "navy", "brown", "maroon", "dark blue", "dark green", "dark red", "dark grey")
    ),
    "light": frozenset(
        ("light", "white", "beige", "cream", "yellow", "pink", "light blue", "light green", "light grey")
    ),
    "grey": frozenset(("grey", "gray", "dark grey", "light grey")),
}
MOST_TERMS: Final = 20
_TERM: Final = re.compile(r'([A-Za-z0-9_-]{1,40}):("[^"]{1,80}"|[^\s"]{1,80})(?:\s+|$)')
_VALUE: Final = "[A-Za-z0-9_-]{1,20}"
_SOME: Final = f'[A-Za-z0-9_-]{{1,20}}:({_VALUE}(,{_VALUE}){{0,2}}|"{_VALUE} {_VALUE}")'
#: For a description of the API: texts that are surely understood (others may be too).
SOME_TERMS: Final = f"^{_SOME}( {_SOME}){{0,3}}$"
TERMS: Final = f"^({_SOME}( {_SOME}){{0,3}})?$"


class BadFilter(ValueError):
    """What is wrong with a text of filters, for whoever wrote it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """``since``, ``until``: ms since the epoch; somebody first seen before ``until`` and last seen from
    ``since`` on passes here (`api.search.sightings` looks closer). ``cameras``: ever seen by any of them.
    ``attributes``: each name with the values of which one must hold. ``persons``: these alone; None:
    whoever."""

    since: int | None = None
    until: int | None = None
    cameras: tuple[str, ...] = ()
    attributes: tuple[tuple[str, frozenset[str]], ...] = ()
    persons: frozenset[str] | None = None


def parsed(text: str) -> tuple[tuple[str, frozenset[str]], ...]:
    """``upper:red,blue lower:dark bag:yes``: all terms must hold, and of each one of its values; a value with
    a space stands in quotes. Raises `BadFilter`."""
    found: list[tuple[str, frozenset[str]]] = []
    rest = text.strip()
    while rest:
        term = _TERM.match(rest)
        if term is None:
            said = rest.split()[0][:40]
            raise BadFilter(f"attributes: {said!r} is not name:value, such as upper:red lower:dark bag:yes")
        values = [value.strip().lower() for value in term[2].strip('"').split(",")]
        if not all(values):
            raise BadFilter(f"attributes: {term[1]}:{term[2]} has an empty value")
        allowed = frozenset().union(*(GROUPS.get(value, frozenset((value,))) for value in values))
        found.append((term[1].lower(), allowed))
        rest = rest[term.end() :]
    if len(found) > MOST_TERMS:
        raise BadFilter(f"attributes: {len(found)} terms; at most {MOST_TERMS}")
    return tuple(found)
