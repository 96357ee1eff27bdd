"""Texts as code points and their numbers, in bounded memory."""

import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_engine.domain import InputError
from synth_engine.encodings import ValueCounts
from synth_engine.encodings.alphabets import MAX_POSITIONS, find_positions, number_points
from synth_engine.encodings.code_points import END, from_code_points, lengths_of, to_code_points
from synth_engine.privacy import ValueProtection

UNICODE = st.text(st.characters(exclude_categories=["Cs"]), max_size=MAX_POSITIONS)


@given(texts=st.lists(UNICODE | st.none()), width=st.integers(1, MAX_POSITIONS), start=st.integers(0, 3))
def test_code_points_are_those_of_python(texts, width, start):
    array = pa.array(texts, pa.large_string()).slice(start)
    points = to_code_points(array, width)
    assert lengths_of(array).tolist() == [len(text or "") for text in texts[start:]]
    for row, text in zip(points.tolist(), texts[start:], strict=True):
        wanted = [ord(character) for character in (text or "")[:width]]
        assert row == wanted + [END] * (width - len(wanted))
    assert from_code_points(points).to_pylist() == [(text or "")[:width] for text in texts[start:]]


@given(texts=st.lists(UNICODE), width=st.integers(0, 9), chunk=st.integers(1, 5))
def test_texts_looked_at_in_chunks_have_the_same_numbers_as_all_at_once(texts, width, chunk):
    array = pa.array(texts, pa.large_string())
    found, numbers = number_points(array, width, chunk)
    points = to_code_points(array, width)
    assert found.tolist() == np.unique(points).tolist()
    assert numbers.shape == (width, len(texts))
    assert (found[numbers] == points.T).all()


def test_alphabets_are_found_in_bounded_memory():
    """Not in that of all code points of all texts, which would be eight bytes for each."""
    n_texts = 150_000
    texts = pa.array([f"{number:064}" for number in range(n_texts)], pa.large_string())
    counts = ValueCounts.of(texts)
    tracemalloc.start()
    positions = find_positions(counts, ValueProtection(), np.random.default_rng(0))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(positions) == MAX_POSITIONS
    assert peak < 2 * MAX_POSITIONS * n_texts + 25e6


def test_bytes_that_are_no_text_are_refused():
    for octets in (b"\xff\xfe\xfd", b"\xed\xa0\x80"):
        broken = pa.LargeStringArray.from_buffers(1, pa.py_buffer(np.array([0, 3])), pa.py_buffer(octets))
        with pytest.raises(InputError, match="expected text in UTF-8"):
            to_code_points(broken, 3)
