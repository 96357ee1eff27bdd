"""Draws by inversion: exact, and never a code of probability zero."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from synth_engine.tabular.sampler import draw

ERROR_PROBABILITY = 1e-4
JUST_BELOW_ONE = math.nextafter(1, 0)

weights = st.just(0.0) | st.floats(2.0**-126, 1, width=32) | st.sampled_from([2.0**-149, 2.0**-24, 1 / 3, 0.5, 1.0])
distributions = st.lists(weights, min_size=1, max_size=12).filter(any)
uniforms = st.floats(0, 1, exclude_max=True) | st.sampled_from([0.0, 5e-324, JUST_BELOW_ONE, 0.5, 2.0**-53])


def slow_draw(probabilities: list[float], uniform: float) -> int:
    """The first possible code at which the cumulated probability reaches the uniform number's share of the whole."""
    total, possible = 0.0, [code for code, p in enumerate(probabilities) if p > 0]
    reached = []
    for code in possible:
        total += probabilities[code]
        reached.append(total)
    return next(
        (code for code, height in zip(possible, reached, strict=True) if height >= uniform * total), possible[-1]
    )


def as_row(probabilities: list[float], dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.tensor([probabilities], dtype=dtype)


@given(distributions, uniforms)
def test_equals_its_slow_twin(probabilities, uniform):
    found = draw(as_row(probabilities), torch.tensor([uniform], dtype=torch.float64))
    assert found.tolist() == [slow_draw(as_row(probabilities)[0].tolist(), uniform)]


@given(distributions, uniforms)
def test_single_precision_is_off_by_a_few_roundings(probabilities, uniform):
    row = as_row(probabilities, torch.float32)
    found = int(draw(row, torch.tensor([uniform], dtype=torch.float64)))
    reached = [0.0, *(row[0].double().cumsum(0) / row[0].double().sum()).tolist()]
    assert reached[found] - 1e-6 <= uniform <= reached[found + 1] + 1e-6


@given(distributions, st.lists(uniforms, min_size=1, max_size=5), st.sampled_from([torch.float32, torch.float64]))
def test_never_draws_what_is_impossible(probabilities, drawn, dtype):
    rows = as_row(probabilities, dtype).expand(len(drawn), -1)
    codes = draw(rows, torch.tensor(drawn, dtype=torch.float64))
    assert all(probabilities[code] > 0 for code in codes.tolist())


@given(distributions, st.integers(1, 400))
def test_even_uniforms_give_even_counts(probabilities, n):
    """An exact law of inversion: with ``n`` evenly spaced numbers every count is within 1 of its expectation."""
    even = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    row = as_row(probabilities)
    counts = torch.bincount(draw(row.expand(n, -1), even), minlength=len(probabilities))
    wanted = n * row[0].double() / row[0].double().sum()
    assert ((counts - wanted).abs() <= 1 + 1e-6).all()


@given(st.lists(distributions, min_size=1, max_size=6), st.integers(0, 9))
def test_rows_do_not_influence_each_other(many, seed):
    width = max(map(len, many))
    rows = torch.tensor([row + [0.0] * (width - len(row)) for row in many])
    numbers = torch.rand(len(many), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    alone = [draw(row[None], number[None]).item() for row, number in zip(rows, numbers, strict=True)]
    assert draw(rows, numbers).tolist() == alone


def test_scale_of_the_probabilities_does_not_matter():
    row = torch.tensor([[0.2, 0.0, 0.5, 0.3]])
    even = (torch.arange(50, dtype=torch.float64) + 0.5) / 50
    codes = [draw(scale * row.expand(50, -1), even).tolist() for scale in (1, 2.0**-40, 2.0**40)]
    assert codes[0] == codes[1] == codes[2]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_frequencies_match_probabilities(seed):
    """Fails for a correct draw with a probability of `ERROR_PROBABILITY` per seed."""
    generator = torch.Generator().manual_seed(seed)
    row = torch.rand(1, 20, generator=generator).square()
    numbers = torch.rand(50_000, dtype=torch.float64, generator=generator)
    counts = torch.bincount(draw(row.expand(50_000, -1), numbers), minlength=20)
    assert (
        stats.chisquare(counts.numpy(), (50_000 * row[0].double() / row.double().sum()).numpy()).pvalue
        > ERROR_PROBABILITY
    )
