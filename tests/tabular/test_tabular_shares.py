"""Shares that are given: exact, whatever temperature and top-p do to the other codes; and masks of single rows."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from synth_engine.tabular.interventions import UNKNOWN, Interventions, Seen, Shares
from synth_engine.tabular.sampler import sample
from tests.tabular.helpers import MIXED, make_network, seeded

N = 1_000
EVEN = (torch.randperm(N, generator=seeded(9)) + 0.5) / N

probabilities = st.lists(st.integers(0, 100), min_size=1, max_size=4).map(
    lambda parts: [part / max(sum(parts), 100) for part in parts]
)
settings_of_others = st.sampled_from([(1.0, 1.0), (0.0, 1.0), (0.5, 0.4), (1e30, 1e-6)])


@given(probabilities, settings_of_others, st.integers(0, 100))
def test_given_shares_are_what_was_asked_for(shares, others, seed):
    logits = torch.randn(5, 6, generator=seeded(seed))
    wanted = {code + 1: share for code, share in enumerate(shares)}
    found = Interventions(*others, forbidden={0: [0]}, shares={0: Shares(wanted)}).apply(logits, 0)
    assert torch.allclose(found.sum(1), torch.ones(5), atol=1e-5)
    for code, share in wanted.items():
        assert found[:, code].tolist() == pytest.approx([share] * 5, abs=1e-6)
    assert (found[:, 0] == 0).all()


@given(settings_of_others, st.integers(0, 100))
def test_the_others_keep_their_proportions_as_temperature_and_top_p_leave_them(others, seed):
    logits = torch.randn(3, 6, generator=seeded(seed))
    found = Interventions(*others, shares={0: Shares({2: 0.25})}).apply(logits, 0)
    alone = Interventions(*others, forbidden={0: [2]}).apply(logits, 0)
    assert torch.allclose(found.index_fill(1, torch.tensor(2), 0.0), alone * 0.75, atol=1e-5)


def test_where_no_other_code_is_left_the_given_ones_share_out_everything():
    interventions = Interventions(forbidden={0: [2]}, shares={0: Shares({0: 0.2, 1: 0.2})})
    found = interventions.apply(torch.zeros(2, 3), 0)
    assert (found / found.sum(1, keepdim=True)).tolist() == [[0.5, 0.5, 0.0]] * 2


@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (0.0, 1.0), (0.6, 0.7)])
@pytest.mark.parametrize("order", [None, [3, 0, 1, 2], [0, 1, 2, 3]])
def test_with_even_numbers_counts_are_exact(temperature, top_p, order):
    """Also where the network gives the others different probabilities in every row."""
    interventions = Interventions(temperature, top_p, shares={4: Shares({2: 0.123, 0: 0.4})})
    codes = sample(make_network(MIXED, 0), N, seeded(0), interventions=interventions, order=order, numbers={4: EVEN})
    assert (codes[:, 4] == 2).sum() == 123
    assert (codes[:, 4] == 0).sum() == 400


class NotTwice:
    """The last column never has the code of the first one."""

    def allowed(self, k: int, seen: Seen) -> torch.Tensor | None:
        if k != 4:
            return None
        taken = seen.codes(0)
        allowed = torch.ones(len(taken), 4, dtype=torch.bool)
        allowed[torch.arange(len(taken)), taken.clamp(min=0)] = taken == UNKNOWN
        return allowed


@pytest.mark.parametrize("shares", [{}, {4: Shares({0: 0.7, 1: 0.3})}])
@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0])
def test_masks_hold_in_every_row(shares, temperature):
    interventions = Interventions(temperature, shares=shares, masks=[NotTwice()])
    codes = sample(make_network(MIXED, 0), N, seeded(0), interventions=interventions)
    assert (codes[:, 0] != codes[:, 4]).all()


def test_a_mask_sees_nothing_of_what_is_yet_to_come():
    seen: list[torch.Tensor] = []

    class Look:
        def allowed(self, k: int, rows: Seen) -> None:
            if k == 0:
                seen.append(rows.codes(4))

    sample(make_network(MIXED, 0), 3, seeded(0), interventions=Interventions(masks=[Look()]))
    assert set(seen[0].tolist()) == {UNKNOWN}
