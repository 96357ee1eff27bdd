"""Steps inside steps: digits of every number, against a slow twin, and back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from synth_engine.encodings.fine_steps import from_digits, n_digits, to_digits
from synth_engine.encodings.quad_tree import POSITION_LEVELS

LEVELS = st.lists(st.integers(0, 32), min_size=1, max_size=9)


def rests_of(levels: list[int], data) -> list[int]:
    return [data.draw(st.integers(0, 2 ** max(level - POSITION_LEVELS, 0) - 1)) for level in levels]


@given(levels=LEVELS, data=st.data())
def test_digits_are_the_bits_of_a_number_by_four(levels, data):
    rests, width = rests_of(levels, data), n_digits(max(levels))
    digits = to_digits(np.array(rests, np.uint64), np.array(levels), width)
    for row, rest, level in zip(digits.tolist(), rests, levels, strict=True):
        bits = f"{rest:0{level - POSITION_LEVELS}b}" if level > POSITION_LEVELS else ""
        slow = [int(bits[start : start + POSITION_LEVELS], 2) for start in range(0, len(bits), POSITION_LEVELS)]
        assert row == slow + [-1] * (width - len(slow))
        assert len(slow) == n_digits(level)


@given(levels=LEVELS, data=st.data())
def test_numbers_come_back_where_no_digit_is_missing(levels, data):
    rests, width = rests_of(levels, data), n_digits(max(levels))
    digits = to_digits(np.array(rests, np.uint64), np.array(levels), width)
    again, is_known = from_digits(digits, np.array(levels))
    assert again.tolist() == rests
    assert is_known.all()
    if width:
        digits[:, 0] = -1
        assert (from_digits(digits, np.array(levels))[1] == (np.array(levels) <= POSITION_LEVELS)).all()


@given(levels=LEVELS, data=st.data())
def test_whatever_digits_are_drawn_the_number_is_inside_the_step(levels, data):
    width = n_digits(max(levels))
    drawn = np.random.default_rng(data.draw(st.integers(0, 99))).integers(-1, 16, (len(levels), width))
    numbers, _ = from_digits(drawn.astype(np.int32), np.array(levels))
    assert (numbers < 2.0 ** np.maximum(np.array(levels) - POSITION_LEVELS, 0)).all()
