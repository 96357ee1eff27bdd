"""Every layer's weights survive being written and read, and hold nothing but parameters."""

import io

import pytest
import torch
from torch import Tensor, nn

from synth_engine.nn import BucketedHeads, CodeEmbedding, MaskedBlocks, precedence
from synth_engine.nn.orders import natural_order

CARDINALITIES = [3, 40, 2, 5]
CODES = torch.tensor([[2, 39, 1, 4], [0, 7, 0, 0]])
RANKS = torch.cat([torch.linspace(0, 1, 3), torch.full((47,), torch.nan)])


def through_blocks(blocks: nn.Module) -> Tensor:
    return blocks(torch.linspace(-1, 1, 24).view(1, 2, 4, 3), precedence(natural_order(4), torch.arange(4)))


def through_heads(heads: nn.Module) -> Tensor:
    return heads.losses(torch.linspace(-1, 1, 24).view(4, 2, 3), CODES)


def made(name: str, seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LAYERS[name][0]()


LAYERS = {
    "blocks": (lambda: MaskedBlocks(4, 3, 2), through_blocks),
    "embedding": (lambda: CodeEmbedding(CARDINALITIES, 3), lambda layer: layer(CODES)),
    "embedding with ranks": (lambda: CodeEmbedding(CARDINALITIES, 3, RANKS), lambda layer: layer(CODES)),
    "heads": (lambda: BucketedHeads(CARDINALITIES, 3), through_heads),
}


@pytest.mark.parametrize("name", LAYERS)
def test_weights_survive_a_file(name):
    through = LAYERS[name][1]
    one, other = made(name, 0), made(name, 1)
    assert not torch.equal(through(one), through(other))
    file = io.BytesIO()
    torch.save(one.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(through(one), through(other))


@pytest.mark.parametrize("name", LAYERS)
def test_only_parameters_are_written(name):
    layer = made(name, 0)
    assert list(layer.state_dict()) == [name for name, _ in layer.named_parameters()]
