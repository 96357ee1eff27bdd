"""What is suggested for a table is what the stages would do, and tells nothing of single people."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth_engine.demo import make_shop
from synth_engine.domain import InputError, ModelEncodingType
from synth_engine.stages import analyze, split, suggest, suggestions
from synth_engine.workspace import Artefact, Workspace

TYPE = ModelEncodingType


@pytest.fixture(scope="module")
def shop():
    return make_shop(800, seed=0)


def types(suggestion):
    return {name: column.encoding_type for name, column in suggestion.columns.items()}


def test_encodings_are_those_that_analyze_fits(shop, tmp_path):
    found = suggest(shop.orders, context_key="customer_id", random_state=0)
    assert found.primary_key == "order_id"
    split(
        tgt_data=shop.orders, tgt_primary_key="order_id", tgt_context_key="customer_id", workspace_dir=tmp_path / "ws"
    )
    analyze(workspace_dir=tmp_path / "ws", random_state=0)
    stats = Workspace(tmp_path / "ws").read(Artefact.TGT_STATS).json("stats.json")
    assert types(found) == {name: TYPE(column["encoding_type"]) for name, column in stats["columns"].items()}


def test_of_many_rows_some_are_looked_at_and_all_for_keys(monkeypatch):
    monkeypatch.setattr(suggestions, "MOST_ROWS", 100)
    frame = pd.DataFrame({"id": [*range(999), 998], "key": range(1000), "kind": ["a", "b"] * 500})
    found = suggest(frame, random_state=0)
    assert (found.primary_key, found.n_rows, found.n_seen) == ("key", 1000, 100)
    assert found == suggest(frame, random_state=0)


def test_subjects_are_looked_at_whole(monkeypatch):
    monkeypatch.setattr(suggestions, "MOST_ROWS", 505)
    days = pd.date_range("2020-01-01", periods=10)
    frame = pd.DataFrame({"who": np.repeat(range(100), 10), "when": list(days) * 100}).sort_values("when")
    found = suggest(frame, context_key="who", random_state=0)
    assert found.n_seen == 500
    assert types(found) == {"when": TYPE.TABULAR_DATETIME_RELATIVE}
    monkeypatch.setattr(suggestions, "MOST_ROWS", 5)
    assert suggest(frame, context_key="who", random_state=0).n_seen == 10


def test_what_too_few_have_is_not_counted():
    colours = ["red"] * 50 + ["blue"] * 50 + ["odd", "rare", "one"]
    found = suggest(pd.DataFrame({"colour": colours, "all_rare": range(103)}), random_state=0).columns["colour"]
    assert (found.n_values, found.has_rare, found.has_nulls) == (2, True, False)


@pytest.mark.parametrize("n_rows", [0, 1, 3])
def test_small_tables_and_odd_types(n_rows):
    table = pa.table(
        {
            "none": pa.nulls(n_rows),
            "text": pa.array(["x"] * n_rows, pa.string()),
            "flag": pa.array([True] * n_rows, pa.bool_()),
            "time": pa.array([1] * n_rows, pa.time32("s")),
            "bytes": pa.array([b"x"] * n_rows, pa.binary()),
            "large": pa.array(["x y z w"] * n_rows, pa.large_string()),
            "kind": pa.array(["x"] * n_rows, pa.string()).dictionary_encode(),
            "price": pa.array([None] * n_rows, pa.decimal128(9, 2)),
        }
    )
    found = suggest(table, random_state=0)
    assert list(found.columns) == table.column_names
    assert found.primary_key is None
    assert not any(column.n_values for column in found.columns.values())


def test_other_keys_are_named(shop):
    frame = shop.customers.assign(customer_key=range(len(shop.customers)))
    assert suggest(frame, random_state=0).other_keys == ["customer_key"]
    assert suggest(frame, primary_key="customer_key", random_state=0).other_keys == []


@pytest.mark.parametrize(
    ("frame", "keys", "said"),
    [
        (pd.DataFrame(), {}, "expected at least one column"),
        (pd.DataFrame({"a": [1, 1]}), {"primary_key": "a"}, "must be unique"),
        (pd.DataFrame({"a": [1, None]}), {"context_key": "a"}, "must not have nulls"),
        (pd.DataFrame({"a": [[1], [2]]}), {}, "expected one plain value per row"),
        (pd.DataFrame({"a": [1.0, float("inf")]}), {}, "must hold finite numbers"),
    ],
)
def test_what_split_would_refuse_is_refused(frame, keys, said):
    with pytest.raises(InputError, match=said):
        suggest(frame, **keys)
