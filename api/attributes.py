"""Filters by what people look like: ``upper:red lower:dark``."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from fastapi import HTTPException

from api.views import Views
from reid.contracts.attributes import ATTRIBUTES, GROUPS

_EXAMPLE: Final = "upper:red lower:dark"
_ONE: Final = rf"({'|'.join(ATTRIBUTES)}):[a-z]+"
#: What the description says of such a text.
PATTERN: Final = rf"^{_ONE}([ ,]+{_ONE})*$"


class Wanted(NamedTuple):
    """``attribute`` is one of ``values``."""

    attribute: str
    values: tuple[str, ...]


def parse(text: str) -> list[Wanted]:
    """Conditions that all must hold. Raises `HTTPException` 422, naming what is wrong."""
    wanted = []
    for part in text.replace(",", " ").lower().split():
        attribute, colon, value = part.partition(":")
        if not colon or not value or attribute not in ATTRIBUTES:
            known = ", ".join(ATTRIBUTES)
            raise HTTPException(422, f"{part!r} is no filter: write {_EXAMPLE!r}; attributes are {known}")
        wanted.append(Wanted(attribute, GROUPS.get(value, (value,))))
    if not wanted:
        raise HTTPException(422, f"attributes is empty: write {_EXAMPLE!r}")
    return wanted


async def matching(views: Views, wanted: Sequence[Wanted]) -> set[str]:
    """Ids of the persons who fulfil all. Raises `Unavailable`."""
    found: set[str] | None = None
    for attribute, values in wanted:
        these = await views.looking(attribute, values)
        found = these if found is None else found & these
    return found or set()


def fulfils(attributes: dict[str, str], wanted: Sequence[Wanted]) -> bool:
    """Whether somebody who looks like that fulfils all."""
    return all(attributes.get(attribute) in values for attribute, values in wanted)
