"""The average of weights against its formula."""

import pytest
import torch
from torch import nn

from synth_engine.training import WeightAverage
from tests.training.helpers import seeded


def make_module(seed: int) -> nn.Module:
    module = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 2)).double()
    shake(module, seed)
    return module


def shake(module: nn.Module, seed: int) -> None:
    for parameter in module.parameters():
        parameter.data.normal_(generator=seeded(seed))


def flat(module: nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten().clone() for parameter in module.parameters()])


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.998])
def test_equals_the_formula(decay):
    module = make_module(0)
    average, slow = WeightAverage(module, decay), flat(module)
    for n in range(1, 40):
        shake(module, n)
        average.update()
        past = min(decay, (n + 1) / (n + 10))
        slow = past * slow + (1 - past) * flat(module)
        torch.testing.assert_close(flat(average.module), slow)


def test_begins_with_the_weights_as_they_are():
    module = make_module(0)
    assert torch.equal(flat(WeightAverage(module, 0.9).module), flat(module))


def test_weights_that_stand_still_are_their_own_average():
    module = make_module(0)
    average = WeightAverage(module, 0.998)
    for _ in range(100):
        average.update()
    torch.testing.assert_close(flat(average.module), flat(module))


def test_what_is_not_trained_is_not_averaged():
    module = make_module(0)
    module[0].requires_grad_(False)
    average, before = WeightAverage(module, 0.9), flat(module[0])
    shake(module, 1)
    average.update()
    assert torch.equal(flat(average.module[0]), before)
    assert not torch.equal(flat(average.module[2]), flat(module[2]))


def test_is_apart_from_what_is_trained():
    module = make_module(0)
    average = WeightAverage(module, 0.9)
    before = flat(average.module)
    shake(module, 1)
    assert torch.equal(flat(average.module), before)
    assert not any(parameter.requires_grad for parameter in average.module.parameters())
    assert not average.module.training
    assert module.training
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_the_random_start_is_soon_forgotten():
    """After 100 updates towards zero, with a decay that alone would leave 0.998^100 = 0.82 of it."""
    module = make_module(0)
    average = WeightAverage(module, 0.998)
    start = flat(module)
    for parameter in module.parameters():
        parameter.data.zero_()
    for _ in range(100):
        average.update()
    assert (flat(average.module) / start).abs().max() < 1e-6
