"""Dropout from random bytes.

Tests on chance fail for a correct implementation with a probability of at most `ERROR_PROBABILITY` per case and seed.
"""

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from synth_engine.nn import dropout, random_bytes

ERROR_PROBABILITY = 1e-4
N = 400_000


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise_for(values: Tensor, seed: int) -> Tensor:
    return random_bytes(values.shape, seeded(seed))


def dropped(rate: float, seed: int) -> np.ndarray:
    values = torch.ones(N)
    return (dropout(values, rate, noise_for(values, seed)) == 0).numpy()


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("threshold", [1, 13, 26, 128, 200, 255])
def test_drops_at_its_rate_at_every_place_of_a_word(threshold, seed):
    zeros = dropped(threshold / 256, seed).reshape(-1, 8).sum(axis=0)
    p_values = [stats.binomtest(int(count), N // 8, threshold / 256).pvalue for count in zeros]
    assert min(p_values) > ERROR_PROBABILITY / 8


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("distance", [1, 4, 8])
def test_values_are_dropped_independently(distance, seed):
    zeros = dropped(0.25, seed)
    pairs = np.histogram2d(zeros[:-distance], zeros[distance:], bins=2)[0]
    assert stats.chi2_contingency(pairs).pvalue > ERROR_PROBABILITY


@pytest.mark.parametrize("rate", [0.002, 0.1, 0.5, 0.99])
def test_what_is_kept_is_scaled_to_the_same_expectation(rate):
    values = torch.randn(1000, generator=seeded(0))
    threshold = round(rate * 256)
    after = dropout(values, rate, noise_for(values, 1))
    kept = after != 0
    torch.testing.assert_close(after[kept], values[kept] * (256 / (256 - threshold)))


def test_gradient_passes_where_values_pass():
    values = torch.ones(1000, requires_grad=True)
    after = dropout(values, 0.5, noise_for(values, 0))
    after.sum().backward()
    assert torch.equal(values.grad, after.detach())


def test_follows_its_generator():
    values = torch.ones(100)
    one, same, other = (dropout(values, 0.5, noise_for(values, seed)) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(("rate", "noise"), [(0.5, None), (0.0, torch.zeros(7)), (0.001, torch.zeros(7))])
def test_does_nothing_without_noise_or_rate(rate, noise):
    values = torch.randn(7)
    assert dropout(values, rate, noise) is values


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("shape", [(), (1,), (7,), (8,), (9,), (3, 5, 7), (0,), (2, 0, 3)])
def test_any_shape_and_type(shape, dtype):
    values = torch.ones(shape, dtype=dtype)
    after = dropout(values, 0.5, noise_for(values, 0))
    assert after.shape == shape
    assert after.dtype == dtype
    assert set(after.flatten().tolist()) <= {0.0, 2.0}


def test_a_transposed_tensor_is_dropped_by_its_own_places():
    values = torch.arange(1.0, 13.0).view(3, 4)
    noise = noise_for(values.t(), 0)
    assert torch.equal(dropout(values.t(), 0.5, noise), dropout(values.t().contiguous(), 0.5, noise))
