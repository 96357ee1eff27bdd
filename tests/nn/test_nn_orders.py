"""Orders and their masks.

The test on chance fails for a correct implementation with a probability of at most `ERROR_PROBABILITY` per seed.
"""

import itertools
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from synth_engine.nn import precedence
from synth_engine.nn.orders import natural_order, random_orders

ERROR_PROBABILITY = 1e-4


@st.composite
def orders_and_columns(draw):
    parts = draw(st.lists(st.integers(1, 3), min_size=1, max_size=5))
    orders = draw(st.lists(st.permutations(range(len(parts))), min_size=1, max_size=3))
    return torch.tensor(orders), torch.repeat_interleave(torch.tensor(parts))


@given(orders_and_columns())
def test_precedence_is_what_the_order_says(drawn):
    orders, column_of = drawn
    sees = precedence(orders, column_of)
    for order, mask in zip(orders.tolist(), sees, strict=True):
        places = [(order[column], k) for k, column in enumerate(column_of.tolist())]
        assert mask.tolist() == [[earlier < later for later in places] for earlier in places]


@given(orders_and_columns())
def test_precedence_is_a_strict_total_order(drawn):
    sees = precedence(*drawn)
    n = sees.shape[1]
    off_diagonal = ~torch.eye(n, dtype=torch.bool)
    assert ((sees ^ sees.transpose(1, 2)) == off_diagonal).all()  # of two, exactly one sees the other; none itself
    paths = sees.double() @ sees.double()
    assert (sees | (paths == 0)).all()  # transitive
    assert (sees.sum(1).sort(1).values == torch.arange(n)).all()


def test_natural_order_sees_all_to_the_left():
    sees = precedence(natural_order(4), torch.arange(4))
    assert torch.equal(sees[0], torch.ones(4, 4).triu(1).bool())


@pytest.mark.parametrize(("n_orders", "n_columns"), [(1, 1), (3, 1), (5, 7), (2, 300)])
def test_random_orders_are_permutations(n_orders, n_columns):
    orders = random_orders(n_orders, n_columns, torch.Generator().manual_seed(0))
    assert orders.shape == (n_orders, n_columns)
    assert (orders.sort(dim=1).values == torch.arange(n_columns)).all()


@pytest.mark.parametrize("seed", range(3))
def test_random_orders_are_uniform(seed):
    drawn = random_orders(24_000, 4, torch.Generator().manual_seed(seed))
    counts = Counter(tuple(order) for order in drawn.tolist())
    observed = [counts[order] for order in itertools.permutations(range(4))]
    assert stats.chisquare(observed).pvalue > ERROR_PROBABILITY


def test_random_orders_follow_their_generator():
    one, same, other = (random_orders(4, 9, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
