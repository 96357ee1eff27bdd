"""The first layer of all conditionals: the one product against the loop over blocks."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from synth_engine.nn import MaskedBlocks, precedence
from synth_engine.nn.orders import natural_order, random_orders


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def make_blocks(n: int, dim: int, hidden: int, seed: int) -> MaskedBlocks:
    blocks = MaskedBlocks(n, dim, hidden).double()
    for parameter in blocks.parameters():
        parameter.data.normal_(generator=seeded(seed))
    return blocks


def gradients(blocks: MaskedBlocks, output: torch.Tensor, embedded: torch.Tensor) -> tuple[torch.Tensor, ...]:
    # an uneven sum, so that no two gradients are the same by symmetry
    total = (output * torch.arange(output.numel(), dtype=output.dtype).view(output.shape).cos()).sum()
    return torch.autograd.grad(total, [embedded, *blocks.parameters()], materialize_grads=True)


sizes = st.integers(1, 4)


@given(groups=sizes, rows=sizes, dim=sizes, hidden=sizes, parts=st.lists(sizes, min_size=1, max_size=4), seed=sizes)
def test_product_equals_loop_in_values_and_gradients(groups, rows, dim, hidden, parts, seed):
    column_of = torch.repeat_interleave(torch.tensor(parts))
    sees = precedence(random_orders(groups, len(parts), seeded(seed)), column_of)
    blocks = make_blocks(len(column_of), dim, hidden, seed)
    shape = (groups, rows, len(column_of), dim)
    embedded = torch.randn(shape, generator=seeded(seed), dtype=torch.float64, requires_grad=True)
    fast, slow = blocks(embedded, sees), blocks.looped(embedded, sees)
    torch.testing.assert_close(fast, slow)
    fast_and_slow = zip(gradients(blocks, fast, embedded), gradients(blocks, slow, embedded), strict=True)
    for one, other in fast_and_slow:
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("seed", [0, 1])
def test_any_mask_will_do_not_only_orders(seed):
    blocks = make_blocks(5, 2, 3, seed)
    sees = torch.rand(4, 5, 5, generator=seeded(seed)) < 0.5
    embedded = torch.randn(4, 6, 5, 2, generator=seeded(seed), dtype=torch.float64)
    torch.testing.assert_close(blocks(embedded, sees), blocks.looped(embedded, sees))


@pytest.mark.parametrize("seed", [0, 1])
def test_a_block_sees_exactly_what_its_mask_says(seed):
    blocks = make_blocks(4, 3, 2, seed)
    sees = precedence(random_orders(1, 4, seeded(seed)), torch.arange(4))
    embedded = torch.randn(1, 1, 4, 3, generator=seeded(seed), dtype=torch.float64, requires_grad=True)
    output = blocks(embedded, sees)
    for j in range(4):
        (gradient,) = torch.autograd.grad(output[0, 0, j].sum(), embedded, retain_graph=True)
        assert ((gradient[0, 0] != 0).any(1) == sees[0, :, j]).all()


def test_first_in_the_order_is_only_its_bias():
    blocks = make_blocks(3, 2, 4, 0)
    embedded = torch.randn(1, 5, 3, 2, dtype=torch.float64, generator=seeded(0))
    first = blocks(embedded, precedence(natural_order(3), torch.arange(3)))[0, :, 0]
    assert (first == blocks.bias[0]).all()
