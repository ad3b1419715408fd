"""Durations in buckets: counts of whole numbers that add and subtract exactly, quantiles within 1 %.

As an HDR histogram: exact below 128 ms, then 64 buckets for each doubling.
"""

from collections.abc import Mapping
from typing import Final

_BITS: Final = 6
_EXACT: Final = 2 << _BITS


def bucket_of(ms: int) -> int:
    """Milliseconds, 0 or more -> bucket."""
    if ms < _EXACT:
        return ms
    shift = ms.bit_length() - _BITS - 1
    return (shift << _BITS) + (ms >> shift)


def middle_of(bucket: int) -> int:
    """The middle of the bucket, milliseconds."""
    if bucket < _EXACT:
        return bucket
    shift = (bucket >> _BITS) - 1
    low = (bucket - (shift << _BITS)) << shift
    return low + (1 << shift >> 1)


def quantile(counts: Mapping[int, int], percent: int) -> int:
    """Smallest duration (ms) that at least ``percent`` of them do not pass (nearest rank). ``counts``: by
    bucket, not all zero."""
    total = sum(counts.values())
    rank = max(1, -(-total * percent // 100))
    for bucket in sorted(counts):
        rank -= counts[bucket]
        if rank <= 0:
            return middle_of(bucket)
    raise ValueError("quantile of nothing")
