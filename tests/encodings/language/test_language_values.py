"""Numbers, dates and categories as literals: examples of how they are written, and of what may be drawn of them."""

import datetime as dt
import json
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from synth_engine.domain import ModelEncodingType as Kind
from synth_engine.encodings.language import language_fitter
from synth_engine.encodings.language.categorical import LanguageCategorical
from synth_engine.encodings.language.datetime import LanguageDatetime
from synth_engine.encodings.language.numeric import LanguageNumeric
from tests.encodings.columns import fit
from tests.encodings.language.grammars import matcher_of


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def written(encoding, values: list, dtype: pa.DataType | None = None) -> list[str]:
    return encoding.write(pa.array(values, dtype or encoding.dtype)).to_pylist()


# --- numbers ----------------------------------------------------------------------------------------------------------

CENTS = np.round(rng().uniform(-50, 250, 2_000), 2)


def test_amounts_have_two_decimals_in_a_protected_range():
    encoding = fit(LanguageNumeric, pa.array([*CENTS, 1e6, -1e6]))
    assert written(encoding, [12.5, 0.0, -0.0, -0.1, 3.14159, None]) == [
        "12.50",
        "0.00",
        "0.00",
        "-0.10",
        "3.14",
        "null",
    ]
    low, high = encoding.low, encoding.high
    assert -5_200 <= low <= -4_800
    assert 24_700 <= high <= 25_200
    assert written(encoding, [1e6, -1e6]) == [f"{high / 100:.2f}", f"{low / 100:.2f}"]
    allows = matcher_of(encoding.grammar(nulls=False))
    assert allows("12.34")
    assert not any(map(allows, ["12.3", "12.345", "12", "1e6", "1000000.00", "-0.00", "012.34", "null", "+1.00"]))
    assert encoding.longest == len(f"{high / 100:.2f}")


def test_the_precision_of_one_row_in_a_hundred_does_not_matter():
    for whole in (CENTS, np.round(CENTS)):
        values = np.concatenate([whole, rng(1).uniform(0, 100, 15)])
        decimals = fit(LanguageNumeric, pa.array(values)).decimals
        assert decimals == fit(LanguageNumeric, pa.array(whole)).decimals


@pytest.mark.parametrize("dtype", [pa.int8(), pa.uint8(), pa.int64(), pa.uint64(), pa.decimal128(30, 10), pa.float32()])
def test_whole_numbers_have_no_point(dtype: pa.DataType):
    encoding = fit(LanguageNumeric, pa.array(rng().integers(0, 100, 500)).cast(dtype))
    assert encoding.decimals == 0
    assert encoding.write(pa.array([7, 42]).cast(dtype)).to_pylist() == ["7", "42"]
    assert encoding.read(pa.array(["7", "null"], pa.large_string())).equals(pa.array([7, None]).cast(dtype))


def test_decimals_keep_those_that_are_in_use():
    values = [Decimal(int(cents)) / 100 for cents in rng().integers(-(10**6), 10**6, 500)]
    encoding = fit(LanguageNumeric, pa.array(values, pa.decimal128(38, 18)))
    assert encoding.decimals == 2
    assert written(encoding, [Decimal("1.5"), Decimal("-0.05")]) == ["1.50", "-0.05"]


@pytest.mark.parametrize("scale", [1e-200, 1e-9, 1.0, 1e9, 1e200])
def test_continuous_numbers_keep_at_least_three_digits_and_read_back_to_the_same_literal(scale: float):
    values = rng().lognormal(0, 1, 3_000) * scale
    encoding = fit(LanguageNumeric, pa.array(values))
    literals = encoding.write(pa.array(values))
    again = encoding.read(literals)
    inside = (values > np.quantile(values, 0.05)) & (values < np.quantile(values, 0.95))
    assert np.allclose(again.to_numpy()[inside], values[inside], rtol=1e-3, atol=0)
    assert encoding.write(again).equals(literals)
    assert all(
        float(literal) == pytest.approx(value, rel=1e-12)
        for literal, value in zip(literals.to_pylist(), again.to_pylist(), strict=True)
    )
    assert encoding.longest <= 16
    allows = matcher_of(encoding.grammar(nulls=False))
    assert all(map(allows, literals.to_pylist()[:50]))
    assert not allows("0.123456789012345")


def test_the_ends_of_64_bits():
    values = [0, 2**64 - 1, 2**63] * 40
    encoding = fit(LanguageNumeric, pa.array(values, pa.uint64()), enabled=False)
    assert written(encoding, values[:3]) == ["0", "18446744073709551615", "9223372036854775808"]
    assert encoding.read(encoding.write(pa.array(values, pa.uint64()))).to_pylist() == values
    signed = [-(2**63), 2**63 - 1] * 40
    encoding = fit(LanguageNumeric, pa.array(signed), enabled=False)
    assert encoding.read(encoding.write(pa.array(signed))).to_pylist() == signed
    allows = matcher_of(encoding.grammar(nulls=False))
    assert allows("-9223372036854775808")
    assert not allows("9223372036854775808")


@pytest.mark.parametrize("secret", [987_654_321.25, -987_654_321.25, 0.00987654321])
def test_no_planted_number_is_in_the_json(secret: float):
    for seed in range(5):
        text = fit(LanguageNumeric, pa.array([*CENTS, *[secret] * 4]), seed=seed).model_dump_json()
        assert "98765" not in text
        assert json.loads(text)["decimals"] == 2


def test_a_few_tiny_numbers_do_not_shape_a_continuous_column():
    values = rng().uniform(1, 2, 40)
    for seed in range(5):
        decimals = {
            fit(LanguageNumeric, pa.array([*values, *[tiny] * 4]), seed=seed).decimals for tiny in (1e-9, 1e-99)
        }
        assert decimals == {fit(LanguageNumeric, pa.array(values), seed=seed).decimals}


def test_one_entity_with_many_numbers_is_one():
    values = [10, 11, 12] * 100 + [900_000_000 + 1_001 * step for step in range(1_000)]
    entities = np.array([*range(300), *[7_777] * 1_000])
    for seed in range(5):
        assert fit(LanguageNumeric, pa.array(values), entities=entities, seed=seed).high <= 12


# --- dates ------------------------------------------------------------------------------------------------------------


def moments(step: str, n: int = 1_000) -> pa.Array:
    """Moments of 2015 to 2020 that are whole in this unit."""
    start, stop = (np.datetime64(f"{year}-01-01", step).astype(int) for year in (2015, 2021))
    return pa.array(rng().integers(start, stop, n).astype(f"datetime64[{step}]").astype("datetime64[ns]"))


FORMS = {
    "D": '"2017-02-03"',
    "h": '"2017-02-03T04:00"',
    "m": '"2017-02-03T04:05"',
    "s": '"2017-02-03T04:05:06"',
    "ms": '"2017-02-03T04:05:06.789"',
    "us": '"2017-02-03T04:05:06.789123456"',
}


@pytest.mark.parametrize(("step", "literal"), FORMS.items())
def test_dates_are_written_as_finely_as_they_are(step: str, literal: str):
    encoding = fit(LanguageDatetime, moments(step))
    moment = pa.array([np.datetime64("2017-02-03T04:05:06.789123456")])
    assert encoding.write(moment).to_pylist() == [literal]
    assert encoding.longest == len(literal)
    (again,) = encoding.read(pa.array([literal], pa.large_string())).to_numpy(zero_copy_only=False)
    assert str(again).startswith(literal.strip('"')[:19])
    allows = matcher_of(encoding.grammar(nulls=False))
    assert [each for each, form in FORMS.items() if allows(form)] in ([step], ["h", step])
    column = moments(step)
    if step in ("D", "h", "m", "s", "ms"):
        assert (
            encoding.read(encoding.write(column)).to_numpy(zero_copy_only=False)[5]
            == column.to_numpy(zero_copy_only=False)[5]
        )


def test_days_beyond_the_protected_range_are_clipped_and_never_allowed():
    column = pa.array([dt.date(2015, 1, 1) + dt.timedelta(int(day)) for day in rng().integers(0, 2_000, 1_000)])
    planted = pa.concat_arrays([column, pa.array([dt.date(1903, 2, 17), dt.date(2187, 10, 23)])])
    for seed in range(5):
        encoding = fit(LanguageDatetime, planted, seed=seed)
        low, high = encoding.write(pa.array([dt.date(1903, 2, 17), dt.date(2187, 10, 23)])).to_pylist()
        assert low.startswith('"2015-0')
        assert high.startswith('"2020-0')
        allows = matcher_of(encoding.grammar(nulls=False))
        assert allows(low)
        assert allows(high)
        assert allows('"2016-02-29"')
        wrong = ["2017-02-29", "2018-04-31", "1903-02-17", "2187-10-23", "2014-12-31", "2021-01-01", "2018-00-10"]
        assert not any(allows(f'"{day}"') for day in wrong)
        assert "1903" not in encoding.model_dump_json()


def test_times_on_the_first_day_are_clipped_where_the_range_is_exact():
    column = pa.array([dt.datetime(2020, 1, 1, 12), dt.datetime(2020, 1, 3, 12)] * 30)
    encoding = fit(LanguageDatetime, column, enabled=False)
    drawn = pa.array(['"2020-01-01T03:00"', '"2020-01-02T03:00"', '"2020-01-03T20:00"'], pa.large_string())
    assert encoding.read(drawn).to_pylist() == [column[0].as_py(), dt.datetime(2020, 1, 2, 3), column[1].as_py()]


# --- categories -------------------------------------------------------------------------------------------------------


def test_rare_categories_are_written_as_a_token_that_is_never_drawn():
    column = pa.array(["red", "green", None] * 50 + ["Zoë"])
    encoding = fit(LanguageCategorical, column)
    assert written(encoding, ["red", "Zoë", "unseen", None]) == ['"red"', '"_RARE_"', '"_RARE_"', "null"]
    allows = matcher_of(encoding.grammar(nulls=True))
    assert [text for text in ['"red"', '"green"', '"_RARE_"', "null", '"Zoë"', '"re"'] if allows(text)] == [
        '"red"',
        '"green"',
        "null",
    ]
    assert encoding.whole() == ['"green"', '"red"', '"_RARE_"', "null"]
    assert encoding.read(pa.array(['"_RARE_"', '"red"'], pa.large_string())).to_pylist() == [None, "red"]
    assert "Zoë" not in encoding.model_dump_json()


def test_the_token_for_rare_ones_is_no_category():
    column = pa.array(["_RARE_", "_RARE__", "x"] * 50 + ["Zoë"])
    encoding = fit(LanguageCategorical, column)
    literals = written(encoding, ["_RARE_", "_RARE__", "Zoë"])
    assert literals == ['"_RARE_"', '"_RARE__"', '"_RARE___"']
    assert encoding.read(pa.array(literals, pa.large_string())).to_pylist() == ["_RARE_", "_RARE__", None]


@pytest.mark.parametrize(
    ("values", "dtype", "literals"),
    [
        ([True, False], pa.bool_(), ["true", "false"]),
        ([3, -4], pa.int16(), ["3", "-4"]),
        ([1.5, 1e30], pa.float64(), ['"1.5"', '"1e+30"']),
        ([b"\0a", b"b"], pa.binary(), ['"0061"', '"62"']),
        (["a\nb", 'q"'], pa.string(), ['"a\\nb"', '"q\\""']),
    ],
    ids=str,
)
def test_what_can_be_a_category(values: list, dtype: pa.DataType, literals: list[str]):
    column = pa.array(values * 30, dtype)
    encoding = fit(LanguageCategorical, column)
    assert written(encoding, values) == literals
    assert encoding.read(encoding.write(column)).equals(column)
    assert fit(LanguageCategorical, column.dictionary_encode()).whole() == encoding.whole()


def test_a_category_that_is_a_book_is_rare():
    encoding = fit(LanguageCategorical, pa.array(["x" * 5_000, "y"] * 50))
    assert encoding.categories == ["y"]
    assert "more than 4,096 characters" in encoding.loses(LanguageCategorical.summarise(pa.array(["x" * 5_000])))


@pytest.mark.parametrize("kind", [Kind.LANGUAGE_CATEGORICAL, Kind.LANGUAGE_TEXT, Kind.AUTO])
def test_nulls_of_few_are_not_drawn_and_do_not_show(kind: Kind):
    column = pa.array(["a", "b"] * 200 + [None] * 4)
    for seed in range(5):
        encoding = fit(language_fitter(kind), column, seed=seed)
        assert not encoding.has_nulls
        assert "null" not in encoding.whole()
