"""A logarithm and a curve that come out the same to the bit on every machine.

`math.log` and `math.exp` may differ in the last bit from one C library to the next, which would now and
then make two machines decide differently. These use only operations that IEEE 754 rounds correctly.
"""

import math
from typing import Final

_LN2: Final = 0.6931471805599453


def logarithm(value: float) -> float:
    """Natural logarithm, linear between powers of two: within 0.06 of the true one. ``value`` > 0."""
    mantissa, exponent = math.frexp(value)
    return _LN2 * (exponent - 1 + (2 * mantissa - 1))


def share(odds: float, middle: float, reach: float) -> float:
    """Log odds -> 0 to 1, rising: ``middle`` at 0, half of what is left at ``reach``; rounded to 1e-6."""
    if odds >= 0:
        return round(1 - (1 - middle) * reach / (reach + odds), 6)
    return round(middle * reach / (reach - odds), 6)
