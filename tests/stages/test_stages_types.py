"""Types come back: whoever reads the synthetic data gets the types of the original, as far as Parquet has them."""

import datetime
import json
import uuid
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth_engine.domain import InputError
from synth_engine.stages.table_schema import restore_types, shareable
from synth_engine.summary import synthetic_table
from synth_engine.workspace import Artefact, Workspace
from tests.stages.helpers import refused, run_all, through_parquet

N = 60


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "ws")


DAYS = pd.Series(pd.date_range("2020-01-01", periods=N))
DTYPES = [
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64"),
    *("Int8", "Int64", "UInt16", "Float32", "Float64", "bool", "boolean"),
    *("str", "string", "string[pyarrow]", "category"),
    *("int16[pyarrow]", "double[pyarrow]", "bool[pyarrow]", "string[pyarrow]", "large_string[pyarrow]"),
    *("datetime64[ms]", "datetime64[us]", "datetime64[ns]", "datetime64[us, UTC]", "datetime64[ns, Europe/Vienna]"),
    *("timedelta64[us]", "timedelta64[ns]", "timestamp[us][pyarrow]", "date32[pyarrow]", "duration[us][pyarrow]"),
]


def series(dtype: str) -> pd.Series:
    """Values of a type, without nulls."""
    if "datetime" in dtype or "timestamp" in dtype or "date32" in dtype:
        return DAYS.dt.tz_localize("UTC").astype(dtype) if "," in dtype else DAYS.astype(dtype)
    if "timedelta" in dtype or "duration" in dtype:
        return (DAYS - DAYS[0]).astype(dtype)
    if "bool" in dtype:
        return pd.Series([True, False] * (N // 2), dtype=dtype)
    if "str" in dtype or dtype == "category":
        return pd.Series(["x", "y", "z"] * (N // 3), dtype="str").astype(dtype)
    return pd.Series([1, 2, 3] * (N // 3), dtype=dtype)


def read(root: str) -> pd.DataFrame:
    """What users of pandas do."""
    return pd.read_parquet(Path(root) / "SyntheticData")


def test_every_type_of_pandas_without_nulls(root: str):
    table = pd.DataFrame({f"{i} {dtype}": series(dtype) for i, dtype in enumerate(DTYPES)})
    run_all(table, root)
    expected = through_parquet(table).to_pandas()
    pd.testing.assert_series_equal(read(root).dtypes, expected.dtypes)
    assert [str(dtype) for dtype in expected.dtypes] == [str(dtype) for dtype in table.dtypes], "Parquet has them all"
    assert not read(root).isna().any().any()


NULLABLE = [dtype for dtype in DTYPES if not (dtype[0] in "iub" and dtype.isalnum())]


def test_every_type_of_pandas_with_nulls(root: str):
    table = pd.DataFrame({f"{i} {dtype}": series(dtype).where(DAYS.index % 4 != 0) for i, dtype in enumerate(NULLABLE)})
    run_all(table, root)
    pd.testing.assert_series_equal(read(root).dtypes, table.dtypes)
    assert read(root).isna().any().mean() > 0.9


def test_a_column_without_nulls_gets_none(root: str):
    table = pd.DataFrame({"a": [1, 2] * 30, "b": ["x", "y"] * 30, "c": DAYS, "d": np.linspace(0, 1, 60)})
    run_all(table, root)
    assert not read(root).isna().any().any()


ARROW = {
    "date32": pa.array([datetime.date(2020, 1, 1 + i % 28) for i in range(N)]),
    "time64": pa.array([datetime.time(i % 24) for i in range(N)]),
    "decimal128": pa.array([Decimal(i) / 4 for i in range(N)], pa.decimal128(9, 2)),
    "decimal256": pa.array([Decimal(i) for i in range(N)], pa.decimal256(50, 3)),
    "large_string": pa.array(["x", "y"] * (N // 2), pa.large_string()),
    "dictionary": pa.array(["x", None] * (N // 2)).dictionary_encode(),
    "ordered": pa.DictionaryArray.from_arrays(pa.array([0, 1] * (N // 2), pa.int8()), ["x", "y"], ordered=True),
    "nanoseconds": pa.array(range(N), pa.timestamp("ns", "+02:00")),
    "null": pa.nulls(N),
    "numbers": pa.array([1, 2] * (N // 2)).dictionary_encode(),
    "seconds": pa.array(range(N), pa.timestamp("s")),
    "time32": pa.array(range(N), pa.time32("s")),
    "date64": pa.array([datetime.date(2020, 1, 1 + i % 28) for i in range(N)], pa.date64()),
}


def test_every_type_of_arrow(root: str):
    table = pa.table(ARROW)
    twin = run_all(table, root)
    assert twin.schema.types == through_parquet(table).schema.types
    assert synthetic_table(root).schema.types == table.schema.types
    stored = Workspace(root).read(Artefact.TGT_META).bytes("schema.arrow")
    assert pa.ipc.read_schema(pa.py_buffer(stored)).types == table.schema.types


def test_types_that_parquet_loses_are_restored(root: str):
    table = pa.table(ARROW)
    assert through_parquet(table).schema.types != table.schema.types
    assert restore_types(through_parquet(table), table.schema).equals(table)


def test_dictionaries_that_differ_from_chunk_to_chunk(root: str):
    chunks = [pa.array(values).dictionary_encode() for values in (["x", "y"] * 15, ["y", "z"] * 15, ["w", None] * 15)]
    twin = run_all(pa.table({"a": pa.chunked_array(chunks)}), root, sample_size=300)
    assert set(twin["a"].to_pylist()) == {"w", "x", "y", "z", None}


def test_a_column_declared_without_nulls(root: str):
    schema = pa.schema([pa.field("a", pa.int32(), nullable=False), pa.field("b", pa.string(), nullable=False)])
    twin = run_all(pa.table([list(range(N)), [f"unique {i}" for i in range(N)]], schema=schema), root)
    assert twin.schema.equals(schema)


def test_a_column_of_which_nothing_may_be_shown_may_be_null_whatever_was_declared(root: str):
    schema = pa.schema([pa.field("a", pa.int32(), nullable=False), pa.field("b", pa.binary(), nullable=False)])
    n_rows = 20
    twin = run_all(pa.table([list(range(n_rows)), [b"%d" % i for i in range(n_rows)]], schema=schema), root)
    assert twin.schema.equals(pa.schema({"a": pa.int32(), "b": pa.binary()}))
    assert twin["a"].null_count == twin["b"].null_count == n_rows


PANDAS = {
    "periods": pd.Series(pd.period_range("2020-01", periods=N, freq="M")),
    "bytes": pd.Series([b"x", b"y"] * (N // 2)),
    "identifiers": pd.Series([uuid.UUID(int=i % 2) for i in range(N)]),
    "decimals": pd.Series([Decimal(i % 4) / 4 for i in range(N)]),
    "dates": pd.Series([datetime.date(2020, 1, 1 + i % 28) for i in range(N)]),
    "ordered": pd.Series(pd.Categorical(["low", "high"] * (N // 2), ["low", "high"], ordered=True)),
    "times": pd.Series([datetime.time(i % 24) for i in range(N)]),
}


def test_columns_of_pandas_beyond_its_plain_dtypes(root: str):
    table = pd.DataFrame(PANDAS)
    run_all(table, root)
    twin = read(root)
    pd.testing.assert_series_equal(twin.dtypes, table.dtypes)
    assert twin["ordered"].cat.categories.tolist() == ["low", "high"]
    for name in ("bytes", "identifiers", "decimals", "dates", "times"):
        assert {type(value) for value in twin[name]} == {type(table[name][0])}, name
    assert set(twin["identifiers"]) == set(table["identifiers"])


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(pd.arrays.SparseArray([0, 1] * 30)),
        pd.Series(pd.interval_range(0, N)),
        pd.Series(pd.cut(range(N), 3)),
        pd.Series([1j] * N),
        pd.Series([[1]] * N),
    ],
    ids=["sparse", "intervals", "cut", "complex", "lists"],
)
def test_what_has_no_plain_values_is_refused_by_name(root: str, values: pd.Series):
    with refused(root, InputError, "column 'culprit'"):
        run_all(pd.DataFrame({"fine": range(N), "culprit": values}), root)


def test_a_pandas_index_is_dropped_and_columns_keep_their_order(root: str):
    table = pd.DataFrame(
        {"z": [1, 2] * 30, "a": ["x", "y"] * 30, "m": [0.5, 1.5] * 30}, index=pd.Index(DAYS, name="when")
    )
    twin = run_all(table, root)
    assert twin.schema.names == ["z", "a", "m"]
    assert read(root).index.equals(pd.RangeIndex(N))


def test_nothing_that_was_attached_to_the_table_gets_out(root: str):
    table = pd.DataFrame({"a": ["x", "y"] * 30, "c": pd.Categorical(["u", "v"] * 30, categories=["u", "v", "SECRET"])})
    table.attrs["note"] = "SECRET"
    table.columns.name = "SECRET"
    table.index = pd.Index(range(1000, 1060), name="SECRET")
    attached = pa.Table.from_pandas(table, preserve_index=False)
    field = attached.schema.field("a").with_metadata({"comment": "SECRET"})
    attached = attached.cast(attached.schema.set(0, field))
    metadata = dict(attached.schema.metadata) | {b"geo": b"SECRET", b"SECRET": b""}
    for variant in (table, attached.replace_schema_metadata(metadata)):
        run_all(variant, root)
        for path in [*Path(root, "ModelStore").rglob("*"), *Path(root, "SyntheticData").rglob("*")]:
            assert path.is_dir() or b"SECRET" not in path.read_bytes()
        assert [str(dtype) for dtype in read(root).dtypes] == ["str", "category"]


def test_the_schema_keeps_no_counts():
    table = pd.DataFrame({"c": pd.Categorical(["a", "b", "c"])}, index=pd.RangeIndex(5, 8))
    notes = json.loads(shareable(pa.Table.from_pandas(table).schema).metadata[b"pandas"])
    assert notes["index_columns"] == []
    assert notes["columns"][0]["metadata"] == {"ordered": False}


@pytest.mark.parametrize("notes", [b"", b"not JSON", b"[]", b"{}", b'{"columns": [1], "index_columns": []}'])
def test_notes_that_pandas_did_not_write_are_dropped(notes: bytes):
    assert shareable(pa.schema({"a": pa.int8()}, metadata={b"pandas": notes})).metadata is None
