"""One token of each row: only what is allowed, as likely as it should be."""

import numpy as np
import pytest
import torch

from synth_engine.language.draws import draw, uniforms
from tests.tabular.helpers import seeded

N = 400
ODD = {
    "nan": [torch.nan],
    "minus infinity": [-torch.inf],
    "infinity": [torch.inf, 0.0],
    "all of it": [torch.nan, torch.inf, -torch.inf, 3e38, -3e38, 0.0],
}


def masks(is_allowed_BV) -> torch.Tensor:
    """Bits of a mask, as xgrammar has them."""
    padded = torch.nn.functional.pad(is_allowed_BV, (0, -is_allowed_BV.shape[1] % 32))
    return torch.from_numpy(np.packbits(padded.numpy(), axis=1, bitorder="little").view(np.int32))


def allowed_at_random(size: int, share: float, seed: int) -> torch.Tensor:
    is_allowed = torch.rand(N, size, generator=seeded(seed)) < share
    is_allowed[torch.arange(N), torch.randint(size, (N,), generator=seeded(seed + 1))] = True
    return is_allowed


def nucleus(probabilities, top_p: float):
    """Slow twin: of the most likely tokens as many as needed, and those that are as likely as the last of them."""
    ordered = sorted(probabilities, reverse=True)
    needed, total = 0, 0.0
    while total < top_p * sum(ordered) * (1 - 1e-6):
        total += ordered[needed]
        needed += 1
    return [p if p >= ordered[needed - 1] * (1 - 1e-5) else 0.0 for p in probabilities]


@pytest.mark.parametrize("size", [40, 64, 300, 1000])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.9])
@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (0.5, 1.0), (2.0, 0.7), (1.0, 0.3), (1e-3, 0.99)])
def test_what_is_drawn_is_where_the_number_lies_among_the_cumulated_probabilities(size, share, temperature, top_p):
    logits = torch.randn(N, size, generator=seeded(size)) * 2
    is_allowed = allowed_at_random(size, share, seed=7)
    numbers = torch.rand(N, generator=seeded(3), dtype=torch.float64)
    rows = torch.arange(N)
    drawn = draw(logits, rows, masks(is_allowed), numbers, temperature=temperature, top_p=top_p)
    exact = (logits.double() / temperature).masked_fill(~is_allowed, -torch.inf).softmax(1)
    for row in range(0, N, 8):
        kept = np.array(nucleus(exact[row].tolist(), top_p) if top_p < 1 else exact[row].tolist())
        cumulated = kept.cumsum() / kept.sum()
        token = int(drawn[row])
        assert kept[token] > 0
        assert cumulated[token] - kept[token] / kept.sum() - 1e-5 <= numbers[row] <= cumulated[token] + 1e-5


@pytest.mark.parametrize("values", ODD.values(), ids=ODD)
@pytest.mark.parametrize("share", [0.0, 0.03, 0.5, 1.0])
@pytest.mark.parametrize("temperature", [0.0, 1e-30, 0.7, 1.0, 1e30])
@pytest.mark.parametrize("top_p", [0.0, 0.5, 1.0])
def test_only_allowed_tokens_are_drawn_whatever_the_logits(values, share, temperature, top_p):
    size = 200
    logits = torch.tensor(values)[torch.randint(len(values), (N, size), generator=seeded(1))]
    is_allowed = allowed_at_random(size, share, seed=2)
    numbers = torch.linspace(0, 1, N, dtype=torch.float64).clamp(max=1 - 2**-53)
    drawn = draw(logits, torch.arange(N), masks(is_allowed), numbers, temperature=temperature, top_p=top_p)
    assert is_allowed[torch.arange(N), drawn].all()


@pytest.mark.parametrize("value", [torch.nan, -torch.inf])
def test_where_logits_tell_nothing_all_allowed_tokens_are_equally_likely(value):
    is_allowed = torch.zeros(N, 100, dtype=torch.bool)
    is_allowed[:, 20:60] = True
    numbers = (torch.arange(N, dtype=torch.float64) + 0.5) / N
    drawn = draw(torch.full((N, 100), value), torch.arange(N), masks(is_allowed), numbers)
    assert torch.bincount(drawn, minlength=100)[20:60].tolist() == [N // 40] * 40


def test_temperature_zero_takes_the_most_likely_and_the_first_of_them():
    logits = torch.tensor([[5.0, 1.0, 3.0, 3.0, 2.0]])
    is_allowed = torch.tensor([[False, True, True, True, True]])
    assert draw(logits, torch.tensor([0]), masks(is_allowed), torch.tensor([0.99]).double(), temperature=0).item() == 2


def test_rows_are_drawn_by_the_logits_that_belong_to_them():
    size = 90
    logits = torch.full((N, size), -50.0)
    logits[torch.arange(N), torch.arange(N) % size] = 50.0
    rows = torch.randperm(N, generator=seeded(4))[:50]
    is_allowed = torch.ones(50, size, dtype=torch.bool)
    is_allowed[::2, 50:] = False
    is_allowed[1::3] = False
    is_allowed[torch.arange(50), rows % size] = True
    drawn = draw(logits.bfloat16(), rows, masks(is_allowed), torch.rand(50, generator=seeded(5)).double())
    assert drawn.tolist() == (rows % size).tolist()


def test_numbers_are_those_of_splitmix64():
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]  # for the seed 1234567
    found = uniforms(np.full(3, 1234567, dtype=np.uint64), np.arange(3))
    assert found.tolist() == [(z >> 11) * 2.0**-53 for z in published]
