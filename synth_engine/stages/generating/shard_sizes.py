"""How much is drawn at a time: what bounds the memory of generation. Part of what a seed means."""

from synth_engine.stages.lengths import SequenceLengths

# Another size gives other rows.
SHARD_ROWS = 65_536
# Of records that are written token by token: what an interrupted run loses, and another worker can take.
SHARD_RECORDS = 8_192
# Sequences are drawn event by event, all subjects of a shard at once: the more of them, the faster.
_TYPICAL, _LARGEST = 16, 64


def subjects_per_shard(lengths: SequenceLengths) -> int:
    """Number of subjects whose events are drawn at a time.

    Guarantees: no more than `SHARD_ROWS`; with 16 times as many events, if all had the median of them; with 64 times as
    many at most, unless a single subject has more, or more are given.

    >>> [
    ...     subjects_per_shard(SequenceLengths(min=0, max=most, median=median))
    ...     for median, most in ((5, 23), (10, 10_000))
    ... ]
    [65536, 419]
    >>> subjects_per_shard(SequenceLengths(min=10**7, max=10**7, median=10**7))
    1
    """
    typical = _TYPICAL * SHARD_ROWS // max(lengths.median, 1)
    return max(1, min(SHARD_ROWS, typical, _LARGEST * SHARD_ROWS // max(lengths.max, 1)))
