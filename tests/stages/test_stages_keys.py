"""New primary keys: unique, of the original type, and none of the original ones where these are text."""

import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth_engine import generate
from synth_engine.domain import InputError
from synth_engine.stages.generating import shard_sizes
from synth_engine.stages.keys import counts_up, is_key_type, make_keys
from tests.stages.helpers import fit, refused, run_all, synthetic, through_parquet

NUMBERS = [
    *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
    *(pa.float16(), pa.float32(), pa.float64(), pa.decimal128(3, 0), pa.decimal128(9, 2), pa.decimal256(60, 3)),
]
TEXTS = [pa.string(), pa.large_string(), pa.uuid()]
DICTIONARIES = [
    pa.dictionary(pa.int16(), pa.string()),
    pa.dictionary(pa.uint32(), pa.large_string(), ordered=True),
    pa.dictionary(pa.int32(), pa.int64()),
]


@pytest.mark.parametrize("dtype", NUMBERS + TEXTS + DICTIONARIES, ids=str)
def test_keys_are_unique_and_of_their_type(dtype: pa.DataType):
    assert is_key_type(dtype)
    rng = np.random.default_rng(0)
    parts = [make_keys(pa.field("id", dtype), rows, start, rng) for start, rows in ((0, 60), (60, 0), (60, 67))]
    assert [part.type for part in parts] == [dtype] * 3
    keys = [key for part in parts for key in part.to_pylist()]
    assert len(set(keys)) == 127


@pytest.mark.parametrize("dtype", [each for each in NUMBERS + DICTIONARIES if counts_up(each)], ids=str)
def test_numbers_pass_over_those_that_are_taken(dtype: pa.DataType):
    """The rest is consecutive, whatever is taken and in however many calls it is made."""
    field, rng = pa.field("id", dtype), np.random.default_rng(0)
    used = {1, 2, 5, 60, 61, 62, 100}
    taken = pa.concat_arrays([make_keys(field, 1, number - 1, rng) for number in (100, *used, 5)])
    parts = [make_keys(field, rows, start, rng, taken=taken) for start, rows in ((0, 1), (1, 49), (50, 40))]
    assert [int(key) for part in parts for key in part.to_pylist()] == sorted(set(range(1, 97)) - used)


def test_no_keys_are_left_beside_those_that_are_taken():
    field, rng = pa.field("id", pa.int8()), np.random.default_rng(0)
    taken = make_keys(field, 27, 0, rng)
    assert make_keys(field, 100, 0, rng, taken=taken).to_pylist() == list(range(28, 128))
    with pytest.raises(InputError, match=r"^context key .id.: cannot make 101 different keys"):
        make_keys(field, 101, 0, rng, taken=taken, what="context key")


@pytest.mark.parametrize("dtype", [pa.bool_(), pa.date32(), pa.timestamp("us"), pa.duration("s"), pa.binary()], ids=str)
def test_types_that_make_no_keys(dtype: pa.DataType):
    assert not is_key_type(dtype)


TOO_SMALL = [
    (pa.int8(), 128),
    (pa.uint8(), 256),
    (pa.float16(), 2050),
    (pa.decimal128(2, 0), 100),
    (pa.dictionary(pa.int8(), pa.string()), 129),
    (pa.dictionary(pa.int32(), pa.int8()), 128),
    (pa.null(), 1),
]


@pytest.mark.parametrize(("dtype", "n_rows"), TOO_SMALL, ids=str)
def test_a_type_that_is_too_small_for_so_many_keys(dtype: pa.DataType, n_rows: int):
    message = f"^primary key 'id': cannot make {n_rows} different keys of type .*; use a text or wider integer key"
    with pytest.raises(InputError, match=message):
        make_keys(pa.field("id", dtype), n_rows, 0, np.random.default_rng(0))


def test_text_keys_are_random_uuids():
    keys = make_keys(pa.field("id", pa.string()), 50, 0, np.random.default_rng(0)).to_pylist()
    parsed = [uuid.UUID(key) for key in keys]
    assert [str(key) for key in parsed] == keys
    assert {(key.version, key.variant) for key in parsed} == {(4, uuid.RFC_4122)}


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "ws")


KEYS = [
    pd.Series([f"customer {i}" for i in range(40)]),
    pd.Series(range(1000, 1040)),
    pd.Series(np.arange(40) * 2.5),
    pd.Series(range(40), dtype="Int16"),
    pd.Series([f"customer {i}" for i in range(40)], dtype="string[pyarrow]"),
    pd.Series([f"customer {i}" for i in range(40)], dtype="category"),
    pd.Series([uuid.UUID(int=i) for i in range(40)]),
    pd.Series([Decimal(i) for i in range(40)]),
]


@pytest.mark.parametrize("keys", KEYS, ids=lambda keys: str(keys.dtype))
def test_a_table_with_a_key(root: str, keys: pd.Series):
    table = pd.DataFrame({"a": range(40), "id": keys})
    twin = run_all(table, root, tgt_primary_key="id", sample_size=45)
    assert twin.schema.field("id").type == through_parquet(table).schema.field("id").type
    made = twin["id"].to_pylist()
    assert len(set(made)) == 45
    if not isinstance(keys[0], (int, float, Decimal, np.integer)):
        assert not set(made) & set(keys)


def test_keys_are_unique_across_shards(root: str, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch):
    set_shard_rows(monkeypatch, 7)
    for kind in (int, str):
        twin = run_all(table.astype({"id": kind}), root, tgt_primary_key="id", sample_size=50)
        assert len(set(twin["id"].to_pylist())) == 50


def set_shard_rows(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """Let shards be small."""
    monkeypatch.setattr(shard_sizes, "SHARD_ROWS", rows)


def test_more_rows_than_keys_is_told_before_the_work(root: str, monkeypatch: pytest.MonkeyPatch):
    set_shard_rows(monkeypatch, 50)
    table = pd.DataFrame({"id": np.arange(100, dtype="int8"), "a": range(100)})
    fit(table, root, tgt_primary_key="id")
    generate(sample_size=127, workspace_dir=root)
    assert sorted(synthetic(root)["id"].to_pylist()) == list(range(1, 128))
    calls: list[Any] = []
    with refused(root, InputError, "^primary key 'id': cannot make 128 different keys of type int8; use"):
        generate(sample_size=128, workspace_dir=root, update_progress=lambda **facts: calls.append(facts))
    assert calls == []


def test_a_number_as_key_tells_nothing_of_the_original(root: str):
    twin = run_all(pd.DataFrame({"id": [7, 99, 12345], "a": [1, 2, 3]}), root, tgt_primary_key="id")
    assert twin["id"].to_pylist() == [1, 2, 3]
