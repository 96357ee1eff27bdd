"""Cells inside cells: which one a place belongs to, and draws from what is left of it; against slow twins."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_engine.encodings.cells import MAX_ATOMS, MAX_ENDS, PlaceCounts, choose_cells, popular
from synth_engine.encodings.quad_tree import STEPS, Cell, QuadTree, interleave, separate

HALVES = st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)), min_size=1)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def numbers_of(places: list[tuple[int, int]]) -> np.ndarray:
    rows, columns = np.array(places, np.uint64).T
    return interleave(rows, columns)


def contains(cell: Cell, row: int, column: int) -> bool:
    return (row >> cell.level, column >> cell.level) == (cell.row, cell.column)


@given(places=HALVES)
def test_bits_of_rows_and_columns_take_turns(places):
    numbers = numbers_of(places)
    slow = [
        int("".join(a + b for a, b in zip(f"{row:032b}", f"{column:032b}", strict=True)), 2) for row, column in places
    ]
    assert numbers.tolist() == slow
    assert list(zip(*(part.tolist() for part in separate(numbers)), strict=True)) == places


@st.composite
def trees(draw):
    """Cells around a few places, many inside each other, some beyond the plane; and places in and beside them."""
    size = draw(st.sampled_from([3, 8, 32]))
    some = st.tuples(*[st.integers(0, 2**size - 1)] * 2)
    centres = draw(st.lists(some, min_size=1, max_size=4))
    levels = draw(st.lists(st.tuples(st.integers(0, len(centres) - 1), st.integers(0, size)), min_size=1, max_size=10))
    cells = {Cell(level, centres[which][0] >> level, centres[which][1] >> level) for which, level in levels}
    places = draw(st.lists(some, min_size=1, max_size=20))
    beyond = draw(st.sampled_from([0, 1, 2**31]))
    ends = tuple(min(max(place) + beyond, 2**32 - 1) for place in zip(*centres, *places, strict=True))
    return QuadTree(draw(st.permutations(sorted(cells))), ends), centres + places


@given(case=trees())
def test_a_place_belongs_to_the_smallest_cell_around_it(case):
    tree, places = case
    cells, rows, columns = tree.place(numbers_of(places))
    for (row, column), found, *steps in zip(places, cells.tolist(), rows.tolist(), columns.tolist(), strict=True):
        around = [(cell.level, index) for index, cell in enumerate(tree.cells) if contains(cell, row, column)]
        assert found == (min(around)[1] if around else -1)
        if around:
            level = tree.cells[found].level
            inside = (row - (tree.cells[found].row << level), column - (tree.cells[found].column << level))
            width = max(2**level // STEPS, 1)
            assert steps == [inside[0] // width, inside[1] // width]


@given(case=trees(), seed=st.integers(0, 9))
def test_drawn_places_have_the_same_cell_and_step(case, seed):
    tree, places = case
    found = [part.astype(np.int64) for part in tree.place(numbers_of(places))]
    is_inside = np.tile(found[0] >= 0, 5)
    cells, rows, columns = (np.tile(part, 5)[is_inside] for part in found)
    drawn = tree.draw(cells, rows.astype(np.uint64), columns.astype(np.uint64), rng(seed))
    again = tree.place(drawn)
    assert again[0].tolist() == cells.tolist()
    assert again[1].tolist() == rows.tolist()
    assert again[2].tolist() == columns.tolist()
    assert (np.stack(separate(drawn)) <= np.array(tree.ends, np.uint64)[:, None]).all()


def test_draws_are_even_over_what_belongs_to_a_cell():
    # A step of 2 x 2 ticks of which one is a cell of its own: each of the other three in a third of the draws. With
    # 3,000 draws a share is off by more than 0.05 in fewer than one of 10**7 runs; the seed is fixed anyhow.
    tree = QuadTree([Cell(5, 0, 0), Cell(0, 1, 1)])
    zeros = np.zeros(3_000, np.uint64)
    rows, columns = separate(tree.draw(zeros.astype(np.int64), zeros, zeros, rng()))
    shares = np.bincount((2 * rows + columns).astype(np.int64), minlength=4) / 3_000
    assert shares[3] == 0
    assert np.abs(shares[:3] - 1 / 3).max() < 0.05


def test_draws_stay_on_the_plane():
    # The plane ends in the middle of a step, and in its last row a smaller cell takes two of five columns.
    tree = QuadTree([Cell(8, 0, 0), Cell(1, 50, 0)], ends=(100, 4))
    zeros = np.zeros(500, np.uint64)
    rows, columns = separate(tree.draw(zeros.astype(np.int64), zeros + np.uint64(6), zeros, rng()))
    assert set(rows.tolist()) == {96, 97, 98, 99, 100}
    assert set(columns.tolist()) == {0, 1, 2, 3, 4}
    assert set(zip(rows.tolist(), columns.tolist(), strict=True)) & {(100, 0), (100, 1)} == set()


# --- which cells ------------------------------------------------------------------------------------------------------


def counted(places: list[tuple[int, int]], entities: list[int] | None = None) -> PlaceCounts:
    """Places with so many entities each, every row being one."""
    numbers = numbers_of(places)
    distinct, groups = np.unique(numbers, return_inverse=True)
    many = np.bincount(groups, weights=entities).astype(np.int64)
    return PlaceCounts(distinct, many, many, many, many)


@settings(max_examples=50)
@given(seed=st.integers(0, 2**16), threshold=st.integers(1, 11), size=st.sampled_from([0, 1, 9, 40, 500]))
def test_cells_are_held_by_enough_and_leave_out_few(seed, threshold, size):
    n_levels = int(rng(seed).integers(1, 33))
    spread = rng(seed).normal(0, 10.0 ** rng(seed).uniform(0, 9), (size, 2)) + 2 ** (n_levels - 1)
    places = np.clip(spread, 0, 2**n_levels - 1).astype(np.int64).tolist()
    places = [*map(tuple, places), (0, 0)] if size else []
    if not places:
        assert choose_cells(PlaceCounts(*[np.zeros(0, np.uint64)] * 5), n_levels, threshold) == []
        return
    counts = counted(places)
    cells = choose_cells(counts, n_levels, threshold)
    found = QuadTree(cells).place(counts.numbers)[0] if cells else np.full(len(counts.numbers), -1)
    assert len(cells) <= 2 * (MAX_ENDS + 4) + MAX_ATOMS
    assert sum(counts.rows[found < 0]) < threshold
    assert all(counts.entities[found == index].sum() >= threshold for index in range(len(cells)))
    starts = [int(number) for number in QuadTree(cells)._starts] if cells else []
    assert starts == sorted(starts)


def test_dense_areas_are_finer():
    town = (rng(1).normal(0, 300, (2_000, 2)) + 2**19).astype(int).tolist()
    country = rng(2).integers(0, 2**20, (200, 2)).tolist()
    tree = QuadTree(choose_cells(counted([*map(tuple, town + country)]), 20, 8))
    levels = np.array([cell.level for cell in tree.cells])
    of_town, of_country = (levels[tree.place(numbers_of(places))[0]] for places in (town, country))
    assert np.median(of_town) <= 7
    assert np.median(of_country) >= 16


def test_a_popular_place_is_an_atom_but_not_where_all_are_popular():
    spread = [(row, column) for row in range(0, 64_000, 1_000) for column in range(0, 64_000, 1_000)]
    shop = [(500, 700)] * 50
    assert Cell(0, 500, 700) in choose_cells(counted(spread + shop), 16, 8)
    everywhere = [(row, column) for row in range(16) for column in range(16)] * 20
    assert not popular(counted(everywhere), 8).any()
    assert not popular(counted(everywhere + [(3, 3)] * 2), 8).any()
    assert popular(counted(everywhere + [(3, 3)] * 20), 8).sum() == 1


def test_there_are_no_more_atoms_than_allowed():
    shops = [(1_000 * place, 0) for place in range(300) for _ in range(10 + place)]
    assert popular(counted(shops), 8).sum() == MAX_ATOMS


def test_the_same_town_elsewhere_has_the_same_cells_elsewhere():
    """Where cells end depends on the grid alone."""
    town = (rng(3).integers(0, 2**10, (500, 2))).tolist()
    here = choose_cells(counted([(row + 2**12, column) for row, column in town]), 20, 8)
    there = choose_cells(counted([(row + 2**14, column + 2**15) for row, column in town]), 20, 8)
    moved = [Cell(level, row + (2**14 - 2**12 >> level), column + (2**15 >> level)) for level, row, column in here]
    assert [cell for cell in moved if cell.level <= 10] == [cell for cell in there if cell.level <= 10]
