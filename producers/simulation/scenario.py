"""What is unusual on a simulated site: somebody who loiters, somebody in a forbidden room, another jacket.

Nobody by default: then the site is what it always was. Everything is a function of the site's seed.
"""

import dataclasses
from dataclasses import dataclass
from typing import Final

from producers.simulation.wardrobe import Wardrobe
from reid.errors import ConfigError

#: Seconds unseen before and after a jacket is changed.
UNSEEN_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """Persons by their number on the site, from 0; None: nobody.

    ``loiterer`` stays in the room where it begins. ``intruder`` comes from outside, once a chapter, into the
    site's last room, which nobody else enters. ``changer`` wears something else from its first moment out of
    sight after ``changes_after`` seconds. What time of day it is, the site's clock says (``start_ms``).
    """

    loiterer: int | None = None
    intruder: int | None = None
    changer: int | None = None
    changes_after: float = 45.0

    def cast(self) -> dict[str, int]:
        """Part -> who plays it."""
        parts = {name: getattr(self, name) for name in ("loiterer", "intruder", "changer")}
        return {name: person for name, person in parts.items() if person is not None}

    def check(self, people: int, family: int = 0) -> None:
        """``family``: so many, from person 0 on, walk together, and nobody else does; 0: some walk in pairs.

        Raises `ConfigError` for a person that the site does not have, or who has two parts."""
        known = self.cast()
        for name, person in known.items():
            if not 0 <= person < people:
                raise ConfigError(f"{name} {person + 1} of a simulated site: it has people 1 to {people}")
            in_pair = person % 5 == 4 or (person % 5 == 3 and person + 1 < people)
            if person < family or (not family and in_pair):
                raise ConfigError(f"{name} {person + 1} walks with somebody: choose another person")
        if len(set(known.values())) < len(known):
            raise ConfigError("one person of a simulated site has two parts: give each part to another")


#: Nothing unusual.
NOBODY: Final = Scenario()
#: The unusual cast of the demo and the tests; with `UNUSUAL_FAMILY` of the others a family.
UNUSUAL: Final = Scenario(loiterer=5, intruder=6, changer=10)
UNUSUAL_FAMILY: Final = 3


def other_jacket(worn: Wardrobe, others: tuple[Wardrobe, ...]) -> Wardrobe:
    """The same person in another upper garment: of the site's colours the one least like its own."""

    def unlike(colour: tuple[float, float, float]) -> float:
        return sum((a - b) ** 2 for a, b in zip(colour, worn.upper, strict=True))

    upper = max((other.upper for other in others), key=unlike)
    pattern = "plain" if worn.pattern == "jacket" else "jacket"
    return dataclasses.replace(
        worn, upper=upper, accent=worn.upper, pattern=pattern, sleeve=1.0, hem=0.98, seed=worn.seed + 1
    )
