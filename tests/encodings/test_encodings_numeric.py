"""What only numbers have: precision, ranges, atoms, digits, and peculiar values."""

import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_engine.domain import InputError
from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.encodings import fitter
from synth_engine.encodings.numeric import as_numbers, exact_type, from_numbers
from tests.encodings.columns import DECIMALS, DURATIONS, FITTERS, FLOATS, INTEGERS, TIMES, columns, fit

AUTO, BINNED = fitter(Kind.TABULAR_NUMERIC_AUTO), fitter(Kind.TABULAR_NUMERIC_BINNED)
DISCRETE, DIGIT = fitter(Kind.TABULAR_NUMERIC_DISCRETE), fitter(Kind.TABULAR_NUMERIC_DIGIT)
NUMERIC = [by for by in FITTERS if by.type.startswith("TABULAR_NUMERIC")]
by_numeric = pytest.mark.parametrize("by", NUMERIC, ids=lambda by: by.type.removeprefix("TABULAR_NUMERIC_").lower())


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def round_trip(by, column: pa.Array, *, enabled: bool = True) -> pa.Array:
    encoding = fit(by, column, enabled=enabled)
    return encoding.decode(encoding.encode(column), rng())


def any_codes(encoding, n: int = 300) -> np.ndarray:
    """Codes as a bad model may draw them."""
    return np.column_stack([rng().integers(0, size, n) for size in encoding.cardinalities.values()]).astype(np.int32)


# --- precision and range ----------------------------------------------------------------------------------------------

STEPS = {
    "whole numbers": (rng(1).integers(-5_000, 5_000, 3_000), 1),
    "hundreds": (rng(1).integers(-5_000, 5_000, 3_000) * 100, 100),
    "cents": (rng(1).lognormal(6, 1, 3_000).round(2), 0.01),
    "halves": (rng(1).integers(-5_000, 5_000, 3_000) / 2, 0.5),
    "whole floats": (rng(1).lognormal(9, 1, 3_000).round(), 1),
    "thousandths": (rng(1).normal(0, 1, 3_000).round(3), 0.001),
}


@pytest.mark.parametrize("by", [AUTO, BINNED, DIGIT], ids=["auto", "binned", "digit"])
@pytest.mark.parametrize("name", STEPS)
def test_decoded_numbers_are_multiples_of_the_columns_step(by, name):
    values, step = STEPS[name]
    encoding = fit(by, pa.array(values))
    wanted = step if by is not DIGIT or step != 0.5 else 0.1  # digits know powers of ten only
    for codes in (encoding.encode(pa.array(values)), any_codes(encoding)):
        decoded = encoding.decode(codes, rng()).drop_null().to_numpy()
        assert (decoded == np.round(np.round(decoded / wanted) * wanted, 6)).all()


@given(data=st.data())
def test_decoded_numbers_stay_inside_the_published_range(data):
    by = data.draw(st.sampled_from([BINNED, DIGIT]))
    column = data.draw(columns(data.draw(st.sampled_from([*INTEGERS, *FLOATS, *DECIMALS, *TIMES, *DURATIONS]))))
    encoding = fit(by, column, enabled=data.draw(st.booleans()))
    facts = encoding.model_dump()
    ends = [*facts.get("atoms", []), *facts.get("edges", [])] or (
        [facts["low"], facts["high"]] if facts.get("any_values") else []
    )
    ends = as_numbers(
        from_numbers(pa.array(ends, exact_type(column.type)), column.type)
    ).to_pylist()  # as narrow floats
    decoded = as_numbers(encoding.decode(any_codes(encoding), rng())).drop_null().to_pylist()
    assert not decoded or not ends or min(ends) <= min(decoded)
    assert not decoded or not ends or max(decoded) <= max(ends)


@pytest.mark.parametrize("by", [BINNED, DISCRETE, AUTO], ids=["binned", "discrete", "auto"])
@given(data=st.data())
def test_without_protection_the_range_is_that_of_the_values(by, data):
    column = data.draw(columns(data.draw(st.sampled_from([*INTEGERS, *FLOATS, *TIMES, *DURATIONS]))))
    encoding = fit(by, column, enabled=False)
    facts = encoding.model_dump()
    ends = [*facts.get("atoms", []), *facts.get("edges", []), *facts.get("numbers", [])]
    values = as_numbers(column).drop_null().to_pylist()
    assert bool(ends) == bool(values)
    if values and not pa.types.is_floating(column.type):
        assert (min(ends), max(ends)) == (min(values), max(values))
    elif values:
        noise = {pa.float16(): 2e-3, pa.float32(): 2e-6, pa.float64(): 1e-13}[column.type]
        assert min(ends) == pytest.approx(min(values), rel=noise)
        assert max(ends) == pytest.approx(max(values), rel=noise)


# --- exactness without protection -------------------------------------------------------------------------------------


@given(data=st.data())
def test_discrete_without_protection_keeps_every_value_exactly(data):
    column = data.draw(columns(data.draw(st.sampled_from([*INTEGERS, *FLOATS, *DECIMALS, *TIMES, *DURATIONS]))))
    assert as_numbers(round_trip(DISCRETE, column, enabled=False)).equals(as_numbers(column))


@given(data=st.data())
def test_digits_without_protection_keep_every_whole_number_exactly(data):
    column = data.draw(columns(data.draw(st.sampled_from([*INTEGERS, *TIMES, *DURATIONS]))))
    assert round_trip(DIGIT, column, enabled=False).equals(column)


@pytest.mark.parametrize("n_digits", [1, 2, 15, 17, 18])
def test_digits_without_protection_keep_decimals_of_up_to_eighteen_digits(n_digits):
    scale = n_digits // 2
    values = [
        Decimal(sign * int(number)).scaleb(-scale) for sign in (1, -1) for number in ("9" * n_digits, "1" * n_digits)
    ]
    for dtype in (pa.decimal128(38, 18), pa.decimal256(60, 20), pa.decimal128(18, scale)):
        column = pa.array(values, dtype)
        assert round_trip(DIGIT, column, enabled=False).equals(column)


def test_digits_of_floats_survive_to_the_fifteenth():
    values = np.concatenate([10.0 ** np.arange(-12, 3), -(10.0 ** np.arange(-12, 3)), [0.1, 123.456, 999.999999999999]])
    decoded = round_trip(DIGIT, pa.array(values), enabled=False).to_numpy()
    assert (np.abs(decoded - values) <= 5e-13).all()
    tiny = np.array([1e-12, 2.5e-12, -9.99e-12])
    assert round_trip(DIGIT, pa.array(tiny), enabled=False).to_pylist() == tiny.tolist()


def test_names_of_digits_say_their_place():
    encoding = fit(DIGIT, pa.array([-1234.5, 20.25] * 50))
    assert encoding.cardinalities == {"sign": 3, "e3": 10, "e2": 10, "e1": 10, "e0": 10, "m1": 10, "m2": 10}
    assert list(fit(DIGIT, pa.array([2_000, 51_000] * 50)).cardinalities) == ["sign", "e4", "e3"]


# --- atoms and bins ---------------------------------------------------------------------------------------------------


def test_atoms_are_exact_and_bins_do_not_repeat_them():
    amounts = np.where(rng(3).random(5_000) < 0.4, 1_999.99, rng(4).uniform(1_990, 2_010, 5_000).round(2))
    column = pa.array(amounts)
    encoding = fit(BINNED, column)
    assert 1_999.99 in encoding.atoms
    codes = encoding.encode(column)
    atom = codes[:, 0] == codes[amounts == 1_999.99][0, 0]
    assert (amounts[atom] == 1_999.99).all()
    decoded = encoding.decode(codes, rng()).to_numpy()
    assert ((decoded == 1_999.99) == (amounts == 1_999.99)).all()


def test_bins_have_about_equally_many_rows_and_finer_ones_at_the_ends():
    encoding = fit(BINNED, pa.array(rng(5).lognormal(0, 2, 50_000)))
    codes = encoding.encode(pa.array(rng(5).lognormal(0, 2, 50_000)))
    share = np.bincount(codes[:, 0])[1:] / 50_000
    inner = share[8:-8]
    assert inner.min() > 0.5 / 64
    assert inner.max() < 2 / 64
    assert share[[0, -1]].max() < 0.002


def test_a_heavy_tail_is_not_drawn_evenly_over_many_magnitudes():
    values = rng(6).pareto(0.7, 40_000)
    decoded = round_trip(BINNED, pa.array(values)).to_numpy()
    for level in (0.5, 0.9, 0.99, 0.999, 0.9995):
        assert np.quantile(decoded, level) == pytest.approx(np.quantile(values, level), rel=0.1)


def test_few_whole_numbers_need_no_positions():
    ages = pa.array([*rng(7).integers(18, 96, 20_000).tolist(), 17, 110], pa.int64())
    encoding = fit(BINNED, ages)
    assert list(encoding.cardinalities) == ["bin"]
    assert encoding.cardinalities["bin"] <= 1 + (96 - 18)
    assert fit(BINNED, pa.array(rng(7).integers(0, 5_000, 20_000))).cardinalities["bin"] <= 1 + 64 + 16


def test_a_single_bin_is_better_than_none():
    column = pa.array([0] * 40 + list(range(1_000, 41_000, 1_000)))
    for seed in range(20):
        encoding = fit(BINNED, column, seed=seed)
        assert len(encoding.edges) >= 2
        codes = encoding.encode(column)
        assert (codes[:40] != codes[40:]).any(axis=1).mean() > 0.9


def test_auto_is_discrete_only_where_nearly_all_numbers_are_kept():
    column = pa.array(list(range(60)) * 8)  # between the smallest and the largest threshold
    kinds = set()
    for seed in range(40):
        encoding = fit(AUTO, column, seed=seed)
        kinds.add(encoding.type)
        assert encoding.encode(column)[:, 0].min() > 0
    assert kinds == {Kind.TABULAR_NUMERIC_DISCRETE, Kind.TABULAR_NUMERIC_BINNED}


def test_auto_chooses_by_the_values():
    assert fit(AUTO, pa.array([1, 2, 3] * 50)).type == Kind.TABULAR_NUMERIC_DISCRETE
    assert fit(AUTO, pa.array(rng(8).normal(size=2_000))).type == Kind.TABULAR_NUMERIC_BINNED
    assert fit(AUTO, pa.array([1, 2, 3] * 50 + list(range(100, 140)))).type == Kind.TABULAR_NUMERIC_BINNED


# --- peculiar columns -------------------------------------------------------------------------------------------------

PECULIAR = {
    "empty": pa.array([], pa.float64()),
    "one row": pa.array([3.5]),
    "one null": pa.array([None], pa.int64()),
    "all null": pa.nulls(200, pa.decimal128(5, 2)),
    "all nan": pa.array([float("nan")] * 200),
    "constant": pa.array([7.25] * 200),
    "constant zero": pa.array([0] * 200),
    "constant of 64 bits": pa.array([-(2**63)] * 200),
    "two values": pa.array([-1.5, 1e9] * 100),
    "two zeros": pa.array([0.0, -0.0] * 100),
    "negative": pa.array((-rng(9).lognormal(3, 1, 500)).round(2)),
    "subnormal": pa.array([5e-324 * step for step in range(500)]),
    "subnormal and huge": pa.array([5e-324, 1.7976931348623157e308, -1.7976931348623157e308] * 100),
    "all magnitudes": pa.array((10.0 ** rng(10).uniform(-12, 12, 2_000)).tolist()),
    "all floats": pa.array(rng(11).integers(0, 2**63, 3_000).view(np.float64)[:2_000]).drop_null(),
    "huge whole numbers": pa.array(rng(12).integers(-(2**63), 2**63, 2_000)),
    "neighbours beyond float64": pa.array(list(range(2**53, 2**53 + 500))),
    "huge unsigned numbers": pa.array(rng(13).integers(0, 2**64, 2_000, dtype=np.uint64)),
    "ends of 64 bits": pa.array([-(2**63), 2**63 - 1] * 100 + list(range(300))),
    "ends of unsigned 64 bits": pa.array([0, 2**64 - 1] * 100 + list(range(2**63, 2**63 + 300)), pa.uint64()),
    "half floats": pa.array(rng(14).normal(0, 100, 2_000).astype(np.float16)),
    "all half floats": pa.array(np.arange(2**15 - 1024, dtype=np.uint16).view(np.float16)),
    "decimals of 76 digits": pa.array([Decimal(10) ** 75 + step for step in range(300)], pa.decimal256(76, 0)),
    "decimals in wide columns": pa.array([Decimal(step) / 100 for step in range(500)], pa.decimal128(38, 18)),
}


@by_numeric
@pytest.mark.parametrize("enabled", [True, False], ids=["protected", "open"])
@pytest.mark.parametrize("name", PECULIAR)
def test_peculiar_columns_keep_the_laws(by, name, enabled):
    column = PECULIAR[name]
    encoding = fit(by, column, enabled=enabled)
    codes = encoding.encode(column)
    assert (codes < np.array(list(encoding.cardinalities.values()))).all()
    decoded = encoding.decode(codes, rng())
    assert decoded.type == column.type
    is_kept = codes[:, 0] > (1 if encoding.type == Kind.TABULAR_NUMERIC_DISCRETE else 0)
    assert (encoding.encode(decoded) == codes)[is_kept].all()
    values, again = (as_numbers(numbers).drop_null().to_pylist() for numbers in (column, decoded))
    if again:
        noise = Fraction(2e-3 if pa.types.is_float16(column.type) else 1e-13)
        largest = max(abs(Fraction(value)) for value in values) if by is DIGIT else 0  # digits end 15 after the first
        low, high = Fraction(min(values)), Fraction(max(values))
        assert low - max(abs(low), largest) * noise <= min(again)
        assert max(again) <= high + max(abs(high), largest) * noise


@by_numeric
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_infinities_are_refused_without_quoting_a_value(by, dtype):
    column = pa.array(np.array([1, np.inf, -np.inf, np.nan], dtype.to_pandas_dtype()))
    with pytest.raises(InputError, match=r"expected finite numbers or nulls, found 2 infinite value\(s\)"):
        by.summarise(column)
    encoding = fit(by, column.slice(0, 1))
    with pytest.raises(InputError, match="infinite"):
        encoding.encode(column)


@by_numeric
def test_nothing_warns(by):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for column in PECULIAR.values():
            round_trip(by, column)


# --- sub-columns ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "n_rows"), [(80, 2_000), (240, 20_000)])
def test_a_small_range_of_whole_numbers_has_a_code_for_each_and_no_positions(width, n_rows):
    for step in (1, 0.5, 100):
        column = pa.array(rng(2).integers(0, width, n_rows) * step)
        encoding = fit(BINNED, column)
        assert list(encoding.cardinalities) == ["bin"]
        assert width * 0.9 < encoding.cardinalities["bin"] <= width + 1
        is_inside = np.isin(column.to_numpy(), encoding.decode(encoding.encode(column), rng()).to_numpy())
        assert is_inside.mean() > 0.98


@pytest.mark.parametrize(("width", "n_rows"), [(240, 2_000), (300, 20_000), (100_000, 20_000)])
def test_a_wide_range_has_bins_and_positions(width, n_rows):
    encoding = fit(BINNED, pa.array(rng(2).integers(0, width, n_rows)))
    assert list(encoding.cardinalities) == ["bin", "pos"]
    assert sum(encoding.cardinalities.values()) < 120


@pytest.mark.parametrize("dtype", [pa.decimal256(76, 0), pa.float64()])
def test_a_negative_number_of_which_no_digit_is_left_is_zero(dtype):
    """Thirty-eight digits, or fifteen of a float, begin with those of the largest: nothing is left of -1."""
    column = pa.array([Decimal(-1), Decimal(0), Decimal(-(10**38))] * 40, pa.decimal256(76, 0)).cast(dtype)
    encoding = fit(DIGIT, column)
    assert (encoding.encode(column)[0] == encoding.encode(column)[1]).all()
    assert encoding.decode(encoding.encode(column), rng()).to_pylist()[:2] == [0, 0]
