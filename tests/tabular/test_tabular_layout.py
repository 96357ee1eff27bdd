"""The layout: indices, ranks and names of sub-columns; sizes of networks for any table."""

import pytest
import torch

from synth_engine.domain import InputError
from synth_engine.tabular.layout import Column, Layout
from synth_engine.tabular.sizes import IDENTIFIERS, MAX_FIRST_LAYER, check_identifier, sizes_for
from tests.tabular.helpers import MIXED, make_layout

NAN = float("nan")


def test_sub_columns_stand_in_the_order_of_their_columns():
    layout = make_layout(MIXED)
    assert layout.cardinalities == [3, 2, 3, 1, 4]
    assert layout.column_of.tolist() == [0, 1, 1, 2, 3]
    assert layout.n_columns == 4
    assert [layout.places(f"c{i}") for i in range(4)] == [[0], [1, 2], [3], [4]]


def test_a_column_that_is_not_there():
    with pytest.raises(KeyError, match="c9"):
        make_layout(MIXED).places("c9")


def test_codes_without_an_order_have_no_rank():
    layout = Layout((Column("a", {"x": 2, "y": 3}, {"y": [0.0, 0.5, 1.0]}), Column("b", {"z": 1}, {})))
    wanted = torch.tensor([NAN, NAN, 0, 0.5, 1, NAN])
    torch.testing.assert_close(layout.ranks, wanted, equal_nan=True)


def test_no_columns():
    layout = Layout(())
    assert layout.cardinalities == []
    assert layout.column_of.shape == (0,)
    assert layout.ranks.shape == (0,)


@pytest.mark.parametrize("identifier", [None, *IDENTIFIERS])
@pytest.mark.parametrize("n_sub_columns", [0, 1, 10, 300, 1500])
def test_wide_tables_get_narrower_networks_not_larger_ones(identifier, n_sub_columns):
    sizes = sizes_for(identifier, n_sub_columns)
    narrower = sizes_for(identifier, 2 * n_sub_columns)
    assert narrower.hidden <= sizes.hidden
    assert narrower.embedding <= sizes.embedding
    weights = n_sub_columns**2 * sizes.embedding * sizes.hidden
    least = n_sub_columns**2 * 4 * 8  # sizes are not shrunk below this
    assert weights <= max(1.2 * MAX_FIRST_LAYER, least)


def test_larger_identifiers_give_larger_networks():
    hidden = [sizes_for(identifier, 20).hidden for identifier in IDENTIFIERS]
    assert hidden == sorted(set(hidden))


def test_unknown_identifiers_are_refused():
    with pytest.raises(InputError, match=r"model: expected one of .*MOSTLY_AI/Small.*found 'tiny'"):
        check_identifier("tiny")
