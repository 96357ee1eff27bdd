"""Poisson sampling: the distribution that the accountant assumes, and nothing that gives away who is there."""

import math

import pytest
import torch

from synth_engine.training import Randomness
from synth_engine.training.poisson import PoissonRows

CPU = torch.device("cpu")
# Seeds are fixed: a statistical test passes always or never. Each allows for five standard deviations, which would be
# exceeded with a probability below 1e-6.
DEVIATIONS = 5


def make(n: int = 200, rate: float = 0.1, parts: int = 1, seed: int = 0) -> PoissonRows:
    return PoissonRows(n, rate, max(1, round(n * rate)), parts, Randomness.of_seed(seed), CPU)


def members(sampler: PoissonRows, n_steps: int) -> torch.Tensor:
    """Whether a record is in a step: (steps, records)."""
    found = torch.zeros(n_steps, sampler.n_records)
    for step in range(n_steps):
        for rows in sampler.batches(step):
            found[step, rows] += 1
    return found


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.9])
def test_each_record_is_drawn_with_its_probability(rate):
    found = members(make(rate=rate), 2000)
    deviation = math.sqrt(rate * (1 - rate) / 2000)
    assert set(found.unique().tolist()) <= {0.0, 1.0}
    assert ((found.mean(0) - rate).abs() < DEVIATIONS * deviation).all()


def test_records_and_steps_are_independent():
    """Sizes of batches are binomial, and neither neighbours nor steps in a row go together."""
    found = members(make(), 4000)
    sizes = found.sum(1)
    variance = 200 * 0.1 * 0.9
    assert abs(sizes.var().item() / variance - 1) < DEVIATIONS * math.sqrt(2 / 4000)
    centred = found - 0.1
    for one, other in ((centred[:, 1:], centred[:, :-1]), (centred[1:], centred[:-1])):
        correlation = (one * other).mean() / (0.1 * 0.9)
        assert abs(correlation.item()) < DEVIATIONS / math.sqrt(one.numel())


def test_a_record_more_moves_no_other_one():
    one, more = make(200, parts=3), make(201, parts=3)
    for step in range(50):
        for rows, with_it in zip(one.batches(step), more.batches(step), strict=True):
            assert torch.equal(rows, with_it[with_it < 200])


def test_micro_batches_are_equally_likely():
    sampler = make(2000, 0.5, parts=4)
    sizes = torch.tensor([[len(rows) for rows in sampler.batches(step)] for step in range(50)]).double()
    expected = 2000 * 0.5 / 4
    assert (sizes.mean(0) - expected).abs().max() < DEVIATIONS * math.sqrt(expected / 50)


def test_a_step_repeats_and_others_differ():
    def drawn(seed: int, step: int) -> list[int]:
        return torch.cat(make(seed=seed, parts=2).batches(step)).tolist()

    assert drawn(0, 3) == drawn(0, 3)
    assert drawn(0, 3) != drawn(0, 4)
    assert drawn(0, 3) != drawn(1, 3)


def test_public_figures_do_not_depend_on_the_number_of_records():
    one, other = (PoissonRows(n, 0.25, 50, 2, Randomness.of_seed(0), CPU) for n in (0, 1000))
    assert (one.steps_per_epoch, one.records_per_step) == (other.steps_per_epoch, other.records_per_step) == (4, 50)
    assert len(one.batches(0)) == len(other.batches(0)) == 2


@pytest.mark.parametrize("n", [0, 1, 7])
def test_a_rate_of_one_takes_everybody_and_no_records_are_none(n):
    rows = torch.cat(make(n, 1.0, parts=3).batches(0))
    assert sorted(rows.tolist()) == list(range(n))
    assert rows.dtype == torch.long
