"""Different rows equal those that NumPy finds."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from synth_engine.encodings.patterns import patterns

numbers = st.integers(-3, 3) | st.integers(-(2**61), 2**61)


@given(arrays.arrays(np.int64, st.tuples(st.integers(0, 20), st.integers(1, 4)), elements=numbers))
def test_patterns_equal_their_slow_twin(rows):
    found, of_row = patterns(rows)
    wanted, of_wanted = np.unique(rows, axis=0, return_inverse=True)
    assert sorted(found.tolist()) == wanted.tolist()
    assert (found[of_row] == rows).all()
    assert len(of_row) == len(of_wanted.reshape(-1))
