"""The two forms of an embedding.

*Wire*: little-endian IEEE half floats, base64 in JSON: any consumer can read it.
*Fixed point*: a unit vector as int16, ``x * 32767`` rounded. Decisions use only this form, because an
integer dot product is exact in any order of summation, while a float GEMM's last bits change with the
batch shape, the thread count and the CPU.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reid.errors import PoisonInput

FixedVector = NDArray[np.int16]
"""``(d,) int16``: a unit vector times `SCALE`."""
FloatVector = NDArray[np.float32]

SCALE: Final = 32767
#: Multiples of 2**-48 below this have no more than 53 bits.
_EXACT_BELOW: Final = 32.0
#: More than rounding moves a value of a unit vector in fixed point, of up to 1,000,000 values.
_ROUNDING: Final = 1e-5
#: Of a half float's bits, all but the sign; and what they are in an infinity.
_SIZE: Final = np.uint16(0x7FFF)
_INFINITE: Final = 0x7C00


def encode_wire(vector: NDArray[np.floating]) -> bytes:
    """``(d,) float`` -> ``2 d`` bytes of little-endian float16."""
    return np.asarray(vector, dtype="<f2").tobytes()


def decode_wire(raw: bytes, dim: int) -> NDArray[np.float16]:
    """Bytes of a message -> ``(dim,) float16``.

    Raises `PoisonInput` for a wrong length, NaN or infinity, or a vector of zeros.
    """
    if len(raw) != 2 * dim:
        raise PoisonInput(f"embedding has {len(raw) // 2} values where its model declares {dim}")
    vector = np.frombuffer(raw, dtype="<f2")
    if not np.isfinite(vector).all():
        raise PoisonInput("embedding holds NaN or infinite values")
    if not vector.any():
        raise PoisonInput("embedding is all zeros: it has no direction to compare")
    return vector


def trusted_wire(raw: bytes) -> NDArray[np.float16]:
    """As `decode_wire`, of an embedding that was checked before."""
    return np.frombuffer(raw, dtype="<f2")


def are_sound(raws: Sequence[bytes], dim: int) -> bool:
    """Whether `decode_wire` takes them all, one at least. A look at many costs little more than at one."""
    if any(len(raw) != 2 * dim for raw in raws):
        return False
    sizes = np.frombuffer(b"".join(raws), dtype="<u2").reshape(len(raws), dim) & _SIZE
    # Half floats without their signs are in the order of their bits, what is no number above all others.
    largest = np.maximum.reduce(sizes, axis=1)
    return bool(largest.min() > 0 and largest.max() < _INFINITE)


def to_fixed(vector: NDArray[np.float16]) -> FixedVector:
    """``(d,) float16``, not all zero -> unit vector in fixed point, the same bits on every machine.

    A half float is a whole multiple of 2**-24. Of a vector about as long as a unit, all sums of squares
    are multiples of 2**-48 below 32, which float64 takes exactly in any order; of a longer one the sum is
    taken in integers. Square root and division are correctly rounded by IEEE 754.
    """
    values = vector.astype(np.float64)
    square = float(values @ values)
    if square < _EXACT_BELOW:
        values *= SCALE / math.sqrt(square)
        return np.rint(values, out=values).astype(np.int16)
    return _unit(values * 2.0**24)


def normalise_fixed(vector: NDArray[np.float64]) -> FixedVector:
    """``(d,) float64`` of any length, values within 1e6 -> unit vector in fixed point.

    The values are first rounded to 2**-20, so that the sum of squares is exact and the result the same
    on every machine. Raises `PoisonInput` when nothing is left.
    """
    whole = vector * 2.0**20
    np.rint(whole, out=whole)
    square = float(whole @ whole)
    if square == 0.0:
        raise PoisonInput("a mean of embeddings is all zeros: it has no direction to compare")
    # The sum is off by rounding, and every value by less than `_ROUNDING`: where none is as near to the
    # middle between two whole numbers, the exact sum gives the same.
    scaled = whole * (SCALE / math.sqrt(square))
    found = np.rint(scaled)
    np.subtract(scaled, found, out=scaled)
    if max(np.maximum.reduce(scaled), -np.minimum.reduce(scaled)) < 0.5 - _ROUNDING:
        return found.astype(np.int16)
    return _unit(whole)


def _unit(whole: NDArray[np.float64]) -> FixedVector:
    """``(d,)`` whole numbers below 2**40, not all zero -> fixed-point unit vector of their direction."""
    # Split in halves: the squares of 40-bit numbers have more than 53 bits, those of 20-bit halves do not.
    high = np.floor(whole * 2.0**-20)
    low = whole - high * 2.0**20
    square = (int(high @ high) << 40) + (int(high @ low) << 21) + int(low @ low)
    return np.rint(whole * (SCALE / math.sqrt(square))).astype(np.int16)


def fixed_to_bytes(vector: FixedVector) -> bytes:
    """Fixed point as an event carries it: little-endian int16."""
    return vector.astype("<i2", copy=False).tobytes()


def fixed_from_bytes(raw: bytes) -> FixedVector:
    """Inverse of `fixed_to_bytes`; the result is read-only."""
    return np.frombuffer(raw, dtype="<i2")


def stacked(raws: Sequence[bytes]) -> NDArray[np.int16]:
    """``(n, d)`` of as many vectors as `fixed_from_bytes` reads, one at least; read-only.

    Raises ``ValueError`` when they are not of one length.
    """
    size = len(raws[0])
    if any(len(raw) != size for raw in raws):
        raise ValueError(f"vectors of different lengths: {sorted({len(raw) // 2 for raw in raws})}")
    return np.frombuffer(b"".join(raws), dtype="<i2").reshape(len(raws), size // 2)


def cosine(a: FixedVector, b: FixedVector) -> float:
    """Exact cosine of two fixed-point unit vectors, rounded to 1e-6."""
    return rounded(int(np.dot(a.astype(np.int64), b.astype(np.int64))))


def rounded(dot: int) -> float:
    """The product of two fixed-point unit vectors -> their cosine, rounded to 1e-6."""
    return round(dot / (SCALE * SCALE), 6)
