"""A template that shows somebody else draws others to its person: it is taken out alone.

The gallery watches itself: whenever somebody is recognised, their templates are weighed against each other.
One that clearly does not fit the rest, while all the rest fit each other, is out of place. Where two of them
are, nobody can tell who is who, and nothing is done.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from msgspec import structs

from reid.contracts.events import PersonState, Template
from reid.domain.person import Person
from reid.domain.scoring import Side, deviations, odds, together
from reid.domain.similarity import Calibration
from reid.domain.state import SiteState

#: With fewer templates of an encoder there is no majority that could be right.
ENOUGH: Final = 4


class Misfit(NamedTuple):
    """``slot``: of the person's templates; ``odds``: that it is of the person, by the others."""

    slot: int
    odds: float


def misfit(
    site: SiteState, person: Person, model: str, margin: float, knots: Calibration, crowd: int
) -> Misfit | None:
    """The one template of ``model`` that disagrees with all others, None when none or more than one does.

    ``crowd``: how many persons may be mistaken for each other.
    """
    looks = [(slot, look) for slot, look in enumerate(person.templates) if look.model == model]
    if len(looks) < ENOUGH:
        return None
    each = [look for _, look in looks]
    above = deviations(site, each, [Side(each, {person.number}, crowd)], knots).tolist()
    places = range(len(looks))
    weighed = [(_fit(site, model, above, place, places, crowd), looks[place][0], place) for place in places]
    suspects = [one for one in weighed if one[0] < -margin]
    if not suspects:
        return None
    least, slot, worst = min(suspects)
    rest = [place for place in places if place != worst]
    agreed = all(_fit(site, model, above, place, rest, crowd) >= -margin for place in rest)
    return Misfit(slot, least) if agreed else None


def _fit(
    site: SiteState,
    model: str,
    above: Sequence[Sequence[float]],
    place: int,
    places: Iterable[int],
    crowd: int,
) -> float:
    """Log odds that one look is of the person, by those at the other ``places``."""
    return odds(site, model, together(above[place][other] for other in places if other != place), crowd)


def without(site: SiteState, person_id: str, gone: Template) -> None:
    """Takes the template also from what the person was made of: undoing a merge must not bring it back."""
    for absorbed_id, merge in list(site.merges.items()):
        if merge.survivor_id != person_id:
            continue
        site.merges[absorbed_id] = replace(
            merge, survivor=_less(merge.survivor, gone), absorbed=_less(merge.absorbed, gone)
        )
        without(site, absorbed_id, gone)


def _less(state: PersonState, gone: Template) -> PersonState:
    """The last one stays: without a look nobody could be restored."""
    kept = tuple(t for t in state.templates if t != gone)
    return structs.replace(state, templates=kept) if kept else state
