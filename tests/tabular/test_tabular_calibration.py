"""Calibration brings the marginals of samples to those of the training rows, and changes nothing else."""

import copy

import pytest
import torch
from torch import Tensor

from synth_engine.tabular.calibration import calibrate
from synth_engine.tabular.marginals import count_codes
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.sampler import sample
from tests.tabular.helpers import (
    MIXED,
    all_rows,
    make_network,
    random_codes,
    row_probabilities,
    seeded,
    total_variation,
)
from tests.tabular.known_joint import COLUMNS


def marginals(network: TabularNetwork) -> list[Tensor]:
    """Exact marginals of samples in the natural order; for the known table."""
    rows = all_rows(COLUMNS)
    probabilities = row_probabilities(network, rows, range(len(COLUMNS)))
    return [torch.bincount(codes, probabilities, size) for codes, size in zip(rows.t(), sizes_of(network), strict=True)]


def frequencies(codes: Tensor, network: TabularNetwork) -> list[Tensor]:
    counts = [torch.bincount(column, minlength=size) for column, size in zip(codes.t(), sizes_of(network), strict=True)]
    return [count.double() / len(codes) for count in counts]


def sizes_of(network: TabularNetwork) -> list[int]:
    return network.layout.cardinalities


def distance(one: list[Tensor], other: list[Tensor]) -> float:
    """Total variation, added up over the sub-columns."""
    return sum(total_variation(a, b) for a, b in zip(one, other, strict=True))


def biased(network: TabularNetwork, seed: int) -> TabularNetwork:
    """A copy whose biases have all been pushed somewhere."""
    network = copy.deepcopy(network)
    for bias in network.heads.biases:
        bias.data += 0.7 * torch.randn(bias.shape, generator=seeded(seed))
    return network


@pytest.mark.parametrize("seed", range(4))
def test_a_biased_network_is_set_right(learned, seed):
    network, wanted = biased(learned.network, seed), frequencies(learned.training, learned.network)
    distances = [distance(marginals(network), wanted)]
    for _ in range(3):
        calibrate(network, count_codes(learned.training, sizes_of(network)), seeded(seed))
        distances.append(distance(marginals(network), wanted))
    assert distances[0] > 0.3
    assert distances[1] < 0.5 * distances[0]
    assert distances[2] < distances[1]
    assert distances[3] < 0.05


@pytest.mark.parametrize("seed", range(4))
def test_a_second_calibration_changes_much_less(learned, seed):
    network = biased(learned.network, seed)
    changes = []
    for _ in range(2):
        before = torch.cat([bias.detach().flatten().clone() for bias in network.heads.biases])
        calibrate(network, count_codes(learned.training, sizes_of(network)), seeded(seed))
        after = torch.cat([bias.detach().flatten() for bias in network.heads.biases])
        changes.append((after - before).norm().item())
    assert changes[1] < 0.4 * changes[0]


def test_the_first_sub_column_is_exact_at_once(learned):
    """It has nothing before it, so there is neither chance nor a row that differs from another."""
    network = biased(learned.network, 0)
    calibrate(network, count_codes(learned.training, sizes_of(network)), seeded(0))
    found, wanted = (each[0] for each in (marginals(network), frequencies(learned.training, network)))
    assert total_variation(found, wanted) < 0.001  # a pseudo-count each is left


def test_what_was_learned_gets_no_worse(learned):
    network, wanted = copy.deepcopy(learned.network), frequencies(learned.training, learned.network)
    calibrate(network, count_codes(learned.training, sizes_of(network)), seeded(0))
    assert distance(marginals(network), wanted) < distance(marginals(learned.network), wanted)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_calibrated_network_is_nearly_left_alone(seed):
    """The rows are the network's own, so that only their chance is left: about 0.4 · sqrt(216 / 60,000) = 0.02."""
    network = make_network(COLUMNS, seed)
    calibrated = copy.deepcopy(network)
    calibrate(calibrated, count_codes(sample(network, 60_000, seeded(seed)), sizes_of(calibrated)), seeded(seed + 1))
    rows = all_rows(COLUMNS)
    before, after = (row_probabilities(each, rows, range(4)) for each in (network, calibrated))
    assert total_variation(before, after) < 0.02


@pytest.mark.parametrize("seed", [0, 1])
def test_only_the_biases_of_heads_change(seed):
    network = make_network(MIXED, seed)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    calibrate(network, count_codes(random_codes(MIXED, 500, seed), sizes_of(network)), seeded(seed))
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert all(name.startswith("heads.biases") for name in changed)


def test_codes_never_seen_become_rare_and_stay_finite():
    network = make_network(MIXED, 0)
    codes = torch.zeros(5000, 5, dtype=torch.int32)
    for _ in range(5):
        calibrate(network, count_codes(codes, sizes_of(network)), seeded(0))
    assert all(value.isfinite().all() for value in network.state_dict().values())
    assert (sample(network, 2000, seeded(0)) == 0).double().mean() > 0.95


@pytest.mark.parametrize("size", [1, 3])
def test_one_column_and_one_code(size):
    network = make_network([[size]], 0)
    calibrate(network, count_codes(torch.zeros(100, 1, dtype=torch.int32), sizes_of(network)), seeded(0))
    assert all(value.isfinite().all() for value in network.state_dict().values())
    assert (sample(network, 500, seeded(0)) == 0).double().mean() > 0.9


def test_no_rows_change_nothing():
    network = make_network(MIXED, 0)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    calibrate(network, count_codes(torch.zeros(0, 5, dtype=torch.int32), sizes_of(network)), seeded(0))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_single_row_moves_the_network_only_a_little():
    """Its one count meets a pseudo-count of one: no code may become twice as likely relative to another."""
    network = make_network(MIXED, 0)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    calibrate(network, count_codes(torch.zeros(1, 5, dtype=torch.int32), sizes_of(network)), seeded(0))
    after = network.state_dict()
    assert max((after[name] - value).abs().max().item() for name, value in before.items()) <= 0.7


def test_follows_its_generator():
    made = [make_network(MIXED, 0) for _ in range(3)]
    for network, seed in zip(made, (0, 0, 1), strict=True):
        calibrate(network, count_codes(random_codes(MIXED, 500, 0), sizes_of(network)), seeded(seed))
    one, same, other = (torch.cat([bias.detach().flatten() for bias in network.heads.biases]) for network in made)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
