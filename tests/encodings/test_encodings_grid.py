"""Grids against their slow twin: which part a tick lies in, and which ticks may be drawn."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from synth_engine.encodings.grid import grid

ENDS = {np.int64: (-(2**63), 2**63 - 1), np.uint64: (0, 2**64 - 1)}


def slow_bins(edges: list[int]) -> list[tuple[int, int]]:
    """First and last tick of each bin."""
    return [(low, high - (place < len(edges) - 2)) for place, (low, high) in enumerate(pairwise(edges))]


def slow_place(edges: list[int], n_parts: int, tick: int) -> tuple[int, int]:
    """The bin and its part, by exact arithmetic."""
    tick = min(max(tick, edges[0]), edges[-1])
    for place, (low, high) in enumerate(slow_bins(edges)):
        if low <= tick <= high:
            starts = [low + Fraction(part * (high - low + 1), n_parts) // 1 for part in range(n_parts)]
            return place, max(part for part in range(n_parts) if starts[part] <= tick)
    raise AssertionError


@st.composite
def whole_grids(draw):
    kind = draw(st.sampled_from([np.int64, np.uint64]))
    smallest, largest = ENDS[kind]
    base = draw(st.integers(smallest, largest - 60))
    tick = st.integers(base, base + 60) | st.integers(smallest, largest) | st.sampled_from([smallest, largest])
    edges = sorted(draw(st.lists(tick, min_size=2, max_size=6, unique=True)))
    if draw(st.integers(0, 5)) == 0:
        edges = edges[:1] * 2
    atoms = sorted(draw(st.sets(tick | st.sampled_from(edges), max_size=30)))
    return kind, edges, atoms, draw(st.sampled_from([1, 2, 3, 16, 20]))


@given(whole_grids(), st.data())
def test_whole_ticks_have_the_place_of_the_slow_twin(drawn, data):
    kind, edges, atoms, n_parts = drawn
    ticks = data.draw(st.lists(st.integers(*ENDS[kind]) | st.integers(edges[0], edges[-1]), min_size=1, max_size=20))
    bins, parts = grid(np.array(edges, kind), np.array(atoms, kind), n_parts).place(np.array(ticks + edges, kind))
    wanted = [slow_place(edges, n_parts, tick) for tick in ticks + edges]
    assert list(zip(bins.tolist(), parts.tolist(), strict=True)) == wanted


@given(whole_grids(), st.data())
def test_drawn_whole_ticks_stay_in_their_part_and_off_the_atoms(drawn, data):
    kind, edges, atoms, n_parts = drawn
    some = grid(np.array(edges, kind), np.array(atoms, kind), n_parts)
    bins = np.array(data.draw(st.lists(st.integers(0, len(edges) - 2), min_size=1, max_size=20)))
    parts = np.array([data.draw(st.integers(-1, n_parts - 1)) for _ in bins])
    ticks = some.draw(bins, parts, np.random.default_rng(0))
    assert ticks.dtype == kind
    for tick, which, part in zip(ticks.tolist(), bins.tolist(), parts.tolist(), strict=True):
        low, high = slow_bins(edges)[which]
        assert low <= tick <= high
        others = high - low + 1 - sum(low <= atom <= high for atom in atoms)
        assert tick not in atoms or others == 0
        if part >= 0:
            place = slow_place(edges, n_parts, tick)
            first, last = (low + Fraction(step * (high - low + 1), n_parts) // 1 for step in (part, part + 1))
            in_part = last - first - sum(first <= atom < last for atom in atoms)
            assert place == (which, part) or in_part == 0


@pytest.mark.parametrize("n_parts", [1, 4])
def test_every_tick_that_is_no_atom_is_drawn_about_equally_often(n_parts):
    some = grid(np.array([0, 20, 29]), np.array([3, 4, 5, 25]), n_parts)
    drawn = some.draw(np.repeat([0, 1], 10_000), np.full(20_000, -1), np.random.default_rng(0))
    counts = np.bincount(drawn, minlength=30)
    assert set(np.flatnonzero(counts == 0)) == {3, 4, 5, 25}
    assert abs(counts[:20][counts[:20] > 0] - 10_000 / 17).max() < 5 * np.sqrt(10_000 / 17)
    assert abs(counts[20:][counts[20:] > 0] - 10_000 / 9).max() < 5 * np.sqrt(10_000 / 9)


@st.composite
def float_grids(draw):
    width = draw(st.sampled_from([16, 32, 64]))
    near = draw(st.floats(width=width, allow_nan=False, allow_infinity=False))
    kind = np.dtype(f"float{width}").type
    close = [kind(near)]
    for _ in range(4):
        close.append(np.nextafter(close[-1], np.finfo(kind).max))
    number = st.floats(width=width, allow_nan=False, allow_infinity=False) | st.sampled_from(close).map(float)
    edges = sorted(set(draw(st.lists(number.filter(np.isfinite), min_size=2, max_size=6))))
    assume(len(edges) > 1)
    atoms = sorted(set(draw(st.lists(number | st.sampled_from(edges), max_size=8))))
    return kind, np.array(edges, kind), np.array(atoms, kind), draw(st.sampled_from([1, 2, 16]))


@given(float_grids(), st.data())
def test_drawn_floats_stay_in_their_part_and_off_the_atoms(drawn, data):
    kind, edges, atoms, n_parts = drawn
    some = grid(edges, atoms, n_parts)
    bins = np.array(data.draw(st.lists(st.integers(0, len(edges) - 2), min_size=1, max_size=20)))
    parts = np.array([data.draw(st.integers(-1, n_parts - 1)) for _ in bins])
    ticks = some.draw(bins, parts, np.random.default_rng(0))
    assert ticks.dtype == kind
    again, places = some.place(ticks)
    assert (again == bins).all()
    stops = np.append(np.nextafter(edges[1:-1], kind(-np.inf)), edges[-1])
    for tick, which, part, place in zip(ticks, bins, parts, places, strict=True):
        is_only_atoms = edges[which] == stops[which] or len(atoms) > 1  # a handful of neighbouring floats
        assert tick not in atoms or is_only_atoms
        starts = edges[which] == edges[which + 1] or some._is_hollow[which * n_parts + max(part, 0)]
        assert part < 0 or place == part or starts


@given(float_grids(), st.data())
def test_floats_keep_their_place_when_drawn_again(drawn, data):
    kind, edges, atoms, n_parts = drawn
    some = grid(edges, atoms[:0], n_parts)
    finite = st.floats(width=edges.dtype.itemsize * 8, allow_nan=False, allow_infinity=False)
    ticks = np.array(data.draw(st.lists(finite | st.sampled_from(edges.tolist()), min_size=1, max_size=20)), kind)
    bins, parts = some.place(ticks)
    again = some.place(some.draw(bins, parts, np.random.default_rng(1)))
    assert (again[0] == bins).all()
    assert (again[1] == parts).all()
