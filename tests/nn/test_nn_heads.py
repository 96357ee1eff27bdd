"""Heads in buckets against one linear layer and one cross-entropy per sub-column."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from synth_engine.nn import BucketedHeads
from synth_engine.nn.heads import MAX_PADDING, make_buckets

many_cardinalities = st.lists(st.integers(1, 12) | st.sampled_from([30, 31, 100]), min_size=1, max_size=7)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def make_heads(cardinalities: list[int], hidden: int, seed: int) -> BucketedHeads:
    heads = BucketedHeads(cardinalities, hidden).double()
    for parameter in heads.parameters():
        parameter.data.normal_(generator=seeded(seed))
    return heads


def random_codes(cardinalities: list[int], rows: int, seed: int) -> torch.Tensor:
    return torch.stack([torch.randint(size, (rows,), generator=seeded(seed)) for size in cardinalities], dim=1)


@given(many_cardinalities, st.integers(1, 3), st.integers(1, 4), st.integers(0, 3))
def test_losses_equal_cross_entropy_of_each_sub_column(cardinalities, hidden, rows, seed):
    heads = make_heads(cardinalities, hidden, seed)
    codes = random_codes(cardinalities, rows, seed)
    shape = (len(cardinalities), rows, hidden)
    units = torch.randn(shape, generator=seeded(seed), dtype=torch.float64, requires_grad=True)
    fast = heads.losses(units, codes)
    logits = [heads.logits(units[place], k) for place, k in enumerate(heads.order)]
    slow = torch.stack(
        [cross_entropy(z, codes[:, k], reduction="none") for z, k in zip(logits, heads.order, strict=True)]
    )
    torch.testing.assert_close(fast, slow)
    inputs = [units, *heads.parameters()]
    for one, other in zip(
        torch.autograd.grad(fast.sum(), inputs), torch.autograd.grad(slow.sum(), inputs), strict=True
    ):
        torch.testing.assert_close(one, other)


@given(many_cardinalities, st.integers(0, 3))
def test_logits_are_a_distribution_over_just_the_codes_of_the_sub_column(cardinalities, seed):
    heads = make_heads(cardinalities, 3, seed)
    units = torch.randn(2, 3, generator=seeded(seed), dtype=torch.float64)
    assert [heads.logits(units, k).shape for k in range(len(cardinalities))] == [(2, size) for size in cardinalities]


@given(many_cardinalities)
def test_head_order_and_places_are_inverse(cardinalities):
    heads = BucketedHeads(cardinalities, 1)
    assert [heads.order[heads.place[k]] for k in range(len(cardinalities))] == list(range(len(cardinalities)))
    assert heads.order_K.tolist() == heads.order


@given(many_cardinalities)
def test_buckets_hold_every_sub_column_once_and_pad_little(cardinalities):
    buckets = make_buckets(cardinalities)
    assert sorted(k for bucket in buckets for k in bucket) == list(range(len(cardinalities)))
    for bucket in buckets:
        sizes = [cardinalities[k] for k in bucket]
        assert max(sizes) <= MAX_PADDING * min(sizes)
    padded = sum(len(bucket) * max(cardinalities[k] for k in bucket) for bucket in buckets)
    assert padded <= MAX_PADDING * sum(cardinalities)
    ratio = max(cardinalities) / min(cardinalities)
    assert len(buckets) <= 1 + math.log(ratio, MAX_PADDING)


def test_no_sub_columns_need_no_buckets():
    assert make_buckets([]) == []


@given(many_cardinalities, st.integers(0, 3))
def test_start_from_gives_the_frequencies(cardinalities, seed):
    heads = make_heads(cardinalities, 2, seed)
    counts = [torch.randint(0, 50, (size,), generator=seeded(seed)) for size in cardinalities]
    heads.start_from(counts)
    for k, count in enumerate(counts):
        smoothed = (count + 0.5) / (count + 0.5).sum()
        found = heads.logits(torch.zeros(1, 2, dtype=torch.float64), k).softmax(1)[0]
        torch.testing.assert_close(found, smoothed.double(), atol=1e-6, rtol=1e-5)


def test_codes_that_never_occur_start_out_rare_but_possible():
    heads = BucketedHeads([4], 2)
    heads.start_from([torch.tensor([0, 10**9, 0, 0])])
    found = heads.logits(torch.zeros(1, 2), 0).softmax(1)[0]
    assert found.isfinite().all()
    assert (found > 0).all()
    assert found[1] > 0.999


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("k", range(4))
def test_shift_bias_moves_one_sub_column_and_no_other(k, seed):
    cardinalities = [3, 4, 3, 20]
    heads = make_heads(cardinalities, 2, seed)
    units = torch.randn(5, 2, generator=seeded(seed), dtype=torch.float64)
    before = [heads.logits(units, i) for i in range(4)]
    shift = torch.randn(cardinalities[k], generator=seeded(seed), dtype=torch.float64)
    heads.shift_bias(k, shift)
    after = [heads.logits(units, i) for i in range(4)]
    torch.testing.assert_close(after[k], before[k] + shift)
    assert all(torch.equal(after[i], before[i]) for i in range(4) if i != k)
