"""Budgets: what is asked is paid for, and never more is spent than there is."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_engine.domain import InputError
from synth_engine.privacy import Budget, TableBudget, seeded_source
from synth_engine.privacy.noise import SMALLEST_EPSILON

SOURCE = seeded_source(np.random.default_rng(0))
COUNTS = np.array([100, 0, 7])


def test_every_answer_is_a_spend():
    budget = Budget(2.0, 1e-3, SOURCE, column="a")
    budget.histogram(COUNTS, 0.25, "first")
    budget.stable_histogram(COUNTS, 0.75, "second")
    assert [(spend.purpose, spend.epsilon, spend.delta, spend.column) for spend in budget.spends] == [
        ("first", 0.5, 0.0, "a"),
        ("second", 1.5, 1e-3, "a"),
    ]


@pytest.mark.parametrize("share", [0.51, 1.0, 0.0, -0.1, math.nan])
def test_more_than_is_left_is_never_spent(share):
    budget = Budget(2.0, 1e-3, SOURCE)
    budget.histogram(COUNTS, 0.5, "first")
    with pytest.raises(AssertionError):
        budget.histogram(COUNTS, share, "second")
    with pytest.raises(AssertionError):
        budget.stable_histogram(COUNTS, share, "second")
    assert len(budget.spends) == 1


def test_delta_is_a_budget_of_its_own():
    budget = Budget(2.0, 1e-3, SOURCE)
    budget.stable_histogram(COUNTS, 0.5, "first")
    with pytest.raises(AssertionError, match="delta"):
        budget.stable_histogram(COUNTS, 0.5, "second", delta_share=0.1)


def test_spends_say_nothing_that_only_the_data_knows():
    few, many = Budget(1.0, 1e-3, SOURCE), Budget(1.0, 1e-3, SOURCE)
    few.stable_histogram(COUNTS, 1.0, "values")
    many.stable_histogram(np.arange(1_000), 1.0, "values")
    assert few.spends == many.spends


@given(st.floats(5e-2, 100), st.integers(0, 300))  # a smaller budget is too small for 300
def test_parts_of_a_table_add_up_to_its_budget(epsilon, n_columns):
    table = TableBudget.of(epsilon, 1e-5, range(n_columns))
    parts = [table.for_records(SOURCE)] + [table.for_column(str(name), SOURCE, 0) for name in range(n_columns)]
    assert math.fsum(part.epsilon for part in parts) == pytest.approx(epsilon, rel=1e-12)
    assert math.fsum(part.delta for part in parts) == pytest.approx(1e-5 if n_columns else 0, rel=1e-12)
    assert len({(part.epsilon, part.delta) for part in parts[1:]}) <= 1


def test_a_budget_that_is_too_small_for_its_columns_is_refused():
    with pytest.raises(InputError, match=r"^value_protection_epsilon: expected at least 0.1 for 1000 column"):
        TableBudget.of(1e-3, 1e-5, range(1000))
    with pytest.raises(InputError, match=r"^value_protection_epsilon"):
        TableBudget.of(SMALLEST_EPSILON, 1e-5, [])
