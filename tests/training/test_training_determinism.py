"""The same seed gives the same weights, to the bit; another seed others."""

import io

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from synth_engine import analyze, encode, split, train
from synth_engine.tabular.network import TabularNetwork
from synth_engine.tabular.sizes import Sizes
from synth_engine.training import History
from synth_engine.workspace import Artefact, Workspace
from tests.stages.helpers import SMALL
from tests.tabular.helpers import new_network, train_on
from tests.tabular.known_joint import COLUMNS, draw_rows


def trained(seed: int, *, flexible: bool = True) -> tuple[TabularNetwork, History]:
    """A few epochs with dropout, random orders and a random order of rows."""
    network = new_network(COLUMNS, seed, Sizes(embedding=4, hidden=8, dropout=0.2))
    _, history, best = train_on(network, draw_rows(600, 0), draw_rows(200, 1), epochs=3, flexible=flexible, seed=seed)
    return best, history


def same_weights(one: TabularNetwork, other: TabularNetwork) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("flexible", [True, False])
def test_same_seed_same_weights_and_history(flexible):
    (one, history), (other, again) = (trained(5, flexible=flexible) for _ in range(2))
    assert same_weights(one, other)
    losses = [[(record.trn_loss, record.val_loss) for record in each.records] for each in (history, again)]
    assert losses[0] == losses[1]


def test_the_global_generator_plays_no_part():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        one, _ = trained(5)
        torch.manual_seed(2)
        state = torch.random.get_rng_state()
        other, _ = trained(5)
        assert torch.equal(torch.random.get_rng_state(), state)
    assert same_weights(one, other)


def test_another_seed_gives_other_weights():
    assert not same_weights(trained(5)[0], trained(6)[0])


def weights_of_verb(root: str, seed: int) -> dict[str, Tensor]:
    """The weights that `train` leaves in a workspace, calibration included."""
    train(workspace_dir=root, model=SMALL, max_epochs=2, device="cpu", random_state=seed)
    content = Workspace(root).read(Artefact.MODEL_DATA).bytes("model-weights.pt")
    return torch.load(io.BytesIO(content), weights_only=True)


def test_the_verb_gives_the_same_weights_for_the_same_seed(tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"a": rng.choice(list("xyz"), 300), "b": rng.normal(size=300).round(1), "c": rng.random(300) < 0.3}
    )
    root = str(tmp_path / "ws")
    split(table, workspace_dir=root, random_state=1)
    analyze(workspace_dir=root, random_state=1)
    encode(workspace_dir=root)
    one, same, other = (weights_of_verb(root, seed) for seed in (3, 3, 4))
    assert list(one) == list(same) == list(other)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not any(torch.equal(one[name], other[name]) for name in one)
