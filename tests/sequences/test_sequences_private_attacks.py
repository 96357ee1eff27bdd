"""Attacks on private steps on subjects: whoever has many events, or extreme ones, counts no more than anybody else.

An audit in the manner of `tests.training.test_training_private_audit` is among them, with a subject of many events as
the canary.
"""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor

from synth_engine.privacy.accounting import Accountant, GaussianEvent
from synth_engine.sequences.context import Context
from synth_engine.sequences.network import SequenceNetwork
from synth_engine.sequences.private_task import PrivateSequenceTask
from synth_engine.sequences.records import Records
from synth_engine.training import Randomness
from synth_engine.training.poisson import PoissonRows
from synth_engine.training.private_stepper import PrivateStepper
from tests.sequences.helpers import CONTEXT, EVENTS, LENGTH, LENGTHS, LISTS, make_records, make_sequence_network
from tests.training.test_training_private_audit import DELTA, least_epsilon
from tests.training.test_training_private_stepper import Sums

KINDS = {"all": {}, "no context": {"context": []}, "no event columns": {"events": []}, "lists": {"lists": LISTS}}


def joined(*parts: Records) -> Records:
    """One table of the subjects of several."""
    lengths = torch.cat([part.lengths for part in parts])
    return Records(
        Context.joined([part.context for part in parts]),
        torch.cat([part.length_SL for part in parts]),
        torch.cat([torch.zeros(1, dtype=torch.long), lengths.cumsum(0)]),
        torch.cat([part.events_EK for part in parts]),
    )


def with_equal_events(n: int, **columns) -> Records:
    """A subject whose events are all the same, so that nothing of their gradients cancels."""
    one = make_records([1], 5, **columns)
    return Records(one.context, one.length_SL, torch.tensor([0, n]), one.events_EK.expand(n, -1).contiguous())


def clipped_sum(
    network: SequenceNetwork, records: Records, clip: float, *, flexible: bool = True, **settings
) -> Tensor:
    """The sum that noise would be added to, of all subjects."""
    task, team = PrivateSequenceTask(records, flexible=flexible, **settings), Sums()
    stepper = PrivateStepper(
        network,
        task.batch_losses,
        Randomness.of_seed(0),
        team,
        max_grad_norm=clip,
        noise_multiplier=0.0,
        records_per_step=10,
    )
    stepper.step(0, [torch.arange(len(records))], 0.0, 0.0)
    return torch.cat([part.double().flatten() for part in team.seen])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("longest", [3, 100, 2000])
def test_a_subject_with_a_thousand_equal_events_moves_the_sum_by_the_clipping_norm(kind, longest):
    network = make_sequence_network(1, **KINDS[kind])
    others, canary = make_records(LENGTHS, 0, **KINDS[kind]), with_equal_events(1000, **KINDS[kind])
    for clip in (0.01, 1.0):
        without = clipped_sum(network, others, clip, longest=longest)
        within = clipped_sum(network, joined(others, canary), clip, longest=longest)
        assert (within - without).norm().item() <= clip + 1e-5
        assert (within - without).norm().item() > 0.9 * clip  # it is clipped, so the bound is met


def test_alone_it_never_exceeds_the_norm():
    for n in (1, 2, 63, 64, 65, 200, 1000):
        network = make_sequence_network(n % 3)
        assert clipped_sum(network, with_equal_events(n), 1.0, longest=2000).norm().item() <= 1.0


def test_without_events_it_moves_it_by_no_more():
    network, others = make_sequence_network(2), make_records(LENGTHS, 0)
    without, within = (clipped_sum(network, each, 0.01) for each in (others, joined(others, make_records([0], 7))))
    assert 0 < (within - without).norm().item() <= 0.01 + 1e-5


@pytest.mark.parametrize("columns", [{}, {"context": []}, {"length": []}, {"length": [], "context": []}], ids=str)
def test_a_step_without_any_event_is_a_step(columns):
    """Where everybody has one event but these do not, there is nothing to learn from, and no error."""
    network = make_sequence_network(0, **columns)
    found = clipped_sum(network, make_records([0, 0], **columns), 1.0)
    assert found.isfinite().all()
    assert (found.norm() > 0) == ("length" not in columns)


def one_step(noise: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The best scores there are, of steps without the canary and of as many with it. No sampling.

    A score is the noisy sum of one step, along the canary's gradient; the optimiser's means are that sum.
    """
    columns = {"context": CONTEXT[:1], "length": LENGTH, "events": EVENTS[:1]}
    others, canary = make_records([2, 0, 1], 0, **columns), with_equal_events(50, **columns)
    new = make_sequence_network(0, **columns)
    direction = clipped_sum(copy.deepcopy(new), canary, 1.0, flexible=False).float()

    def score(records: Records, seed: int) -> float:
        network = copy.deepcopy(new)
        losses = PrivateSequenceTask(records, flexible=False).batch_losses
        randomness = Randomness.of_seed(seed)
        settings = {"max_grad_norm": 1.0, "noise_multiplier": noise, "records_per_step": 1}
        stepper = PrivateStepper(network, losses, randomness, **settings)
        sampler = PoissonRows(len(records), 1.0, 1, 2, randomness, torch.device("cpu"))
        stepper.step(0, sampler.batches(0), 0.05, 0.0)
        means = dict(zip(map(id, stepper.decayed.parameters), stepper.decayed.means, strict=True))
        means |= dict(zip(map(id, stepper.free.parameters), stepper.free.means, strict=True))
        found = torch.cat([means[id(parameter)].flatten() for parameter in network.parameters()])
        return float(found @ direction)

    tables = others, joined(others, canary)
    without, within = (np.array([score(each, i * n + seed) for seed in range(n)]) for i, each in enumerate(tables))
    return without, within


@pytest.mark.slow
def test_one_step_keeps_its_epsilon_and_uses_it():
    claimed = Accountant(DELTA, GaussianEvent(1.0), kind="PRV").epsilon(1)
    assert 0.2 * claimed < least_epsilon(*one_step(1.0, 1000)) <= claimed


@pytest.mark.slow
def test_a_quarter_of_the_noise_in_one_step_is_caught():
    claimed = Accountant(DELTA, GaussianEvent(2.0), kind="PRV").epsilon(1)
    assert least_epsilon(*one_step(0.5, 500)) > claimed
