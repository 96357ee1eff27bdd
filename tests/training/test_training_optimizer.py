"""AdamW through the functional interface, against the class of PyTorch."""

import pytest
import torch
from torch import nn

from synth_engine.training.optimizer import BETAS, EPSILON, AdamW


def parameters(seed: int) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(seed)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in [(3, 2), (5,), ()]]


def set_gradients(of: list[nn.Parameter], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in of:
        parameter.grad = torch.randn(parameter.shape, generator=generator)


@pytest.mark.parametrize("weight_decay", [0.0, 1.0])
def test_equals_the_class(weight_decay):
    ours, theirs = parameters(0), parameters(0)
    optimizer = AdamW(ours)
    twin = torch.optim.AdamW(theirs, lr=0.1, betas=BETAS, eps=EPSILON, weight_decay=weight_decay)
    for seed, rate in enumerate([0.1, 0.01, 0.02]):
        twin.param_groups[0]["lr"] = rate
        for each in (ours, theirs):
            set_gradients(each, seed)
        optimizer.step(rate, weight_decay)
        twin.step()
    torch.testing.assert_close(ours, theirs)


def test_without_a_gradient_nothing_moves_and_no_step_counts():
    ours = parameters(0)
    optimizer = AdamW(ours)
    set_gradients(ours[:1], 0)
    optimizer.step(0.1, 1.0)
    assert [int(steps) for steps in optimizer.steps] == [1, 0, 0]
    torch.testing.assert_close(ours[1:], parameters(0)[1:], rtol=0, atol=0)


def test_gradients_are_forgotten():
    ours = parameters(0)
    set_gradients(ours, 0)
    AdamW(ours).step(0.1, 0.0)
    assert all(parameter.grad is None for parameter in ours)
