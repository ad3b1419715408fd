"""How much of one kind is tried: a little while somebody works, all of it in ``make test``."""

from collections.abc import Sequence
from typing import Final, TypeVar

import hypothesis

#: ``make test`` asks for it.
THOROUGH: Final = hypothesis.settings.get_current_profile_name() == "thorough"

T = TypeVar("T")


def some(of: Sequence[T], few: int = 1) -> Sequence[T]:
    """The first ``few`` of them, or all."""
    return of if THOROUGH else of[:few]
