"""Attacks on private trainings: what can be told of a record must stay below the epsilon that is claimed.

A canary, a record that resembles no other one, is in one half of the trainings and not in the other. A score of the
result and a threshold say in which half a training was. Their error rates give a lower bound of epsilon (Nasr et al.,
"Adversary instantiation", arXiv 2101.04535), at a confidence by Clopper and Pearson. The threshold is chosen on other
trainings than those that are counted.

An audit that cannot fail proves nothing: with less noise than claimed it must find more than is claimed.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.stats import beta
from torch import Tensor

from synth_engine.nn import Taps
from synth_engine.privacy.accounting import Accountant, GaussianEvent
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.private_task import PrivateTabularTask
from synth_engine.tabular.sizes import Sizes
from synth_engine.training import Randomness
from synth_engine.training.poisson import PoissonRows
from synth_engine.training.private_stepper import PrivateStepper
from tests.tabular.helpers import new_network, seeded

pytestmark = pytest.mark.slow

# Probability that an audit of a training that keeps its promise finds more than that; seeds are fixed, so it fails
# never or always.
FAILURE = 1e-3
DELTA = 1e-3
COLUMNS = [[3], [3], [3]]
SIZES = Sizes(embedding=2, hidden=4, n_residual=1, dropout=0.0)
OTHERS = torch.tensor([[0, 0, 0], [0, 1, 0], [1, 1, 0], [1, 0, 1]])
CANARY = torch.tensor([[2, 2, 2]])


def clipped_gradient(network: TabularNetwork, row: Tensor) -> Tensor:
    """Of one record in the natural order, at a clipping norm of 1."""
    taps, task = Taps(), PrivateTabularTask(row, flexible=False)
    loss = task.batch_losses(network, torch.tensor([0]), seeded(0), taps)
    gradient = torch.cat([part.flatten() for part in torch.autograd.grad(loss, list(network.parameters()))])
    return gradient / gradient.norm().clamp(min=1.0)


def training(rows: Tensor, seed: int, *, noise: float, rate: float, n_steps: int) -> tuple[TabularNetwork, Tensor]:
    """The network after a private training, and the optimiser's means, which are the noisy sum after one step."""
    randomness = Randomness.of_seed(seed)
    network = new_network(COLUMNS, 0, SIZES)
    stepper = PrivateStepper(
        network,
        PrivateTabularTask(rows, flexible=n_steps > 1, n_orders=2).batch_losses,
        randomness,
        max_grad_norm=1.0,
        noise_multiplier=noise,
        records_per_step=1,
    )
    sampler = PoissonRows(len(rows), rate, 1, 2, randomness, torch.device("cpu"))
    for step in range(n_steps):
        stepper.step(step, sampler.batches(step), 0.05, 0.0)
    means = dict(zip(map(id, stepper.decayed.parameters), stepper.decayed.means, strict=True))
    means |= dict(zip(map(id, stepper.free.parameters), stepper.free.means, strict=True))
    return network, torch.cat([means[id(parameter)].flatten() for parameter in network.parameters()])


def scores(score: Callable[[Tensor, int], float], n: int) -> tuple[np.ndarray, np.ndarray]:
    """Of `n` trainings without the canary, and of as many with it."""
    rows = OTHERS, torch.cat([OTHERS, CANARY])
    without, within = (np.array([score(table, i * n + seed) for seed in range(n)]) for i, table in enumerate(rows))
    return without, within


def least_epsilon(without: np.ndarray, within: np.ndarray) -> float:
    """What epsilon is at least, but with probability `FAILURE`: every second training chooses the threshold."""
    candidates = np.quantile(np.concatenate([without[::2], within[::2]]), np.linspace(0.02, 0.98, 97))
    threshold = max(candidates, key=lambda each: bound(without[::2], within[::2], each))
    return bound(without[1::2], within[1::2], threshold)


def bound(without: np.ndarray, within: np.ndarray, threshold: float) -> float:
    false, true = int((without > threshold).sum()), int((within > threshold).sum())
    most_false = beta.ppf(1 - FAILURE / 2, false + 1, len(without) - false)
    least_true = beta.ppf(FAILURE / 2, true, len(within) - true + 1) if true else 0.0
    return math.log(max(least_true - DELTA, 1e-9) / most_false)


def one_step(noise: float) -> Callable[[Tensor, int], float]:
    """The best score there is: the noisy sum of one step, along the canary's gradient. No sampling."""
    direction = clipped_gradient(new_network(COLUMNS, 0, SIZES), CANARY)

    def score(rows: Tensor, seed: int) -> float:
        return float(training(rows, seed, noise=noise, rate=1.0, n_steps=1)[1] @ direction)

    return score


def whole_training(noise: float) -> Callable[[Tensor, int], float]:
    """How well the canary is known to the model in the end."""

    def score(rows: Tensor, seed: int) -> float:
        network, _ = training(rows, seed, noise=noise, rate=0.7, n_steps=5)
        with torch.no_grad():
            task = PrivateTabularTask(CANARY, flexible=False)
            return -float(task.batch_losses(network, torch.tensor([0]), seeded(0)))

    return score


def test_one_step_keeps_its_epsilon_and_uses_it():
    claimed = Accountant(DELTA, GaussianEvent(1.0), kind="PRV").epsilon(1)
    found = least_epsilon(*scores(one_step(1.0), 2000))
    assert 0.2 * claimed < found <= claimed


def test_a_quarter_of_the_noise_in_one_step_is_caught():
    claimed = Accountant(DELTA, GaussianEvent(2.0), kind="PRV").epsilon(1)
    assert least_epsilon(*scores(one_step(0.5), 1000)) > claimed


def test_a_whole_training_keeps_its_epsilon():
    noise = Accountant(DELTA, GaussianEvent(1.0, 0.7)).noise_for(2.0, 5)
    assert least_epsilon(*scores(whole_training(noise), 300)) <= 2.0


def test_a_whole_training_without_noise_is_caught():
    assert least_epsilon(*scores(whole_training(0.0), 300)) > 2.0
