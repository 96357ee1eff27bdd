"""What codes mean, over every registered encoding; and which old codes new ones start from."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.encodings import fitter
from synth_engine.encodings.categorical import CategoricalEncoding
from synth_engine.encodings.meanings import AVERAGE, NEW_SHARE, Meanings, Reserved, Sources
from synth_engine.encodings.numeric_binned import NumericBinnedEncoding
from synth_engine.encodings.numeric_discrete import NumericDiscreteEncoding
from tests.encodings.columns import build, columns, fit
from tests.encodings.test_encodings_events import events
from tests.encodings.test_encodings_laws import a_type, by_encoding, fitted, is_null, rng


def overlapping(data, by):
    """Two encodings fitted on samples of one column, and that column."""
    column = data.draw(columns(data.draw(a_type(by))))
    seed, enabled = data.draw(st.integers(0, 9)), data.draw(st.booleans())
    third = len(column) // 3
    samples = [column.slice(0, 2 * third), column.slice(third)]
    return column, [fit(by, sample, enabled=enabled, seed=seed) for sample in samples]


def check_complete(encoding):
    meanings = encoding.meanings()
    assert set(meanings) == set(encoding.cardinalities)
    assert len({meaning.tells or part for part, meaning in meanings.items()}) == len(meanings)
    for part, meaning in meanings.items():
        size = encoding.cardinalities[part]
        assert len(meaning.labels) == len(set(meaning.labels)) == size
        assert meaning.lows.shape == meaning.highs.shape
        assert len(meaning.lows) == size
        assert (meaning.lows[meaning.has_place] <= meaning.highs[meaning.has_place]).all()
        assert not meaning.has_place[~meaning.is_value].any()
        sources = Sources.of(meaning, meaning)
        assert sources.codes.tolist() == list(range(size))
        assert sources.is_kept.all()
        assert (sources.shares == 1).all()
        assert sources.n_dropped == 0


@by_encoding
@settings(max_examples=30)
@given(data=st.data())
def test_every_code_has_one_meaning_and_means_itself(by, data):
    check_complete(fitted(data, by)[1])


@by_encoding
@settings(max_examples=30)
@given(data=st.data())
def test_so_it_is_for_events(by, data):
    check_complete(data.draw(events(by))[2])


@by_encoding
@settings(max_examples=30)
@given(data=st.data())
def test_places_rise_with_ranks(by, data):
    _, encoding = fitted(data, by)
    for part, ranks in encoding.ranks().items():
        meaning = encoding.meanings()[part]
        if meaning.lows.shape[1] == 1 and meaning.has_place.any():
            assert (meaning.has_place == ~np.isnan(ranks)).all()
            assert (np.diff(meaning.lows[meaning.has_place, 0]) >= 0).all()


@by_encoding
@settings(max_examples=30)
@given(data=st.data())
def test_a_value_that_both_encodings_keep_means_the_same_in_both(by, data):
    check_same(*overlapping(data, by))


@pytest.mark.parametrize(
    "kinds",
    [
        (Kind.TABULAR_NUMERIC_DISCRETE, Kind.TABULAR_NUMERIC_BINNED),
        (Kind.TABULAR_CATEGORICAL, Kind.TABULAR_CHARACTER),
        (Kind.TABULAR_DATETIME, Kind.TABULAR_DATETIME_RELATIVE),
    ],
)
@settings(max_examples=20)
@given(data=st.data())
def test_so_it_does_in_encodings_that_auto_may_choose_between(kinds, data):
    column = data.draw(columns(data.draw(a_type(fitter(kinds[1])))))
    check_same(column, [fit(fitter(kind), column, enabled=data.draw(st.booleans())) for kind in kinds])


def check_same(column, encodings):
    codes = [encoding.encode(column) for encoding in encodings]
    kept = [
        as_text(encoding.decode(code, rng())) == as_text(column)
        for encoding, code in zip(encodings, codes, strict=True)
    ]
    rows = np.flatnonzero(kept[0] & kept[1] & ~is_null(column))
    said: list[dict[str, list]] = [{}, {}]
    for told, encoding, code in zip(said, encodings, codes, strict=True):
        for part, meaning in encoding.meanings().items():
            of_rows = code[rows, list(encoding.cardinalities).index(part)]
            is_single = meaning.is_value & ~meaning.is_range
            told[meaning.tells or part] = [meaning.labels[c] if is_single[c] else None for c in of_rows]
    common = said[0].keys() & said[1].keys()
    assert all(
        None in pair or pair[0] == pair[1] for part in common for pair in zip(said[0][part], said[1][part], strict=True)
    )


@by_encoding
@settings(max_examples=30)
@given(data=st.data())
def test_null_means_the_same_in_all_encodings(by, data):
    column, encodings = overlapping(data, by)
    for encoding in encodings:
        part = next(iter(encoding.cardinalities))
        if is_null(column).any() and not pa.types.is_null(column.type):
            code = encoding.encode(column)[is_null(column)][0, 0]
            assert encoding.meanings()[part].labels[code] is Reserved.NULL


@by_encoding
@settings(max_examples=30)
@given(data=st.data())
def test_sources_exist_and_shares_are_no_more_than_there_is(by, data):
    old, new = overlapping(data, by)[1]
    for part in old.meanings().keys() & new.meanings().keys():
        before, after = old.meanings()[part], new.meanings()[part]
        sources = Sources.of(before, after)
        assert (sources.codes >= AVERAGE).all()
        assert (sources.codes < len(before.labels)).all()
        assert ((sources.shares > 0) & (sources.shares <= 1)).all()
        for code, source in enumerate(sources.codes.tolist()):
            assert sources.is_kept[code] == (after.labels[code] in before.labels)
            assert not sources.is_kept[code] or before.labels[source] == after.labels[code]
            assert source == AVERAGE or sources.is_kept[code] or before.has_place[source]
        assert (sources.shares[~sources.is_kept & (sources.codes != AVERAGE)] >= NEW_SHARE).all()
        assert (sources.shares[sources.is_kept] == 1).all()


def as_text(values: pa.Array) -> np.ndarray:
    return np.array(CategoricalEncoding.canonical(values).to_pylist(), object)


def sources_of(kind: Kind, old: pa.Array, new: pa.Array):
    """The sources of the first sub-column's codes, as pairs of labels."""
    meanings = [fit(fitter(kind), each, enabled=False).meanings() for each in (old, new)]
    part = next(iter(meanings[0]))
    before, after = (each[part] for each in meanings)
    codes = Sources.of(before, after).codes
    return {label: before.labels[c] if c != AVERAGE else None for label, c in zip(after.labels, codes, strict=True)}


def test_a_new_category_is_like_the_average():
    found = sources_of(Kind.TABULAR_CATEGORICAL, pa.array(["a", "b"] * 9), pa.array(["b", "c"] * 9))
    assert found == {Reserved.RARE: Reserved.RARE, Reserved.NULL: Reserved.NULL, "b": "b", "c": None}


def test_a_category_cannot_be_taken_for_a_reserved_code():
    texts = [meaning.value for meaning in Reserved] + [meaning.name for meaning in Reserved]
    found = sources_of(Kind.TABULAR_CATEGORICAL, pa.array(["a"]), pa.array(texts))
    assert all(found[text] is None for text in texts)


def test_new_numbers_and_years_are_like_the_nearest():
    numbers = sources_of(Kind.TABULAR_NUMERIC_DISCRETE, pa.array([1, 2, 50]), pa.array([0, 2, 3, 40, 99]))
    assert [numbers[each] for each in (0, 2, 3, 40, 99)] == [1, 2, 2, 50, 50]
    days = [dt.date(year, 5, 1) for year in (1990, 1991, 1992)]
    years = sources_of(Kind.TABULAR_DATETIME, pa.array(days[:2]), pa.array(days))
    assert [years[each] for each in (1990, 1991, 1992)] == [1990, 1991, 1991]


def test_numbers_are_the_same_in_whatever_type_they_are_stored():
    old = pa.array([1, 2, 3], pa.int16())
    for dtype in (pa.int8(), pa.float64(), pa.decimal128(9, 2)):
        found = sources_of(Kind.TABULAR_NUMERIC_DISCRETE, old, old.cast(dtype))
        assert all(label == source for label, source in found.items())


@pytest.mark.parametrize("kind", [Kind.TABULAR_NUMERIC_DISCRETE, Kind.TABULAR_NUMERIC_BINNED])
def test_durations_and_times_are_the_same_in_whatever_unit(kind):
    for coarse, fine in ((pa.duration("s"), pa.duration("ns")), (pa.time32("ms"), pa.time64("us"))):
        old = build(list(range(0, 60_000, 1000)), coarse)
        found = sources_of(kind, old, old.cast(fine))
        assert all(label == source for label, source in found.items())


def test_a_range_that_grows_from_few_numbers_to_many_keeps_the_few():
    old, new = pa.array([1, 2, 3] * 9), pa.array(list(range(1, 3_000)))
    encodings = [fit(fitter(Kind.TABULAR_NUMERIC_AUTO), each, enabled=False) for each in (old, new)]
    assert [each.type for each in encodings] == [Kind.TABULAR_NUMERIC_DISCRETE, Kind.TABULAR_NUMERIC_BINNED]
    before, after = encodings[0].meanings()["cat"], encodings[1].meanings()["bin"]
    assert before.tells == after.tells
    assert set(Sources.of(before, after).codes.tolist()) == set(range(1, 5))  # null and the numbers


def test_intervals_are_the_same_in_whatever_unit():
    days = build([1, 2, 4, 1, 2, 4, 1, 3], pa.date32())
    who = np.repeat(np.arange(3), [3, 3, 2])
    by = fitter(Kind.TABULAR_DATETIME_RELATIVE)
    types = (pa.date32(), pa.date64(), pa.timestamp("s"), pa.timestamp("us"))
    fits = [fit(by, days.cast(dtype), enabled=False, entities=who).meanings()["bin"] for dtype in types]
    assert all(set(fits[0].labels) <= set(each.labels) for each in fits)
    assert 86_400 * 10**9 in fits[0].labels


def binned(atoms, edges, **others):
    return NumericBinnedEncoding(dtype=pa.int64(), has_nulls=False, atoms=atoms, edges=edges, **others).meanings()[
        "bin"
    ]


def test_bins_of_one_number_and_atoms_are_that_number():
    assert binned([], [1, 2, 3, 3]).labels == (Reserved.NULL, 1, 2, 3)
    assert binned([5], [1, 2, 9]).labels == (Reserved.NULL, 1, (2, 9), 5)
    assert binned([4], [4, 4]).labels == (Reserved.NULL, (4, 4), 4)
    assert binned([], [4, 5]).labels == (Reserved.NULL, (4, 5))
    assert binned([], [20, 30], multiple=10).labels == (Reserved.NULL, (20, 30))
    assert binned([], [20, 30, 50], multiple=10).labels == (Reserved.NULL, 20, (30, 50))


def test_bins_stand_in_for_bins_and_for_numbers_inside_them():
    old, new = binned([1000], [0, 900, 1100, 5000]), binned([1001, 7000], [0, 995, 1005, 5000, 9000])
    codes = Sources.of(old, new).codes
    found = {label: old.labels[code] for label, code in zip(new.labels, codes, strict=True)}
    assert found[0, 995] == (0, 900)
    assert found[995, 1005] == found[1001] == (900, 1100)  # not the atom 1000
    assert found[1005, 5000] == found[5000, 9000] == found[7000] == (1100, 5000)


def test_places_start_from_the_smallest_cell_around_them():
    shop, house, far = "48.2,16.3", "48.21,16.21", "-33.0,151.0"
    near = [f"48.{i:04},16.{i:04}" for i in range(0, 9999, 37)]
    old = fit(fitter(Kind.TABULAR_LAT_LONG), pa.array([shop] * 90 + near), enabled=False).meanings()["cell"]
    new = fit(fitter(Kind.TABULAR_LAT_LONG), pa.array([shop] * 9 + [house] * 9 + [far] * 9), enabled=False)
    meaning = new.meanings()["cell"]
    sources = Sources.of(old, meaning)
    code = {text: int(new.encode(pa.array([text]))[0, 0]) for text in (shop, house, far)}
    assert sources.is_kept[code[shop]]  # whatever the number of decimals
    around = sources.codes[code[house]]
    at = meaning.lows[code[house]]
    holding = [c for c in range(len(old.labels)) if (old.lows[c] <= at).all() and (old.highs[c] >= at).all()]
    assert around == min(holding, key=lambda c: (old.highs[c] - old.lows[c]).sum())
    assert sources.codes[code[far]] != AVERAGE


def test_what_vanished_hands_its_probability_over_and_what_goes_on_keeps_it():
    sources = Sources.of(Meanings.of_values([], [1, 2, 9]), Meanings.of_values([], [2, 3, 8, 10, 12]))
    assert sources.shares.tolist() == pytest.approx([1, NEW_SHARE, 1 / 3, 1 / 3, 1 / 3])
    assert sources.n_dropped == 1
    crowd = Sources.of(Meanings.of_values([], [1]), Meanings.of_values([], range(2, 52)))
    assert set(crowd.shares) == {NEW_SHARE}
    reserved = [Reserved.RARE, Reserved.NULL]
    several = Sources.of(Meanings.unordered([*reserved, "a", "z"]), Meanings.unordered([*reserved, "a", "b", "c"]))
    assert several.shares.tolist() == pytest.approx([1, 1, 1, NEW_SHARE / 2, NEW_SHARE / 2])
    nothing = Sources.of(Meanings.unordered(reserved), Meanings.unordered([*reserved, "a"]))
    assert nothing.shares.tolist() == [1, 1, NEW_SHARE / 2]


def test_of_nested_ranges_the_smallest_stands_in():
    ends = [(0, 100), (40, 60), (45, 90)]
    nested = Meanings.of_ranges([], ends, *zip(*ends, strict=True))
    assert Sources.of(nested, Meanings.of_values([], [50, 61, 99, 200])).codes.tolist() == [1, 2, 0, 0]


def test_numbers_of_many_digits_are_told_apart():
    numbers = [Decimal(10**37 + i) for i in range(3)]
    encoding = NumericDiscreteEncoding(dtype=pa.decimal128(38, 0), has_nulls=False, numbers=numbers)
    assert encoding.meanings()["cat"].labels == (Reserved.RARE, Reserved.NULL, *numbers)


def test_huge_numbers_do_not_overflow():
    numbers = [-1.7e308, 0.0, 1.7e308]
    old, new = Meanings.of_values([], numbers[:2]), Meanings.of_values([], numbers)
    assert Sources.of(old, new).codes.tolist() == [0, 1, 1]
    wide = [Decimal(10) ** 76, Decimal(10) ** 75]
    assert Sources.of(Meanings.of_values([], wide), Meanings.of_values([], wide[1:])).codes.tolist() == [1]
