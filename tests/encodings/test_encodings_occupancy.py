"""Cells of a line: cut without gaps, at most as finely as asked, and cut off at ends where nobody is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_engine.encodings.occupancy import Cells, Occupancy, between_ends
from synth_engine.privacy import Budget, NoisyHistogram, seeded_source
from tests.privacy.bounds import most_failures


def budget(epsilon: float, seed: int = 0) -> Budget:
    return Budget(epsilon, 0.0, seeded_source(np.random.default_rng(seed)))


@given(
    st.lists(st.integers(0, 2**12 - 1), max_size=200),
    st.sampled_from([0.5, 5.0, 1e9]),
    st.integers(0, 9),
    st.booleans(),
)
def test_parts_fill_their_cell_and_have_its_people(keys, least, most_bits, one_each):
    """With so much budget that there is no noise."""
    places, counts = np.unique(np.array(keys, np.uint64), return_counts=True)
    starts = np.array([0, 1 << 10, 1 << 11], np.uint64)
    cells = Cells(starts, np.array([10, 10, 11]), Occupancy(places, counts).inside(starts, np.array([10, 10, 11])))
    wanted = np.full(3, least) if one_each else least
    parts, of_cell, _ = Occupancy(places, counts).cut(cells, budget(1024.0), 1.0, wanted, most_bits)
    ends = parts.starts + (np.uint64(1) << parts.bits.astype(np.uint64))
    assert (parts.starts[1:] == ends[:-1]).all()
    assert (parts.starts[0], ends[-1]) == (0, 1 << 12)
    assert (np.bincount(of_cell, parts.counts, minlength=3) == cells.counts).all()
    n_parts = np.bincount(of_cell)
    assert (n_parts <= np.maximum(np.minimum(cells.counts / least, 2**most_bits), 1)).all()


def test_ends_where_nobody_is_are_cut_off_but_as_rarely_as_said():
    mechanism, n_runs, failure = NoisyHistogram(0.1), 500, 0.02
    counts = np.repeat([0, 1_000, 0, 1_000, 0], [50, 3, 40, 3, 100])
    wrong = 0
    for seed in range(n_runs):
        kept = between_ends(mechanism.release(counts, seeded_source(np.random.default_rng(seed))), mechanism, failure)
        assert kept[50:96].all()  # the gap in the middle as well; 1,000 are a hundred times the scale of the noise
        wrong += kept[:50].any() + kept[96:].any()
    assert wrong <= most_failures(2 * n_runs, failure)


@given(st.lists(st.integers(-200, 200), max_size=50))
def test_both_ends_are_treated_alike(counts):
    mechanism = NoisyHistogram(0.1)
    kept = between_ends(np.array(counts, np.int64), mechanism)
    assert (between_ends(np.array(counts[::-1], np.int64), mechanism)[::-1] == kept).all()
    inside = np.flatnonzero(kept)
    assert len(inside) == 0 or (np.diff(inside) == 1).all()


@pytest.mark.parametrize("n_cells", [0, 1])
def test_no_cells_and_one_cell(n_cells):
    kept = between_ends(np.full(n_cells, 10_000), NoisyHistogram(1.0))
    assert kept.tolist() == [True] * n_cells
