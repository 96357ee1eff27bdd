"""Contexts: lists are taken subject by subject, and summarised one element after the other."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from synth_engine.sequences.context import Context, ContextEncoder, ListEncoder, Lists
from synth_engine.sequences.layout import ListLayout
from synth_engine.sequences.records import Batch
from tests.sequences.helpers import CONTEXT, LISTS, LONGEST_LIST, make_records, random_lists, whole
from tests.tabular.helpers import make_layout, seeded

UNITS = 5


def make_encoder(sizes: list[int], seed: int = 0) -> ListEncoder:
    return with_weights(ListEncoder(ListLayout(make_layout([sizes]), LONGEST_LIST), 3, UNITS), seed).double()


def with_weights(module: nn.Module, seed: int) -> nn.Module:
    for place, parameter in enumerate(module.parameters()):
        parameter.data.normal_(std=0.7, generator=seeded(100 * seed + place))
    return module


def as_python(lists: Lists) -> list[list[list[int]]]:
    """The codes of the elements of each list."""
    return (
        [part.tolist() for part in lists.codes_MK.tensor_split(lists.offsets[1:-1])] if len(lists.offsets) > 1 else []
    )


@given(st.lists(st.integers(0, 5), max_size=8), st.integers(0, 20))
def test_lists_of_some_subjects(rows, seed):
    lists = random_lists([3, 2], 6, seed)
    assert as_python(lists.of(torch.tensor(rows, dtype=torch.long))) == [as_python(lists)[row] for row in rows]
    joined = Lists.joined([lists, lists.of(torch.tensor(rows, dtype=torch.long))])
    assert as_python(joined) == [*as_python(lists), *(as_python(lists)[row] for row in rows)]


@given(st.integers(1, 4), st.integers(0, 20))
def test_contexts_are_split_and_joined(size, seed):
    context = make_records([1] * 5, seed, lists=LISTS).context
    parts = context.split(size)
    assert [len(part) for part in parts] == [min(size, 5 - start) for start in range(0, 5, size)]
    again = Context.joined(parts)
    assert torch.equal(again.codes_SC, context.codes_SC)
    assert list(map(as_python, again.lists)) == list(map(as_python, context.lists))
    assert [len(part) for part in make_records([], lists=LISTS).context.split(size)] == [0]


def test_a_batch_is_flat_tensors_and_back():
    batch = whole(make_records([2, 0, 1], lists=LISTS), [2, 0])
    assert len(batch.tensors) == Batch.n_tensors(len(LISTS))
    again = Batch.of(batch.tensors)
    assert all(torch.equal(one, other) for one, other in zip(again.tensors, batch.tensors, strict=True))
    assert list(map(as_python, again.context.lists)) == list(map(as_python, batch.context.lists))


@pytest.mark.parametrize("sizes", LISTS)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_list_is_what_the_recurrence_has_kept_of_its_elements(sizes, seed):
    """Twin: one element after the other. An empty list is zeros, wherever it stands."""
    encoder, lists = make_encoder(sizes, seed), random_lists(sizes, 9, seed)
    assert 0 in lists.offsets.diff()
    vectors = encoder(lists)
    for vector, elements in zip(vectors, as_python(lists), strict=True):
        state = torch.zeros(1, UNITS, dtype=torch.double)
        for codes in elements:
            embedded = encoder.embedding(torch.tensor([codes])).flatten(1)
            features = torch.addmm(encoder.bias, embedded, encoder.weight).relu()
            state = encoder.recurrence.step(features, state)
        torch.testing.assert_close(vector, state[0])


def test_nothing_but_empty_lists():
    encoder = make_encoder([3])
    for n_lists in (0, 1, 4):
        nothing = Lists(torch.zeros(0, 1, dtype=torch.int32), torch.zeros(n_lists + 1, dtype=torch.long))
        assert torch.equal(encoder(nothing), torch.zeros(n_lists, UNITS, dtype=torch.double))


def test_order_of_elements_matters_and_other_subjects_do_not():
    encoder = make_encoder([3, 2])
    lists = Lists(torch.tensor([[0, 1], [2, 0], [2, 0], [0, 1]]), torch.tensor([0, 2, 4]))
    one, other = encoder(lists)
    assert not torch.allclose(one, other)
    for row in range(2):
        torch.testing.assert_close(encoder(lists.of(torch.tensor([row])))[0], (one, other)[row])


def test_every_weight_learns_from_lists():
    lists = [ListLayout(make_layout([each]), LONGEST_LIST) for each in LISTS]
    encoder = with_weights(ContextEncoder(make_layout(CONTEXT), lists, 3, UNITS), 0)
    encoder(make_records([1] * 9, lists=LISTS).context).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in encoder.parameters())


def test_a_context_without_the_lists_of_the_layout_is_an_error_of_ours():
    encoder = ContextEncoder(make_layout([[3]]), [ListLayout(make_layout([[2]]), 2)], 3, UNITS)
    with pytest.raises(AssertionError, match="other columns of lists"):
        encoder(make_records([1]).context)
