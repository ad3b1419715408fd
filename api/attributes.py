"""Filters by what people look like, of lists and of searches: ``upper:red,blue lower:dark bag:yes``."""

import re
from typing import Final

from fastapi import HTTPException

from api.views import Views
from reid.contracts.attributes import ATTRIBUTES, GROUPS

#: Each name with the values of which one must hold.
Looks = tuple[tuple[str, frozenset[str]], ...]

MOST_TERMS: Final = 20
_EXAMPLE: Final = "upper:red,blue lower:dark bag:yes"
_TERM: Final = re.compile(r'([\w-]{1,40}):("[^"]{1,80}"|[^\s",:]{1,80}(?:,[^\s",:]{1,80})*)(?:[\s,]+|$)')
_VALUE: Final = "[a-z]{1,20}"
_SOME: Final = f'({"|".join(ATTRIBUTES)}):({_VALUE}(,{_VALUE}){{0,2}}|"{_VALUE} {_VALUE}")'
#: For the description: texts that are surely understood (others may be too).
SOME_TERMS: Final = f"^{_SOME}( {_SOME}){{0,3}}$"
TERMS: Final = f"^({_SOME}( {_SOME}){{0,3}})?$"


class BadFilter(ValueError):
    """What is wrong with a text of filters, for whoever wrote it."""


def parsed(text: str) -> Looks:
    """All terms must hold, and of each one of its values; a value with a space stands in quotes, and between
    terms a comma may stand for a space. Raises `BadFilter`."""
    found: list[tuple[str, frozenset[str]]] = []
    rest = text.strip()
    while rest:
        term = _TERM.match(rest)
        if term is None:
            said = rest.split()[0][:40]
            raise BadFilter(f"attributes: {said!r} is not name:value, such as {_EXAMPLE}")
        name, values = term[1].lower(), term[2].strip('"').lower().split(",")
        if name not in ATTRIBUTES:
            known = ", ".join(ATTRIBUTES)
            raise BadFilter(f"attributes: {name!r} is none of {known}; write for instance {_EXAMPLE}")
        found.append((name, frozenset().union(*(GROUPS.get(v.strip(), (v.strip(),)) for v in values))))
        rest = rest[term.end() :]
    if len(found) > MOST_TERMS:
        raise BadFilter(f"attributes: {len(found)} terms; at most {MOST_TERMS}")
    return tuple(found)


def looks_of(text: str) -> Looks:
    """As `parsed`. Raises `HTTPException` 422, naming what is wrong; an empty text is."""
    try:
        found = parsed(text)
    except BadFilter as error:
        raise HTTPException(422, str(error)) from error
    if not found:
        raise HTTPException(422, f"attributes is empty: write for instance {_EXAMPLE}")
    return found


async def matching(views: Views, looks: Looks) -> set[str]:
    """Ids of the persons who fulfil all. Raises `Unavailable`."""
    found: set[str] | None = None
    for attribute, values in looks:
        these = await views.looking(attribute, values)
        found = these if found is None else found & these
    return found or set()
