"""The recipe of private training: a schedule that nothing can change, sizes and batches from public numbers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_engine.tabular.recipe import private_batch_size_for, private_schedule_for, private_sizes
from synth_engine.tabular.sizes import IDENTIFIERS, sizes_for


@given(st.integers(1, 3000), st.integers(1, 100_000))
def test_rates_rise_hold_and_fall_to_zero_at_the_last_step(steps, batch):
    schedule = private_schedule_for(steps, batch)
    rates = [schedule.rate(step) for step in range(steps)]
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert all(0 < rate <= schedule.peak for rate in rates)
    assert schedule.rate(steps) == 0
    if steps >= 100:
        assert max(rates) == schedule.peak
        assert rates[-1] < 0.05 * schedule.peak


@given(st.lists(st.floats(0, 100) | st.just(math.nan), max_size=20))
def test_no_loss_changes_the_schedule(losses):
    watched, alone = private_schedule_for(100, 1000), private_schedule_for(100, 1000)
    for step, loss in enumerate(losses):
        watched.observe(step, loss)
    assert [watched.rate(step) for step in range(100)] == [alone.rate(step) for step in range(100)]
    assert not watched.finished(99)


@pytest.mark.parametrize("n", [1, 19, 1000, 10**7])
def test_a_batch_is_no_larger_than_the_table(n):
    assert 1 <= private_batch_size_for(n) <= n


@pytest.mark.parametrize("identifier", IDENTIFIERS)
@pytest.mark.parametrize("n_sub_columns", [0, 1, 30, 3000])
def test_private_networks_are_smaller_and_drop_nothing(identifier, n_sub_columns):
    plain = sizes_for(identifier, n_sub_columns)
    private = private_sizes(plain)
    assert 0 < private.hidden < plain.hidden
    assert (private.n_residual, private.dropout) == (0, 0.0)
