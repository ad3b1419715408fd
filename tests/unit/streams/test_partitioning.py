"""Key -> partition, the same for Java, Faust (aiokafka) and our own code; librdkafka: integration tests."""

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from reid.contracts.partitioning import murmur2, partition_of

#: From Kafka's own UtilsTest.testMurmur2, as signed 32-bit numbers.
JAVA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("key", "expected"), JAVA.items())
def test_the_hash_is_javas(key: bytes, expected: int):
    assert murmur2(key) == expected % 2**32


@given(key=st.binary(max_size=64), partitions=st.integers(1, 64))
def test_faust_sends_a_key_to_the_same_partition(key: bytes, partitions: int):
    everywhere = list(range(partitions))
    assert DefaultPartitioner()(key, everywhere, everywhere) == partition_of(key, partitions)
