"""Which partition a key belongs to: Kafka's murmur2, as Java clients, Faust and librdkafka's
``murmur2_random`` compute it. All producers must agree, for one partition has one writer.

Formula: MurmurHash2, 32 bit, Austin Appleby; seed 0x9747B28C and the sign bit masked away, as in
``org.apache.kafka.common.utils.Utils.murmur2`` and ``toPositive``.
"""

from functools import lru_cache
from typing import Final

_SEED: Final = 0x9747B28C
_MIX: Final = 0x5BD1E995
_WORD: Final = 0xFFFFFFFF
_POSITIVE: Final = 0x7FFFFFFF


def murmur2(key: bytes) -> int:
    """32-bit MurmurHash2 of the key, unsigned."""
    length = len(key)
    whole = length - length % 4
    hashed = _SEED ^ length
    for start in range(0, whole, 4):
        word = int.from_bytes(key[start : start + 4], "little") * _MIX & _WORD
        word = (word ^ word >> 24) * _MIX & _WORD
        hashed = hashed * _MIX & _WORD ^ word
    if whole < length:
        hashed = (hashed ^ int.from_bytes(key[whole:], "little")) * _MIX & _WORD
    hashed = (hashed ^ hashed >> 13) * _MIX & _WORD
    return hashed ^ hashed >> 15


@lru_cache(maxsize=4096)
def partition_of(key: bytes, partitions: int) -> int:
    """Number of the partition, from 0, that the key's records are on."""
    return (murmur2(key) & _POSITIVE) % partitions
