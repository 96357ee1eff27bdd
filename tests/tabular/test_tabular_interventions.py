"""Temperature, nucleus and forbidden codes, alone and together, against plain arithmetic in double precision."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from synth_engine.tabular.interventions import Interventions, nucleus
from synth_engine.tabular.sampler import draw, sample
from tests.tabular.helpers import MIXED, make_network, seeded

# of a spacing that temperature can tell apart, and repeated at times
logit = st.integers(-20, 20).map(lambda number: number / 4)
rows_of_logits = st.integers(1, 8).flatmap(
    lambda width: st.lists(st.lists(logit, min_size=width, max_size=width), min_size=1, max_size=3)
)
temperatures = st.sampled_from([0.0, 1e-300, 1e-40, 1e-6, 0.1, 0.5, 1.0, 2.0, 1e6, 1e300])
top_ps = st.floats(0, 1, exclude_min=True) | st.sampled_from([1e-9, 0.5, 0.999999, 1.0])


def slow_softmax(logits: list[float], temperature: float) -> np.ndarray:
    logits = np.array(logits, dtype=float)
    if temperature == 0:
        return np.eye(len(logits))[logits.argmax()]
    with np.errstate(over="ignore"):
        weights = np.exp((logits - logits.max()) / temperature)
    return weights / weights.sum()


def slow_nucleus(probabilities: np.ndarray, top_p: float) -> set[int]:
    """The most likely codes, one after the other, until they reach `top_p`."""
    kept: list[int] = []
    for code in sorted(range(len(probabilities)), key=lambda code: -probabilities[code]):
        if kept and probabilities[kept].sum() >= top_p:
            break
        kept.append(code)
    return set(kept)


def is_near_a_tie(probabilities: np.ndarray, top_p: float) -> bool:
    """Whether rounding may decide when `top_p` is reached."""
    return bool((abs(np.sort(probabilities)[::-1].cumsum() - top_p) < 1e-5).any())


def as_set(row: torch.Tensor) -> set[int]:
    return set(row.nonzero()[:, 0].tolist())


@given(rows_of_logits)
def test_by_default_nothing_is_changed(rows):
    logits = torch.tensor(rows)
    assert torch.equal(Interventions().apply(logits, 0), logits.softmax(1))


@given(rows_of_logits)
def test_temperature_zero_takes_the_most_likely(rows):
    found = Interventions(temperature=0).apply(torch.tensor(rows), 0)
    assert found.argmax(1).tolist() == [row.index(max(row)) for row in rows]
    assert (found.amax(1) == 1).all()
    assert (found.sum(1) == 1).all()


@given(rows_of_logits, st.sampled_from([1e-2, 1e-20, 1e-38, 1e-45, 1e-300, 5e-324]))
def test_towards_zero_only_the_most_likely_are_left(rows, temperature):
    found = Interventions(temperature=temperature).apply(torch.tensor(rows), 0)
    for row, probabilities in zip(rows, found.tolist(), strict=True):
        top = [code for code, value in enumerate(row) if value == max(row)]
        wanted = [1 / len(top) if code in top else 0.0 for code in range(len(row))]
        assert probabilities == pytest.approx(wanted, abs=1e-6)


@given(rows_of_logits, st.sampled_from([1e9, 1e38, 1e39, 1e300]), st.integers(0, 7))
def test_towards_infinity_all_that_is_allowed_is_alike(rows, temperature, code):
    width = len(rows[0])
    forbidden = [code] if code < width and width > 1 else []
    found = Interventions(temperature=temperature, forbidden={0: forbidden}).apply(torch.tensor(rows), 0)
    wanted = [0.0 if i in forbidden else 1 / (width - len(forbidden)) for i in range(width)]
    assert all(row == pytest.approx(wanted, abs=1e-6) for row in found.tolist())


@given(rows_of_logits, st.sampled_from([0.3, 0.7, 1.0, 1.5, 4.0]))
def test_temperature_equals_its_slow_twin(rows, temperature):
    found = Interventions(temperature=temperature).apply(torch.tensor(rows), 0)
    for row, probabilities in zip(rows, found, strict=True):
        assert probabilities.tolist() == pytest.approx(slow_softmax(row, temperature), abs=1e-6)


@given(rows_of_logits, top_ps)
def test_nucleus_is_the_smallest_set_that_reaches_top_p(rows, top_p):
    probabilities = torch.tensor(rows).softmax(1)
    for before, after in zip(probabilities, nucleus(probabilities, top_p), strict=True):
        exact = before.double().numpy()
        assume(not is_near_a_tie(exact, top_p))
        wanted = slow_nucleus(exact, top_p)
        kept = as_set(after)
        # among codes of the same probability any will do
        assert sorted(exact[list(kept)]) == sorted(exact[list(wanted)])
        torch.testing.assert_close(after[list(kept)], before[list(kept)] / before[list(kept)].sum())


@given(rows_of_logits, top_ps)
def test_nucleus_keeps_the_most_likely_and_adds_up_to_one(rows, top_p):
    probabilities = torch.tensor(rows).softmax(1)
    found = nucleus(probabilities, top_p)
    assert found.sum(1).tolist() == pytest.approx([1.0] * len(rows))
    top = probabilities == probabilities.amax(1, keepdim=True)
    assert (found.gt(0) & top).any(1).all()
    assert (found.masked_fill(found == 0, 1) >= probabilities * (1 - 1e-6)).all()


@st.composite
def interventions_on_rows(draw):
    rows = draw(rows_of_logits)
    width = len(rows[0])
    forbidden = draw(st.lists(st.integers(0, width - 1), max_size=width - 1, unique=width > 1)) if width > 1 else []
    return rows, Interventions(draw(temperatures), draw(top_ps), {3: forbidden})


@given(interventions_on_rows())
def test_all_together_equal_forbid_then_temperature_then_nucleus(drawn):
    rows, interventions = drawn
    forbidden = list(interventions.forbidden[3])
    found = interventions.apply(torch.tensor(rows), 3)
    assert found.sum(1).tolist() == pytest.approx([1.0] * len(rows))
    assert (found[:, forbidden] == 0).all()
    for row, after in zip(rows, found, strict=True):
        allowed = np.where(np.isin(np.arange(len(row)), forbidden), -np.inf, row)
        exact = slow_softmax(allowed, interventions.temperature)
        if interventions.top_p == 1:
            assert after.tolist() == pytest.approx(exact, abs=1e-6)
        elif not is_near_a_tie(exact, interventions.top_p):
            wanted = slow_nucleus(exact, interventions.top_p)
            assert sorted(exact[list(as_set(after))]) == pytest.approx(sorted(exact[list(wanted)]), abs=1e-6)


@given(interventions_on_rows(), st.floats(0, 1, exclude_max=True) | st.sampled_from([0.0, math.nextafter(1, 0)]))
def test_a_forbidden_code_is_never_drawn(drawn, uniform):
    rows, interventions = drawn
    probabilities = interventions.apply(torch.tensor(rows), 3)
    codes = draw(probabilities, torch.full((len(rows),), uniform, dtype=torch.float64))
    assert not set(codes.tolist()) & set(interventions.forbidden[3])


def test_codes_are_forbidden_in_their_own_sub_column_only():
    logits = torch.zeros(1, 3)
    interventions = Interventions(forbidden={1: [0, 2], 2: []})
    assert interventions.apply(logits, 1).tolist() == [[0, 1, 0]]
    for k in (0, 2):
        assert interventions.apply(logits, k).tolist() == [pytest.approx([1 / 3] * 3)]


def test_one_code_must_be_left():
    with pytest.raises(AssertionError, match="left to draw"):
        Interventions(forbidden={0: [0, 1]}).apply(torch.zeros(1, 2), 0)


def test_the_logits_are_left_as_they_were():
    logits = torch.tensor([[0.0, 1.0, 2.0]])
    before = logits.clone()
    Interventions(0.5, 0.5, {0: [2]}).apply(logits, 0)
    assert torch.equal(logits, before)


@pytest.mark.parametrize("temperature", [0.0, 1e-40, 0.7, 1e39])
@pytest.mark.parametrize("top_p", [1e-9, 0.7, 1.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_samples_hold_nothing_forbidden(temperature, top_p, seed):
    network = make_network(MIXED, seed)
    forbidden = {0: [1], 2: [0, 2], 4: [3, 1]}
    codes = sample(network, 300, seeded(seed), interventions=Interventions(temperature, top_p, forbidden))
    for k, never in forbidden.items():
        assert not set(codes[:, k].tolist()) & set(never)
