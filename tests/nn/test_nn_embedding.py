"""The one embedding table against an `nn.Embedding` per sub-column and interpolation by hand."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from synth_engine.nn import CodeEmbedding
from synth_engine.nn.embedding import N_BASIS, triangular_basis

ranks_of_codes = st.floats(0, 1, width=32) | st.just(math.nan) | st.sampled_from([k / (N_BASIS - 1) for k in range(12)])


@st.composite
def tables(draw):
    """Cardinalities and a rank, or none, for each code."""
    cardinalities = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    total = sum(cardinalities)
    return cardinalities, draw(st.lists(ranks_of_codes, min_size=total, max_size=total))


def slow_vector(embedding: CodeEmbedding, k: int, code: int, cardinalities: list[int], ranks: list[float]) -> Tensor:
    """Embedding of one code: its own vector, plus all basis functions at its rank times their weights."""
    start = sum(cardinalities[:k])
    own = nn.Embedding.from_pretrained(embedding.table.detach()[start : start + cardinalities[k]])
    vector = own(torch.tensor(code))
    rank = ranks[start + code]
    for knot in range(N_BASIS):
        height = 0.0 if math.isnan(rank) else max(0.0, 1 - abs(rank * (N_BASIS - 1) - knot))
        if height:
            vector = vector + height * embedding.rank_weight.detach()[k * N_BASIS + knot]
    return vector


@given(tables(), st.integers(1, 3))
def test_gather_equals_a_layer_per_sub_column(table, dim):
    cardinalities, ranks = table
    embedding = CodeEmbedding(cardinalities, dim, torch.tensor(ranks))
    codes = torch.tensor([[code % size for size in cardinalities] for code in range(max(cardinalities))])
    found = embedding(codes)
    for row, vectors in zip(codes.tolist(), found, strict=True):
        for k, code in enumerate(row):
            wanted = slow_vector(embedding, k, code, cardinalities, ranks)
            torch.testing.assert_close(vectors[k], wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("shape", [(2,), (3, 2), (4, 3, 2), (0, 2)])
def test_codes_of_any_leading_shape(shape):
    embedding = CodeEmbedding([3, 2], 4)
    assert embedding(torch.ones(shape, dtype=torch.long)).shape == (*shape, 4)


def test_gradient_reaches_only_the_codes_that_occur():
    embedding = CodeEmbedding([3, 2], 4, torch.tensor([0.0, 0.5, 1.0, math.nan, math.nan]))
    embedding(torch.tensor([[1, 0]])).sum().backward()
    assert (embedding.table.grad != 0).any(1).tolist() == [False, True, False, True, False]
    touched = (embedding.rank_weight.grad != 0).any(1).nonzero()[:, 0].tolist()
    assert touched == [5, 6]  # rank 0.5 lies between the knots 5 and 6 of the first sub-column


@pytest.mark.parametrize("ranks", [None, torch.full((5,), torch.nan)])
def test_without_any_order_there_are_no_weights_for_it(ranks):
    assert [name for name, _ in CodeEmbedding([3, 2], 4, ranks).named_parameters()] == ["table"]


@given(st.lists(ranks_of_codes, min_size=1, max_size=20))
def test_basis_interpolates(ranks):
    knots, shares = triangular_basis(torch.tensor(ranks))
    assert (knots >= 0).all()
    assert (knots < N_BASIS).all()
    assert (shares >= 0).all()
    has_rank = [not math.isnan(rank) for rank in ranks]
    assert shares.sum(1).tolist() == pytest.approx([float(known) for known in has_rank])
    middle = (knots * shares).sum(1) / (N_BASIS - 1)
    assert middle[has_rank].tolist() == pytest.approx([rank for rank in ranks if not math.isnan(rank)], abs=1e-6)
