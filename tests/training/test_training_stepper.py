"""One optimiser step against AdamW written out by hand; accumulation; what decays and what does not."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from synth_engine.tabular.sizes import Sizes
from synth_engine.tabular.task import TabularTask
from synth_engine.training import PlainStepper, Randomness
from synth_engine.training.steppers import is_bias
from tests.tabular.helpers import MIXED, make_network, random_codes
from tests.training.helpers import seeded

BETA1, BETA2, EPSILON = 0.9, 0.99, 1e-8
INPUTS = torch.randn(60, 4, generator=seeded(0), dtype=torch.float64)
TARGETS = INPUTS.sum(1).sin()


class Toy(nn.Module):
    """A regression with one parameter of each kind."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(4, generator=seeded(seed), dtype=torch.float64))
        self.weight = nn.Parameter(torch.randn(4, generator=seeded(seed + 1), dtype=torch.float64))
        self.bias = nn.Parameter(torch.ones((), dtype=torch.float64))

    def forward(self, inputs: Tensor) -> Tensor:
        return (inputs * self.embedding).tanh() @ self.weight + self.bias


def losses(network: nn.Module, rows: Tensor, scale: float = 1.0) -> Tensor:
    return scale * (network(INPUTS[rows]) - TARGETS[rows]).square()


class WithoutChance:
    """Losses by a function of network and rows."""

    def __init__(self, function: Callable[[nn.Module, Tensor], Tensor]) -> None:
        self._function = function

    def draw(self, rows: Tensor, generator: torch.Generator) -> tuple[Tensor]:
        return (rows,)

    def losses(self, network: nn.Module, drawn: tuple[Tensor]) -> Tensor:
        return self._function(network, *drawn)


def stepper_of(network: nn.Module, of_rows=losses, **settings) -> PlainStepper:
    return PlainStepper(network, WithoutChance(of_rows), Randomness.of_seed(0), **settings)


def weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in network.named_parameters()}


class SlowAdamW:
    """AdamW with clipped gradients, by the formulas of arXiv 1711.05101."""

    def __init__(self, network: nn.Module, max_norm: float) -> None:
        self.network, self.max_norm, self.steps = network, max_norm, 0
        self.first = {name: torch.zeros_like(p) for name, p in network.named_parameters()}
        self.second = {name: torch.zeros_like(p) for name, p in network.named_parameters()}

    def step(self, loss: Tensor, rate: float, decay: float) -> None:
        self.steps += 1
        names = [name for name, _ in self.network.named_parameters()]
        gradients = dict(zip(names, torch.autograd.grad(loss, list(self.network.parameters())), strict=True))
        norm = math.sqrt(sum(gradient.square().sum().item() for gradient in gradients.values()))
        for name, parameter in self.network.named_parameters():
            gradient = gradients[name] * min(1.0, self.max_norm / norm)
            self.first[name] = BETA1 * self.first[name] + (1 - BETA1) * gradient
            self.second[name] = BETA2 * self.second[name] + (1 - BETA2) * gradient.square()
            unbiased = self.first[name] / (1 - BETA1**self.steps)
            spread = (self.second[name] / (1 - BETA2**self.steps)).sqrt()
            parameter.data *= 1 - rate * (decay if name == "weight" else 0.0)
            parameter.data -= rate * unbiased / (spread + EPSILON)


@pytest.mark.parametrize("max_norm", [0.1, 1.0, 1e9])
def test_equals_adamw_by_hand(max_norm):
    fast, slow = Toy(), Toy()
    stepper, twin = stepper_of(fast, max_grad_norm=max_norm), SlowAdamW(slow, max_norm)
    for step in range(12):
        rows = torch.randperm(60, generator=seeded(step))[:20]
        rate, decay = 0.01 * (step + 1), 0.1 * step
        expected = losses(slow, rows).mean()
        found = stepper.step(step, [rows], rate, decay)
        twin.step(expected, rate, decay)
        assert found.item() == pytest.approx(expected.item())
        torch.testing.assert_close(weights(fast), weights(slow), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("sizes", [[30, 30], [50, 10], [1, 59], [20, 20, 20], [60], [1] * 60])
def test_micro_batches_equal_one_big_batch(sizes):
    split, whole = Toy(), Toy()
    steppers = stepper_of(split), stepper_of(whole)
    for step in range(4):
        rows = torch.randperm(60, generator=seeded(step))
        found, wanted = (
            stepper.step(step, batches, 0.05, 0.1)
            for stepper, batches in zip(steppers, (rows.split(sizes), [rows]), strict=True)
        )
        torch.testing.assert_close(found, wanted)
        torch.testing.assert_close(weights(split), weights(whole))


def test_micro_batches_of_the_tabular_model_equal_one_big_batch():
    """Without dropout and with one order, so that there is no chance in it."""
    codes = random_codes(MIXED, 100, 0)
    ends = []
    for sizes in ([100], [64, 36], [10] * 10):
        network = make_network(MIXED, 0, Sizes(embedding=3, hidden=6, dropout=0.0)).double()
        task = TabularTask(network, codes, codes[:0], flexible=False)
        stepper = PlainStepper(network, task, Randomness.of_seed(0))
        for step in range(3):
            stepper.step(step, torch.arange(100).split(sizes), 0.01, 1.0)
        ends.append(weights(network))
    torch.testing.assert_close(ends[1], ends[0], rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(ends[2], ends[0], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("scale", [1e3, 1e6])
def test_gradients_are_clipped_together(scale):
    """Adam's first moment after one step is a tenth of the gradient that it was given."""
    network = Toy()
    stepper = stepper_of(network, lambda net, rows: losses(net, rows, scale), max_grad_norm=0.5)
    stepper.step(0, [torch.arange(60)], 0.01, 0.0)
    moments = [mean.flatten() for mean in stepper.decayed.means + stepper.free.means]
    assert torch.cat(moments).norm().item() == pytest.approx(0.1 * 0.5, rel=1e-4)


def test_small_gradients_are_not_stretched():
    network = Toy()
    stepper = stepper_of(network, lambda net, rows: losses(net, rows, 1e-6))
    stepper.step(0, [torch.arange(60)], 0.01, 0.0)
    moments = [mean.flatten() for mean in stepper.decayed.means + stepper.free.means]
    assert torch.cat(moments).norm().item() < 1e-5


def test_only_weights_of_products_decay():
    network = make_network(MIXED, 0)
    before = weights(network)
    stepper = stepper_of(network, lambda net, rows: sum(0.0 * p.sum() for p in net.parameters()))
    stepper.step(0, [torch.arange(3)], 0.1, 0.5)
    decayed = {name for name, value in weights(network).items() if not torch.equal(value, before[name])}
    n_buckets = len(network.heads.buckets)
    products = {"blocks.weight", "residual_weights.0", "residual_weights.1"}
    assert decayed == products | {f"heads.weights.{i}" for i in range(n_buckets)}
    for name in decayed:
        torch.testing.assert_close(weights(network)[name], 0.95 * before[name])


@pytest.mark.parametrize(
    ("name", "is_free"),
    [
        ("blocks.bias", True),
        ("heads.biases.0", True),
        ("residual_biases.1", True),
        ("embedding.table", True),
        ("embedding.rank_weight", True),
        ("blocks.weight", False),
        ("heads.weights.0", False),
        ("residual_weights.0", False),
    ],
)
def test_what_is_left_out_of_weight_decay(name, is_free):
    assert is_bias(name) == is_free


def test_what_requires_no_gradients_is_left_alone():
    network = Toy()
    network.embedding.requires_grad_(False)
    stepper, before = stepper_of(network), weights(network)
    stepper.step(0, [torch.arange(60)], 0.1, weight_decay=0.5)
    assert {name: torch.equal(weight, before[name]) for name, weight in weights(network).items()} == {
        "embedding": True,
        "weight": False,
        "bias": False,
    }
    assert len(stepper.decayed.parameters) + len(stepper.free.parameters) == 2


def test_a_rate_of_zero_changes_nothing():
    network = Toy()
    before = weights(network)
    stepper_of(network).step(0, [torch.arange(60)], 0.0, 1.0)
    torch.testing.assert_close(weights(network), before, rtol=0, atol=0)


def test_no_gradients_are_left_over():
    network = Toy()
    loss = stepper_of(network).step(0, [torch.arange(30), torch.arange(30, 60)], 0.1, 0.0)
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not loss.requires_grad
    assert loss.shape == ()
