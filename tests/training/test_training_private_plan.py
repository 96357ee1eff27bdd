"""Plans of private trainings: never above their budget, never without a reason below it."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_engine.domain import DifferentialPrivacyConfig, InputError
from synth_engine.privacy.accounting import GaussianEvent
from synth_engine.training.private_plan import PrivatePlan, plan_training


def plan(n: int = 20_000, batch: int = 1000, steps: int = 400, before=(), **config) -> PrivatePlan:
    return plan_training(DifferentialPrivacyConfig(**config), n, batch, steps, before)


@settings(max_examples=25)
@given(
    st.floats(0, 10),
    st.floats(0.3, 10),
    st.integers(0, 5000),
    st.integers(1, 3000),
    st.integers(0, 3000),
    st.sampled_from([(), (GaussianEvent(2.0),)]),
)
def test_no_plan_costs_more_than_its_limit(limit, noise, n, batch, steps, before):
    made = plan(n, batch, steps, before, max_epsilon=limit, noise_multiplier=noise)
    own = made.epsilon(made.steps)
    assert own <= limit or (made.steps == 0 and made.marginals is None)  # then it was overspent before
    assert 0 <= made.steps <= steps
    assert 0 < made.sample_rate <= 1


@pytest.mark.parametrize("accountant", ["RDP", "PRV"])
@pytest.mark.parametrize("target", [0.5, 2.4, 8.0])
def test_a_target_is_met_and_not_by_far(accountant, target):
    made = plan(target_epsilon=target, accountant=accountant)
    assert made.steps == 400
    assert 0.98 * target < made.epsilon(400) <= target


def test_half_of_delta_is_for_training():
    assert plan(delta=1e-6).delta == 0.5e-6


def test_marginals_are_released_for_a_part():
    made = plan(target_epsilon=2.4)
    assert made.marginals is not None
    assert made.marginals in made.accountant.before
    without = plan(target_epsilon=2.4, steps=400).accountant
    alone = made.accountant.step.noise_multiplier
    assert without.noise_for(2.4, 400) <= alone
    assert 0 < made.epsilon(0) <= 0.5 * 2.4


def test_as_many_steps_as_the_limit_allows_and_no_more():
    made = plan(max_epsilon=1.0, steps=5000)
    assert 0 < made.steps < 5000
    assert made.epsilon(made.steps) <= 1.0 < made.epsilon(made.steps + 1)


def test_without_a_limit_all_steps_are_taken():
    made = plan()
    assert (made.steps, made.noise_multiplier) == (400, 1.5)
    assert made.epsilon(400) < math.inf


@pytest.mark.parametrize(("limit", "delta"), [(0.0, 0.5), *itertools.product([0.0, 1e-6, 1e-4], [1e-5, 1e-3])])
def test_a_limit_that_is_too_small_for_anything_spends_nothing(limit, delta):
    made = plan(max_epsilon=limit, delta=delta, batch=5, noise_multiplier=1.0)
    assert (made.steps, made.marginals, made.epsilon(0)) == (0, None, 0.0)


def test_zero_steps_spend_nothing():
    for config in ({"target_epsilon": 1.0}, {"max_epsilon": 1.0}, {}):
        made = plan(steps=0, **config)
        assert (made.steps, made.marginals, made.epsilon(0)) == (0, None, 0.0)


def test_what_the_weights_have_cost_before_counts():
    before = (GaussianEvent(3.0),)
    fresh, reused = plan(max_epsilon=2.0, steps=5000), plan(max_epsilon=2.0, steps=5000, before=before)
    assert reused.steps < fresh.steps
    assert reused.epsilon(reused.steps) <= 2.0
    overspent = plan(max_epsilon=2.0, before=(GaussianEvent(0.5),))
    assert (overspent.steps, overspent.marginals) == (0, None)


@pytest.mark.parametrize("limit", [{"max_epsilon": 1.0}, {"max_epsilon": 0.0}])
def test_no_noise_with_a_limit_is_refused(limit):
    with pytest.raises(InputError, match=r"^noise_multiplier: without noise epsilon is infinite"):
        plan(noise_multiplier=0, **limit)


def test_no_noise_without_a_limit_has_no_bound():
    made = plan(noise_multiplier=0)
    assert made.marginals == GaussianEvent(0.0)
    assert made.epsilon(1) == math.inf


def test_a_target_that_no_noise_meets_is_refused():
    with pytest.raises(InputError, match=r"^target_epsilon: no noise makes 400 steps cost as little"):
        plan(target_epsilon=1e-3)


def test_half_of_delta_is_for_training_and_the_ledger_is_told_all_settings():
    made = plan(target_epsilon=2.4)
    assert made.delta == 0.5e-5
    assert made.parameters == {
        "accountant": "RDP",
        "noise_multiplier": made.noise_multiplier,
        "sample_rate": made.sample_rate,
        "max_grad_norm": made.max_grad_norm,
        "noise_multiplier_of_marginals": made.marginals.noise_multiplier,
    }


@pytest.mark.parametrize(("n", "batch"), [(0, 32), (10, 100), (100, 100)])
def test_a_rate_is_a_probability(n, batch):
    assert plan(n, batch).sample_rate == 1
