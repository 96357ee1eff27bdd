"""The schedule: warm up, hold, cool down to zero."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_engine.training import Schedule

steps = st.integers(0, 500)
peaks = st.floats(1e-6, 1)


def rates(schedule: Schedule, n: int) -> list[float]:
    return [schedule.rate(step) for step in range(n)]


@given(peaks, st.integers(0, 100))
def test_warms_up_evenly_then_holds(peak, warmup):
    schedule = Schedule(peak, warmup_steps=warmup)
    found = rates(schedule, warmup + 20)
    assert found[: max(warmup, 1)] == pytest.approx([peak * (i + 1) / max(warmup, 1) for i in range(max(warmup, 1))])
    assert set(found[max(warmup, 1) :]) == {peak}


@given(peaks, st.integers(0, 100), steps, st.integers(-5, 300))
def test_cools_down_evenly_to_zero_and_is_then_finished(peak, warmup, start, length):
    schedule = Schedule(peak, warmup_steps=warmup)
    before = rates(schedule, start + 1)
    schedule.begin_cooldown(start, length)
    length = max(length, 1)
    found = rates(schedule, start + length + 5)
    assert found[: start + 1] == before
    after_warmup = found[max(start, warmup) :]
    assert all(later <= earlier for earlier, later in pairwise(after_warmup))
    assert [schedule.finished(step) for step in range(len(found))] == [
        step >= start + length for step in range(len(found))
    ]
    assert found[start + length :] == [0.0] * 5
    assert min(found[: start + length]) > 0
    if start >= warmup:
        wanted = [peak * (length - i) / length for i in range(length)]
        assert found[start : start + length] == pytest.approx(wanted)


@given(peaks, st.integers(0, 100), steps, st.integers(1, 300), steps)
def test_rates_stay_between_zero_and_peak(peak, warmup, start, length, step):
    schedule = Schedule(peak, warmup_steps=warmup)
    schedule.begin_cooldown(start, length)
    assert 0 <= schedule.rate(step) <= peak


def test_a_cooldown_is_not_begun_twice():
    schedule = Schedule(1.0)
    schedule.begin_cooldown(10, 20)
    schedule.begin_cooldown(15, 1)
    assert (schedule.cooldown_from, schedule.cooldown_to) == (10, 30)


def test_a_better_loss_does_not_end_a_cooldown():
    schedule = Schedule(1.0, warmup_steps=1, patience=1)
    losses_until_cooldown(schedule, [1.0, 1.0])
    before = rates(schedule, 40)
    schedule.observe(24, 0.1)
    schedule.observe(26, 0.2)
    assert rates(schedule, 40) == before
    assert schedule.finished(28)


@given(st.floats(0, 2), st.integers(0, 50))
def test_weight_decay_grows_from_nothing_to_its_full_strength(strength, ramp):
    schedule = Schedule(1.0, weight_decay=strength, decay_ramp_steps=ramp)
    found = [schedule.decay(step) for step in range(ramp + 5)]
    assert found[0] == 0
    assert found == sorted(found)
    assert set(found[max(ramp, 1) :]) == {strength}
    assert found[ramp // 2] == pytest.approx(strength * (ramp // 2) / max(ramp, 1))


def losses_until_cooldown(schedule: Schedule, losses: list[float]) -> int | None:
    """Number of the observation that begins the cool-down, from 1; an epoch has 10 steps."""
    for i, loss in enumerate(losses, start=1):
        schedule.observe(10 * i, loss)
        if schedule.cooldown_from is not None:
            return i
    return None


@pytest.mark.parametrize(
    ("losses", "begins"),
    [
        ([5, 4, 3, 2, 1], None),
        ([5, 4, 4, 4], 4),
        ([5, 4, 4, 3, 3, 3], 6),
        ([5, 6, 7], 3),
        ([5, 6, 4, 6, 3], None),
        ([5, 4.9999, 4.9998], 3),  # gains of less than a ten-thousandth do not count
        ([-5, -6, -7, -8], None),
        ([-5, -5.0001, -5.0002], 3),
        ([0, 0, 0], 3),
    ],
)
def test_begins_to_cool_down_when_the_loss_no_longer_falls(losses, begins):
    assert losses_until_cooldown(Schedule(1.0, patience=2, min_gain=1e-4), losses) == begins


@pytest.mark.parametrize("patience", [1, 2, 5])
def test_patience(patience):
    assert losses_until_cooldown(Schedule(1.0, patience=patience), [1.0] * 20) == patience + 1


@given(st.floats(0, 1), steps)
def test_length_of_the_cooldown_is_a_share_of_the_steps_before(share, step):
    length = Schedule(1.0, cooldown_share=share).cooldown_length(step)
    assert length >= 1
    assert abs(length - share * step) <= 1
