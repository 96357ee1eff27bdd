"""Even numbers: shards drawn apart have one share of the same equally spaced numbers each."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_engine.stages.generating.even_numbers import even_numbers


def of_shards(total: int, size: int, seed: int = 0) -> list[np.ndarray]:
    return [
        even_numbers(start, min(size, total - start), total, np.random.default_rng(seed + start))
        for start in range(0, total, size)
    ]


@given(st.integers(1, 3_000), st.integers(1, 700), st.integers(0, 100))
def test_every_number_occurs_once_however_rows_are_divided(total, size, seed):
    found = np.sort(np.concatenate(of_shards(total, size, seed)))
    assert np.allclose(found, (np.arange(total) + 0.5) / total)


@given(st.integers(1, 3_000), st.integers(0, 1_000))
def test_as_many_are_below_a_share_as_it_says(total, thousandths):
    share = thousandths / 1_000
    below = (np.concatenate(of_shards(total, 100)) < share).sum()
    assert abs(below - total * share) <= 0.5 + 1e-9


@pytest.mark.parametrize("total", [10_007, 65_536 * 3 + 17, 10_000_000, 2**31 + 11, 10**12])
@pytest.mark.parametrize("start", [0, 5_000])
def test_a_shard_has_nearly_its_part(total, start):
    numbers = even_numbers(start, 5_000, total, np.random.default_rng(0))
    assert ((numbers > 0) & (numbers < 1)).all()
    assert len(np.unique(numbers)) == 5_000
    for share in (0.01, 0.3, 0.75):
        assert abs((numbers < share).sum() - 5_000 * share) < 10


def test_order_is_random_and_no_rows_have_no_numbers():
    one, other = (even_numbers(0, 100, 100, np.random.default_rng(seed)) for seed in (0, 1))
    assert not np.array_equal(one, other)
    assert even_numbers(0, 0, 0, np.random.default_rng(0)).shape == (0,)
