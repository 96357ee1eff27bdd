"""Summaries against their slow twin in plain Python, and the laws of merging."""

from collections import defaultdict

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.encodings import ValueCounts, fitter
from synth_engine.encodings.text_form import to_text
from tests.encodings.columns import FITTERS, accepted, columns


def plain(counts: ValueCounts) -> tuple:
    """A summary as something that can be compared."""
    fields = (counts.rows, counts.entities, counts.lowest, counts.highest)
    assert all(values.dtype == np.int64 for values in fields)
    lists = [values.tolist() for values in fields]
    return (to_text(counts.values).to_pylist(), *lists, counts.null_rows, counts.null_entities, counts.levels)


def slow_counts(values: pa.Array, entities: list[int], levels: tuple | None) -> tuple:
    """What `ValueCounts.of` gives, row by row."""
    texts = to_text(values).to_pylist()
    place = {text: place for place, text in enumerate(_in_order(values))}
    rows, holders, all_of = defaultdict(int), defaultdict(set), defaultdict(list)
    null_holders = []
    for text, entity in zip(texts, entities, strict=True):
        if text is None:
            null_holders.append(entity)
            continue
        rows[text] += 1
        holders[text].add(entity)
        all_of[entity].append(place[text])
    lowest, highest = [0] * len(place), [0] * len(place)
    for places in all_of.values():
        lowest[min(places)] += 1
        highest[max(places)] += 1
    n_rows, n_holders = [rows[text] for text in place], [len(holders[text]) for text in place]
    return list(place), n_rows, n_holders, lowest, highest, len(null_holders), len(set(null_holders)), levels


def _in_order(values: pa.Array) -> list[str]:
    """The distinct values as text, in ascending order of the values."""
    pairs = zip(values.to_pylist(), to_text(values).to_pylist(), strict=True)
    by_value = {value: text for value, text in pairs if text is not None}
    # Arrow orders text by its bytes, Python by its code points; in UTF-8 the two agree.
    return [by_value[value] for value in sorted(by_value)]


@st.composite
def counted(draw):
    """An encoding type, a column that it takes, and whom each row belongs to."""
    by = draw(st.sampled_from(FITTERS))
    column = draw(columns(draw(st.sampled_from(accepted(by))), max_rows=120))
    n_entities = draw(st.sampled_from([1, 3, 40]))
    return by, column, np.random.default_rng(len(column)).integers(-n_entities, n_entities, len(column))


def canonical(by, column: pa.Array) -> pa.Array:
    if hasattr(by, "canonical"):
        return by.canonical(column)
    kinds = [Kind.TABULAR_NUMERIC_BINNED]
    if by.type == Kind.AUTO:
        kinds = [Kind.TABULAR_DATETIME, Kind.TABULAR_CATEGORICAL]
    return next(fitter(kind) for kind in kinds if fitter(kind).accepts(column.type)).canonical(column)


@given(counted(), st.booleans())
def test_counts_agree_with_the_slow_twin(drawn, has_entities):
    by, column, entities = drawn
    counts = by.summarise(column, entities if has_entities else None)
    who = entities.tolist() if has_entities else list(range(len(column)))
    assert plain(counts) == slow_counts(canonical(by, column), who, counts.levels)
    assert counts.total_rows == len(column)


def parts_of(column: pa.Array, entities: np.ndarray, n_parts: int) -> list[tuple[pa.Array, np.ndarray]]:
    """Partitions that keep the rows of an entity together; some may be empty."""
    part = entities % n_parts
    if pa.types.is_string_view(column.type):  # Arrow cannot filter these
        column = column.cast(pa.string())
    return [(column.filter(pa.array(part == which)), entities[part == which]) for which in range(n_parts)]


@given(counted(), st.integers(1, 5), st.booleans())
def test_any_partitioning_gives_the_summary_of_the_whole(drawn, n_parts, has_entities):
    by, column, entities = drawn
    parts = [by.summarise(part, who if has_entities else None) for part, who in parts_of(column, entities, n_parts)]
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)
    assert plain(merged) == plain(by.summarise(column, entities if has_entities else None))


@given(counted())
def test_merging_is_associative_and_commutative(drawn):
    by, column, entities = drawn
    one, two, three = (by.summarise(part, who) for part, who in parts_of(column, entities, 3))
    assert plain(one.merge(two)) == plain(two.merge(one))
    assert plain(one.merge(two).merge(three)) == plain(one.merge(two.merge(three)))


@given(st.lists(st.sampled_from([None, (), ("a", "b"), ("b", "a")]), min_size=3, max_size=3))
def test_merging_the_order_of_levels_is_associative_and_commutative(levels):
    none = np.zeros(0, np.int64)
    one, two, three = (ValueCounts(pa.array([], pa.string()), none, none, none, none, 0, 0, some) for some in levels)
    assert one.merge(two).levels == two.merge(one).levels
    assert one.merge(two).merge(three).levels == one.merge(two.merge(three)).levels
    given_levels = {some for some in levels if some is not None}
    wanted = None if not given_levels else given_levels.pop() if len(given_levels) == 1 else ()
    assert one.merge(two).merge(three).levels == wanted


def test_equal_numbers_are_one_value_however_they_are_written():
    for by in FITTERS:
        counts = by.summarise(pa.array([0.0, -0.0, float("nan"), None])) if by.accepts(pa.float64()) else None
        assert counts is None or (len(counts.values), counts.null_rows) == (1, 2)


@given(case=counted(), data=st.data())
def test_a_part_of_the_values_counts_nobody_twice(case, data):
    """Their rows and holders are exact; of smallest and largest values no more are known than there are holders."""
    by, column, entities = case
    counts = by.summarise(column, np.array(entities, np.int64))
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=len(counts.values), max_size=len(counts.values))), bool)
    part = counts.where(keep)
    assert to_text(part.values).to_pylist() == to_text(counts.values.filter(pa.array(keep))).to_pylist()
    assert (part.rows.tolist(), part.entities.tolist()) == (counts.rows[keep].tolist(), counts.entities[keep].tolist())
    assert (part.lowest <= part.entities).all()
    assert (part.highest <= part.entities).all()
    flat = by.summarise(column).where(keep[: len(by.summarise(column).values)])
    assert flat.entities is flat.lowest is flat.highest
