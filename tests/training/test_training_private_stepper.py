"""The guarantees of `PrivateStepper`, one test each: sensitivity, noise, repetition, coverage, silence."""

import copy
import itertools

import pytest
import torch
from scipy.stats import kstest
from torch import Tensor, nn

from synth_engine.nn import Taps, Vectors
from synth_engine.training import Randomness
from synth_engine.training.private_stepper import PrivateStepper

# Probability that a statistical test fails though all is right; seeds are fixed, so it fails never or always.
FAILURE = 1e-4
FEATURES = torch.randn(40, 6, generator=torch.Generator().manual_seed(0)) * torch.logspace(-2, 2, 40)[:, None]


class Linear(nn.Module):
    """One layer with taps."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(-1, 1, 18).view(6, 3))
        self.bias = nn.Parameter(torch.zeros(3))

    def outputs(self, rows: Tensor, taps: Taps) -> Tensor:
        inputs = FEATURES[rows]
        output = (inputs @ self.weight + self.bias)[None]
        taps.add(output, Vectors(inputs[None]), *self.covered())
        return output[0]

    def covered(self) -> list[nn.Parameter]:
        return [self.weight, self.bias]


class Forgetful(Linear):
    """Has a parameter that no rule knows of."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def outputs(self, rows: Tensor, taps: Taps) -> Tensor:
        return super().outputs(rows, taps) * self.scale


class Repetitive(Linear):
    """Uses its weight twice, so that the norm is not what the rules say."""

    def covered(self) -> list[nn.Parameter]:
        return [self.weight, self.bias, self.weight]


def losses(network: Linear, rows: Tensor, generator: torch.Generator, taps: Taps) -> Tensor:
    return network.outputs(rows, taps).square().sum(1)


class Sums:
    """Stands in for a team, and notes the sums of gradients before there is noise on them."""

    def __init__(self, rank: int = 0, size: int = 1, others: list[Tensor] | None = None) -> None:
        self.rank, self.size, self._others = rank, size, others
        self.seen: list[Tensor] = []

    def add_up(self, tensors: list[Tensor]) -> None:
        if self._others is not None:
            for tensor, other in zip(tensors, self._others, strict=True):
                tensor.add_(other)
        self.seen = [tensor.clone() for tensor in tensors]

    def decided(self, value: float) -> float:
        return value


def make(noise: float = 0.0, clip: float = 1.0, seed: int = 0, team: Sums | None = None, network: Linear | None = None):
    return PrivateStepper(
        network or Linear(),
        losses,
        Randomness.of_seed(seed),
        team,
        max_grad_norm=clip,
        noise_multiplier=noise,
        records_per_step=10,
    )


def sums(rows: list[Tensor], clip: float = 1.0) -> list[Tensor]:
    """The sums of clipped gradients."""
    team = Sums()
    make(clip=clip, team=team).step(0, rows, 0.0, 0.0)
    return team.seen


def noises(n_steps: int, seed: int = 0, rows: list[Tensor] | None = None, noise: float = 3.0, clip: float = 0.5):
    """What was added to the sums in each step: (steps, coordinates), from the optimiser's running means."""
    network, found = Linear(), []
    for step in range(n_steps):
        team = Sums()
        stepper = make(noise, clip, seed, team, copy.deepcopy(network))
        stepper.step(step, rows or [], 0.0, 0.0)
        # after the first update the mean is a tenth of the gradient; that was divided by ten records
        means = torch.cat([mean.flatten() for mean in [*stepper.decayed.means, *stepper.free.means]])
        found.append(means * 10 * 10 - torch.cat([part.flatten() for part in team.seen]))
    return torch.stack(found)


@pytest.mark.parametrize("clip", [1e-3, 1.0, 30.0, 1e6])
def test_a_record_changes_the_sum_by_the_clipping_norm_at_most(clip):
    rows = torch.arange(40)
    everyone = sums([rows], clip)
    changes = []
    for record in range(40):
        others = sums([rows[rows != record]], clip)
        change = torch.cat([(one - other).flatten() for one, other in zip(everyone, others, strict=True)])
        changes.append(change.norm().item())
    slack = 1e-5 * max(part.norm().item() for part in everyone)  # the difference of two sums in single precision
    assert max(changes) <= clip + slack
    if clip == 1.0:  # some are clipped, others are left as they are
        assert max(changes) == pytest.approx(clip, rel=1e-2)
        assert min(changes) < 0.5 * clip


def test_one_record_alone_never_exceeds_the_norm():
    for record in range(40):
        alone = torch.cat([part.double().flatten() for part in sums([torch.tensor([record])])])
        assert alone.norm().item() <= 1.0


def test_micro_batches_do_not_matter():
    rows = torch.arange(40)
    for parts in ([rows], list(rows.split(7)), [rows[:0], rows, rows[:0]], list(rows.split(1))):
        for one, other in zip(sums([rows]), sums(parts), strict=True):
            torch.testing.assert_close(one, other)


def test_noise_is_normal_with_the_standard_deviation_that_was_asked_for():
    found = noises(500) / (3.0 * 0.5)
    assert kstest(found.flatten().numpy(), "norm").pvalue > FAILURE


def test_noise_is_independent_over_coordinates_and_steps():
    found = noises(500) / (3.0 * 0.5)
    n = found.shape[1]
    # correlations of independent draws deviate by 1 / sqrt(500); 5 of these, over 210 pairs
    correlations = torch.corrcoef(found.t()) - torch.eye(n)
    assert correlations.abs().max() < 5 / 500**0.5
    assert abs((found[1:] * found[:-1]).mean().item()) < 5 / (499 * n) ** 0.5


def test_an_empty_step_is_one_of_noise():
    with_records = noises(3, rows=[torch.arange(40)])
    for rows in ([], [torch.arange(0)], [torch.arange(0), torch.arange(0)]):
        empty = noises(3, rows=rows)
        assert (empty != 0).all()
        torch.testing.assert_close(empty, with_records, atol=1e-4, rtol=1e-3)


def test_a_step_repeats_and_others_differ():
    one, same, other = noises(2), noises(2), noises(2, seed=1)
    assert torch.equal(one, same)
    assert not torch.isclose(one, other).any()
    assert not torch.isclose(one[0], one[1]).any()


def test_the_mean_is_over_the_expected_number_of_records():
    few, many = make(team=Sums()), make(team=Sums())
    few.step(0, [torch.arange(5)], 0.0, 0.0)
    many.step(0, [torch.arange(40)], 0.0, 0.0)
    for rows, stepper in ((5, few), (40, many)):
        total = sums([torch.arange(rows)])
        for mean, expected in zip([*stepper.decayed.means, *stepper.free.means], total, strict=True):
            torch.testing.assert_close(mean, 0.1 * expected / 10)


def test_a_team_adds_up_its_sums_and_the_noise_once():
    parts = list(torch.arange(40).split(10))
    alone = make(noise=2.0)
    alone.step(7, parts, 0.1, 0.0)
    shares = []
    for rank in range(2):
        team = Sums(rank, 2)
        make(noise=2.0, team=team).step(7, parts, 0.1, 0.0)
        shares.append(team.seen)
    for rank in range(2):
        member = make(noise=2.0, team=Sums(rank, 2, shares[1 - rank]))
        member.step(7, parts, 0.1, 0.0)
        for one, other in zip(alone._parameters, member._parameters, strict=True):
            torch.testing.assert_close(one, other)


@pytest.mark.parametrize(("network", "name"), [(Forgetful, "scale"), (Repetitive, "weight")])
def test_a_parameter_without_one_rule_is_an_error(network, name):
    with pytest.raises(AssertionError, match=rf"\['{name}'\]"):
        make(network=network()).step(0, [torch.arange(3)], 0.1, 0.0)


def test_no_loss_is_shown():
    assert make().step(0, [torch.arange(3)], 0.1, 0.0) is None


def test_it_learns_without_noise():
    network = Linear()
    stepper = make(clip=1e9, network=network)
    before = network.weight.abs().sum().item()
    for step in range(300):
        stepper.step(step, [torch.arange(10, 30)], 0.01, 0.0)
    assert network.weight.abs().sum().item() < 0.1 * before


def test_state_is_all_that_a_later_step_depends_on():
    def run(stepper: PrivateStepper, steps: range) -> None:
        for step in steps:
            stepper.step(step, [torch.arange(step, step + 5)], 0.01, 0.1)

    whole, first = make(noise=1.0), make(noise=1.0)
    run(whole, range(6))
    run(first, range(3))
    network = copy.deepcopy(first._network)
    second = make(noise=1.0, network=network)
    second.load_state(first.state())
    run(second, range(3, 6))
    for one, other in itertools.zip_longest(whole._parameters, second._parameters):
        assert torch.equal(one, other)
