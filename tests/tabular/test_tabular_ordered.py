"""Masks allow exactly the codes with which a row can be completed: found by writing down all rows."""

import itertools
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
import torch

from synth_engine.domain import RareCategoryReplacementMethod
from synth_engine.encodings import Encoding
from synth_engine.encodings.axes import make_axes
from synth_engine.tabular.combinations import NO_SUCH, CombinationMask, Combinations
from synth_engine.tabular.interventions import UNKNOWN, Mask
from synth_engine.tabular.ordered import Fixed, Order, OrderedColumn, OrderMask, Pair
from tests.encodings.columns import build, fit, fitter

KINDS = [
    ["NUMERIC_DISCRETE"] * 3,
    ["NUMERIC_DISCRETE", "NUMERIC_DIGIT", "NUMERIC_DISCRETE"],
    ["NUMERIC_DIGIT"] * 2,
    ["DATETIME"] * 2,
]
CONSTANT = RareCategoryReplacementMethod.constant


class Known:
    """One row of which some codes are known."""

    def __init__(self, codes: dict[int, int]) -> None:
        self._codes, self.index = codes, torch.zeros(1, dtype=torch.long)

    def codes(self, k: int) -> torch.Tensor:
        return torch.tensor([self._codes.get(k, UNKNOWN)])


def check_walk(
    mask: Mask, rows: np.ndarray, drawable: Sequence[Sequence[int]], order: Sequence[int], rng: np.random.Generator
) -> None:
    """Draw sub-columns in this order, any code that is allowed; `rows` are all that keep the constraints."""
    known: dict[int, int] = {}
    for k in order:
        allowed = mask.allowed(k, Known(known))
        found = drawable[k] if allowed is None else [code for code in drawable[k] if allowed[0, code]]
        possible = rows[np.all([rows[:, place] == code for place, code in known.items()], axis=0)] if known else rows
        assert found == sorted(set(possible[:, k].tolist()))
        known[k] = int(rng.choice(found))


def small(rng: np.random.Generator, kind: str) -> Encoding:
    """A column of few values, each with codes of its own."""
    low, high = sorted(rng.integers(-15, 25, 2).tolist())
    values = [*rng.integers(low, high + 1, 6).tolist(), *([None] if rng.random() < 0.4 else [])]
    numbers = [pa.int8(), pa.float32(), pa.decimal128(5, 1)]
    dtype = pa.date32() if kind == "TABULAR_DATETIME" else numbers[rng.integers(3)]
    return fit(fitter(kind), build(values, dtype), enabled=False)


def all_rows_of(encodings: Sequence[Encoding]) -> tuple[np.ndarray, list[np.ndarray], list[list[int]]]:
    """All rows of codes that may be drawn, the values of each column in them, and codes that may be drawn."""
    columns: list[np.ndarray] = []
    drawable: list[list[int]] = []
    for encoding in encodings:
        never = encoding.never_drawn(CONSTANT)
        codes = [
            [code for code in range(size) if code not in never.get(part, ())]
            for part, size in encoding.cardinalities.items()
        ]
        drawable += codes
        columns.append(np.array(list(itertools.product(*codes)), np.int32))
    picks = np.array(list(itertools.product(*(range(len(codes)) for codes in columns))))
    rows = np.hstack([codes[picks[:, place]] for place, codes in enumerate(columns)])
    values = []
    for place, (encoding, codes) in enumerate(zip(encodings, columns, strict=True)):
        exact = encoding.canonical(encoding.decode(codes, np.random.default_rng(0))).to_pylist()
        numbers = np.array([np.nan if number is None else float(number) for number in exact])
        values.append(numbers[picks[:, place]])
    return rows, values, drawable


def holds(low: np.ndarray, high: np.ndarray, strict: bool) -> np.ndarray:
    return ~((low >= high) if strict else (low > high))  # with null neither is so


@pytest.mark.parametrize("seed", range(24))
def test_exactly_what_can_be_completed_is_allowed(seed: int):
    rng = np.random.default_rng(seed)
    encodings = [small(rng, f"TABULAR_{kind}") for kind in KINDS[seed % len(KINDS)]]
    rows, values, drawable = all_rows_of(encodings)
    names = [f"c{place}" for place in range(len(encodings))]
    ranked = rng.permutation(len(encodings)).tolist()  # each is at most, or below, the next one
    strict = [bool(rng.random() < 0.5) for _ in ranked[1:]]
    pairs = [Pair(names[ranked[i]], names[ranked[i + 1]], strict[i]) for i in range(len(ranked) - 1)]
    keeps = np.ones(len(rows), np.bool_)
    for i in range(len(ranked) - 1):
        keeps &= holds(values[ranked[i]], values[ranked[i + 1]], strict[i])
    if not keeps.any():
        return  # refused beforehand
    axes = make_axes(dict(zip(names, encodings, strict=True)), "constraints")
    starts = np.cumsum([0, *(len(encoding.cardinalities) for encoding in encodings)])
    columns = {
        names[i]: OrderedColumn(
            axes[names[i]],
            list(range(starts[i], starts[i + 1])),
            next(iter(encodings[i].never_drawn(CONSTANT).values()), []),
        )
        for i in ranked
    }
    mask = OrderMask(Order(columns, pairs), {})
    for _ in range(10):
        order = [k for i in rng.permutation(len(encodings)) for k in range(starts[i], starts[i + 1])]
        check_walk(mask, rows[keeps], drawable, order, rng)


def test_given_values_count_and_not_the_cells_that_they_are_in():
    """A given number is compared as it is: beyond the range of the column, and between two of its steps."""
    encoding = fit(fitter("TABULAR_NUMERIC_DISCRETE"), pa.array([1.0, 2.0, 3.0] * 5), enabled=False)
    axes = make_axes({"a": encoding, "b": encoding}, "constraints")
    columns = {name: OrderedColumn(axes[name], [place]) for place, name in enumerate("ab")}
    for number, strict, wanted in [(1.5, False, [2, 3]), (2.0, False, [2, 3]), (2.0, True, [3]), (-9, True, [1, 2, 3])]:
        places = columns["a"].axis.places_of_any(pa.array([number], pa.float64()))
        fixed = {"a": Fixed(places, np.ones(1, np.bool_), np.zeros(1, np.bool_))}
        allowed = OrderMask(Order(columns, [Pair("a", "b", strict)]), fixed).allowed(1, Known({0: 0}))
        assert allowed is not None
        assert [code - 1 for code in allowed[0, 2:].nonzero()[:, 0].add(2).tolist()] == wanted


@pytest.mark.parametrize("seed", range(20))
def test_exactly_the_codes_of_a_combination_are_allowed(seed: int):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 5, 3)
    drawable = [sorted(rng.permutation(size)[: rng.integers(1, size + 1)].tolist()) for size in sizes]
    listed = np.column_stack([rng.integers(0, size + 1, 8) for size in sizes])  # a code too many: a value without one
    can = np.all([np.isin(listed[:, place], codes) for place, codes in enumerate(drawable)], axis=0)
    is_drawn = [np.isin(np.arange(size), codes) for size, codes in zip(sizes, drawable, strict=True)]
    combinations = Combinations([0, 1, 2], listed, is_drawn)
    assert combinations.matches(np.full((1, 3), UNKNOWN)).any() == can.any()
    if can.any():
        mask = CombinationMask(combinations, [None, None, None])
        for order in itertools.permutations(range(3)):
            check_walk(mask, np.unique(listed[can], axis=0), drawable, order, rng)


def test_given_values_without_code_have_their_combinations():
    combinations = Combinations([0, 1], np.array([[2, 0], [0, 1], [1, 0]]), [np.ones(2, np.bool_)] * 2)
    for given, wanted in [(2, [True, False]), (0, [False, True]), (NO_SUCH, [False, False])]:
        mask = CombinationMask(combinations, [np.array([given]), None])
        allowed = mask.allowed(1, Known({0: 0}))
        assert allowed is not None
        assert allowed[0].tolist() == wanted
