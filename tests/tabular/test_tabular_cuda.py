"""The same on a GPU: networks say there what they say on a CPU, and a training there learns."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from synth_engine.nn.orders import random_orders
from synth_engine.tabular.calibration import calibrate
from synth_engine.tabular.interventions import Interventions
from synth_engine.tabular.marginals import count_codes
from synth_engine.tabular.network import OrderGroup, TabularNetwork
from synth_engine.tabular.sampler import sample
from synth_engine.tabular.scoring import Question, log_likelihood, outcome_probabilities
from synth_engine.tabular.sizes import Sizes
from synth_engine.tabular.task import TabularTask
from synth_engine.training import PlainStepper, Randomness, ShuffledRows, WeightAverage
from synth_engine.training.gradients import (
    EagerGradients,
    Gradients,
    RecordedGradients,
    RecordingError,
    gradients_for,
    record_cuda_graph,
)
from tests.tabular.helpers import (
    MIXED,
    all_rows,
    make_network,
    new_network,
    random_codes,
    row_probabilities,
    seeded,
    total_variation,
    train_on,
)
from tests.tabular.known_joint import COLUMNS, draw_rows, true_probabilities

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.mark.parametrize("seed", [0, 1])
def test_losses_and_gradients_equal_those_of_the_cpu(seed):
    network, codes = make_network(MIXED, seed), random_codes(MIXED, 64, seed)
    orders = random_orders(4, len(MIXED), seeded(seed))
    there = copy.deepcopy(network).cuda()
    here_losses = network.losses(codes, [OrderGroup(64, orders)])
    there_losses = there.losses(codes.cuda(), [OrderGroup(64, orders.cuda())])
    torch.testing.assert_close(there_losses.cpu(), here_losses, atol=1e-3, rtol=1e-3)
    here_losses.mean().backward()
    there_losses.mean().backward()
    for one, other in zip(network.parameters(), there.parameters(), strict=True):
        torch.testing.assert_close(other.grad.cpu(), one.grad, atol=1e-3, rtol=1e-3)


def test_samples_are_valid_and_nearly_all_the_same():
    """A draw within rounding of a border may fall on its other side; the later codes of its row then differ too."""
    network = make_network(MIXED, 0)
    interventions = Interventions(0.8, 0.95, {4: [0]})
    here = sample(network, 5000, seeded(0), interventions=interventions)
    there = sample(network.cuda(), 5000, seeded(0), interventions=interventions)
    assert there.device.type == "cpu"
    assert (here == there).all(1).double().mean() > 0.99


DROPPING = Sizes(embedding=3, hidden=6, n_residual=2, dropout=0.3)
ON_GPU = torch.device("cuda")


def steps_on_gpu(gradients: Callable[[TabularNetwork, TabularTask], Gradients], sizes: list[int]) -> list[Tensor]:
    """Losses of a few steps and the weights after them. The warning that nothing was recorded would be an error."""
    codes = random_codes(MIXED, 1000, 0).int().to(ON_GPU)
    task = TabularTask(make_network(MIXED, 0, DROPPING).to(ON_GPU), codes, codes[:0], flexible=True)
    stepper = PlainStepper(task.network, task, Randomness.of_seed(0), gradients=gradients(task.network, task))
    rows = torch.randperm(1000, generator=seeded(0)).to(ON_GPU)[: sum(sizes)].split(sizes)
    return [*(stepper.step(step, rows, 0.01, 1.0) for step in range(5)), *task.network.parameters()]


# For 900 rows of five sub-columns the embedding's backward pass takes another way than for few: it sorts them.
@pytest.mark.parametrize("sizes", [[900], [64, 64, 22], [1, 1]], ids=str)
def test_recorded_steps_equal_those_of_separate_operations(sizes):
    recorded, eager = (steps_on_gpu(gradients, sizes) for gradients in (RecordedGradients, EagerGradients))
    torch.testing.assert_close(recorded, eager, atol=1e-4, rtol=1e-3)


def test_a_gpu_records():
    codes = random_codes(MIXED, 9, 0)
    task = TabularTask(make_network(MIXED, 0).to(ON_GPU), codes.to(ON_GPU), codes[:0], flexible=True)
    assert isinstance(gradients_for(task.network, task), RecordedGradients)


def test_what_cannot_be_recorded_is_an_error_that_says_why_and_does_no_harm():
    values, stream = torch.ones(3, device=ON_GPU), torch.cuda.current_stream()
    with pytest.raises(RecordingError, match="captur"):
        record_cuda_graph(lambda: [values * values.max().item()], ON_GPU)
    assert torch.cuda.current_stream() == stream
    results, replay = record_cuda_graph(lambda: [values * 2], ON_GPU)
    values.fill_(3.0)
    replay()
    assert results[0].tolist() == [6.0] * 3


def test_steps_never_wait_for_the_gpu():
    codes = random_codes(MIXED, 200, 0).int().to(ON_GPU)
    network = make_network(MIXED, 0, DROPPING).to(ON_GPU)
    task, randomness = TabularTask(network, codes, codes[:0], flexible=True), Randomness.of_seed(0)
    stepper, average = PlainStepper(network, task, randomness), WeightAverage(network, 0.9)
    sampler = ShuffledRows(200, 20, 1, randomness, ON_GPU)
    stepper.step(0, sampler.batches(0), 0.01, 1.0)  # records
    torch.cuda.set_sync_debug_mode("error")
    try:
        for step in range(1, 6):
            stepper.step(step, sampler.batches(step), 0.01, 1.0)
            average.update()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_scores_equal_those_of_the_cpu():
    network, codes = make_network(MIXED, 0), random_codes(MIXED, 100, 0)
    there = copy.deepcopy(network).cuda()
    outcomes = torch.arange(18)
    question = Question([4], [1, 2, 0], [torch.arange(size) for size in (2, 3, 3)], outcomes, len(outcomes))
    for score in (
        lambda network: log_likelihood(network, codes, [2, 0, 3, 1]),
        lambda network: outcome_probabilities(network, codes[:, [4]], question),
    ):
        found = score(there)
        assert found.device.type == "cpu"
        torch.testing.assert_close(found, score(network), atol=1e-3, rtol=1e-3)


def test_a_training_learns_the_known_table():
    training, validation = draw_rows(6000, seed=0).cuda(), draw_rows(1500, seed=1).cuda()
    network = new_network(COLUMNS, 0, Sizes(embedding=8, hidden=32)).cuda()
    _, _, best = train_on(network, training, validation, epochs=20)
    calibrate(best, count_codes(training, best.layout.cardinalities), torch.Generator("cuda").manual_seed(0))
    rows = all_rows(COLUMNS)
    found = row_probabilities(best.cpu(), rows, range(len(COLUMNS)))
    assert total_variation(found, true_probabilities(rows)) < 0.06
