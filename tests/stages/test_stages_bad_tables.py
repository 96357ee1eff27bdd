"""Tables that cannot be used: `split` says why and what to do, and leaves the workspace as it was."""

import datetime
import ipaddress
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth_engine import split
from synth_engine.domain import InputError
from tests.stages.helpers import refused


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"good": range(4)} | columns)


def column(*values: Any, dtype: Any = object) -> pd.DataFrame:
    return frame(bad=pd.Series(values, dtype=dtype))


def named(*names: Any) -> pd.DataFrame:
    result = pd.DataFrame(np.zeros((4, len(names))))
    result.columns = pd.Index(names, dtype=object)
    return result


def broken_text() -> pa.Table:
    """A text column whose bytes are not text."""
    values = pa.array([b"\xff\xfe"] * 4).cast(pa.large_binary())
    return pa.table({"bad": pa.LargeStringArray.from_buffers(4, values.buffers()[1], values.buffers()[2])})


DAY, MORNING = datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1, 5)

NOT_A_TABLE = [
    ([1, 2], "tgt_data: expected a pandas.DataFrame or a pyarrow.Table, found list"),
    (None, "tgt_data: expected a pandas.DataFrame or a pyarrow.Table, found NoneType"),
    ({"a": [1]}, "tgt_data: expected a pandas.DataFrame or a pyarrow.Table, found dict"),
    (pd.Series([1]), "tgt_data: expected a pandas.DataFrame or a pyarrow.Table, found Series"),
]
NAMES = [
    (pd.DataFrame(), "tgt_data: expected at least one column, found none"),
    (pd.DataFrame(index=range(3)), "tgt_data: expected at least one column, found none"),
    (pa.table({}), "tgt_data: expected at least one column, found none"),
    (named("a", "b", "a"), "column names must be different, 'a' occurs more than once; rename one of them"),
    (pa.table([[1], [2]], names=["a", "a"]), "column names must be different, 'a' occurs more than once; rename"),
    (named("a", 7), r"column names must be text, found 7 \(int\); rename them, for example by df.columns"),
    (named("a", None), r"column names must be text, found None \(NoneType\); rename them"),
    (named("a", ("b", "c")), r"column names must be text, found \('b', 'c'\) \(tuple\); rename them"),
    (pd.DataFrame({("a", "b"): [1], ("a", "c"): [2]}), r"column names must be text, found \('a', 'b'\) \(tuple\)"),
    (named("a", pd.Timestamp("2020")), r"column names must be text, found Timestamp.* \(Timestamp\); rename them"),
    (named("a", "\ud800"), r"column names must be valid Unicode, found '\\ud800'; rename it"),
]
VALUES = [
    (column([1], [2, 3], None, []), "column 'bad' holds list<item: int64> values; expected one plain value per row"),
    (column({"x": 1}, {"x": 2}, None, {}), "column 'bad' holds struct<x: int64> values; .*take them apart"),
    (column({1}, {2}, {3}, {4}), "column 'bad' holds list<item: int64> values; expected one plain value per row"),
    (pa.table({"bad": [[1]] * 4}), "column 'bad' holds list<item: int64> values; expected one plain value per row"),
    (pa.table({"bad": pa.array([{"a": 1}], pa.map_(pa.string(), pa.int8()))}), "column 'bad' holds map<string, int8"),
    (column(1, "a", 2.5, None), "column 'bad' has no single type, found float, int, str; convert it first"),
    (column(1, True, 0, 1), "column 'bad' has no single type, found bool, int; convert it first"),
    (column(1.5, Decimal("2.5"), None, None), "column 'bad' has no single type, found Decimal, float"),
    (column(DAY, MORNING, None, None), "column 'bad' has no single type, found date, datetime; .*pd.to_datetime"),
    (column(MORNING, DAY, None, None), "column 'bad' has no single type, found date, datetime; convert it first"),
    (column("a", MORNING, None, None), "column 'bad' has no single type, found datetime, str; convert it first"),
    (column("a", 1, 2, 3, dtype="category"), "column 'bad' has no single type, found int, str; convert it first"),
    (column(2**70, 1, 2, 3), "column 'bad' holds int values that no plain column type can hold; convert it first"),
    (column(*[1 + 2j] * 4), "column 'bad' holds complex values that no plain column type can hold; convert it first"),
    (column(*[ipaddress.ip_address("::1")] * 4), "column 'bad' holds IPv6Address values that no plain column type"),
    (
        column("\ud800", "a", "b", "c"),
        r"column 'bad' holds text that is not valid Unicode \(lone surrogates\); read",
    ),
    (column(1, 0, 0, 0, dtype=pd.SparseDtype(int)), "column 'bad' is sparse; expected a dense one, make it by"),
    (
        column(*pd.interval_range(0, 4), dtype="interval[int64]"),
        "column 'bad' holds .*interval.* values; .*take them apart",
    ),
    (
        column(1.0, np.inf, -np.inf, None, dtype=float),
        "column 'bad' must hold finite numbers or nulls, found 2",
    ),
    (column(1.0, np.inf, None, 2, dtype="Float64"), "column 'bad' must hold finite numbers or nulls, found 1"),
    (
        pa.table({"bad": pa.array([np.inf], pa.float16())}),
        "column 'bad' must hold finite numbers.*replace them by null",
    ),
    (pa.table({"bad": pa.array([2**60], pa.timestamp("s"))}), r"column 'bad' holds timestamp\[s\] values that Parquet"),
    (broken_text(), "column 'bad' is damaged: its values do not fit its type large_string; make the table anew"),
]


@pytest.mark.parametrize(("table", "message"), NOT_A_TABLE + NAMES + VALUES, ids=lambda part: str(part)[:50])
def test_a_table_that_cannot_be_used(ready: str, table: Any, message: str):
    with refused(ready, InputError, "^tgt_data: .*" + message.removeprefix("tgt_data: ")):
        split(table, workspace_dir=ready)


def test_no_message_quotes_values(ready: str):
    for table in (column("secret", 1, 2, 3), column("secret", 1, None, None, dtype="category"), column(*"ab", 1, {})):
        with pytest.raises(InputError) as caught:
            split(table, workspace_dir=ready)
        assert "secret" not in str(caught.value)


KEYS = [
    (
        [1, 2, 2, 2],
        "column 'key' must be unique, found 2 repeated value.*; remove the duplicates or choose",
    ),
    (["a", "b", "a", "c"], "column 'key' must be unique, found 1 repeated value"),
    (pd.Categorical(["a", "b", "a", "c"]), "column 'key' must be unique, found 1 repeated value"),
    (["a", None, "b", "c"], "column 'key' must not have nulls, found 1; drop or fill these rows"),
    ([1, np.nan, 3, np.nan], "column 'key' must not have nulls, found 2; drop or fill these rows"),
    ([None] * 4, "column 'key' must not have nulls, found 4; drop or fill these rows"),
    (pd.date_range("2020", periods=4), "column 'key' must be text or numbers, found timestamp.*; convert it to text"),
    ([True, False, True, False], "column 'key' must be text or numbers, found bool; convert it to text, or leave"),
]


@pytest.mark.parametrize(("keys", "message"), KEYS, ids=lambda part: str(part)[:40])
def test_a_column_that_is_no_key(ready: str, keys: Any, message: str):
    with refused(ready, InputError, "^tgt_primary_key: " + message):
        split(frame(key=keys), tgt_primary_key="key", workspace_dir=ready)


def test_a_nan_in_an_arrow_table_is_a_missing_key(ready: str):
    with refused(ready, InputError, "column 'key' must not have nulls, found 1"):
        split(pa.table({"key": [1.0, float("nan"), 2.0]}), tgt_primary_key="key", workspace_dir=ready)


def test_a_key_that_is_no_column(ready: str):
    with refused(ready, InputError, "^tgt_primary_key: expected a column of the table, found 'nope'; correct the name"):
        split(frame(), tgt_primary_key="nope", workspace_dir=ready)


ENCODINGS = [
    ({"good": "NONE"}, InputError, r"tgt_encoding_types.good: Input should be 'AUTO', .* found 'NONE'"),
    ({"nope": "AUTO"}, InputError, "tgt_encoding_types: expected columns of the table, found 'nope'; leave it out"),
    ({"key": "AUTO"}, InputError, "tgt_encoding_types: 'key' is the primary key, which is not modelled; leave it out"),
    ({"text": "TABULAR_NUMERIC_BINNED"}, InputError, "column 'text': .*TABULAR_NUMERIC_BINNED does not take values of"),
    ({"text": "tabular_datetime"}, InputError, "column 'text': .*TABULAR_DATETIME does not take .*leave it at AUTO"),
    ({"good": "TABULAR_DATETIME"}, InputError, "column 'good': encoding type TABULAR_DATETIME does not take values of"),
    (
        {"good": "TABULAR_CHARACTER"},
        InputError,
        "column 'good': encoding type TABULAR_CHARACTER does not take values of",
    ),
    ({"good": "tabular_lat_long"}, InputError, "column 'good': encoding type TABULAR_LAT_LONG does not take values of"),
    ({"good": "LANGUAGE_TEXT"}, InputError, "column 'good': encoding type LANGUAGE_TEXT does not take values of"),
]


@pytest.mark.parametrize(("types", "error", "message"), ENCODINGS, ids=lambda part: str(part)[:40])
def test_an_encoding_type_that_does_not_suit(ready: str, types: dict[str, str], error: type[Exception], message: str):
    table = frame(key=list("abcd"), text=["x"] * 4)
    with refused(ready, error, message):
        split(table, tgt_primary_key="key", tgt_encoding_types=types, workspace_dir=ready)
