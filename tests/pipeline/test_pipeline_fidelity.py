"""The quality figures: right where the truth is known, and the same as slow arithmetic."""

import itertools

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth_engine.demo import make_shop
from synth_pipeline import fidelity
from synth_pipeline.fidelity import measure_fidelity


def table(**columns):
    return pa.table(columns)


def customers(n, seed):
    return pa.Table.from_pandas(make_shop(n, seed=seed).customers, preserve_index=False)


def test_the_same_rows_are_perfect():
    rows = customers(300, 0)
    found = measure_fidelity(rows, rows, rows)
    assert found.univariate.synthetic == found.univariate.ceiling == 1
    assert found.bivariate.synthetic == pytest.approx(1)


def test_another_sample_of_the_same_shop_reaches_the_ceiling():
    real = customers(5000, 0)
    found = measure_fidelity(customers(5000, 1), real.slice(0, 4000), real.slice(4000), keys=["customer_id"])
    assert found.univariate.synthetic == pytest.approx(found.univariate.ceiling, abs=0.01)
    assert found.bivariate.synthetic == pytest.approx(found.bivariate.ceiling, abs=0.01)
    assert found.left_out == ["name", "location"]
    assert found.compared_rows == 4000


def test_shuffled_columns_keep_the_single_figures_and_lose_the_pairs():
    rng = np.random.default_rng(0)
    x = rng.normal(size=4000)
    real = table(x=x, y=x + 0.1 * rng.normal(size=4000))
    broken = table(x=x[:3000], y=rng.permutation(real["y"].to_numpy()[:3000]))
    found = measure_fidelity(broken, real.slice(0, 3000), real.slice(3000))
    assert found.univariate.synthetic > 0.93
    assert found.bivariate.synthetic < 0.6
    assert found.bivariate.ceiling > 0.9


def test_a_known_distance():
    real, synthetic = ["a"] * 50 + ["b"] * 50, ["a"] * 80 + ["b"] * 20
    found = measure_fidelity(table(c=synthetic), table(c=real), table(c=real))
    assert found.columns["c"].synthetic == pytest.approx(0.7)
    assert found.bivariate is None


def test_null_is_a_class_of_its_own():
    real = table(c=["a", None] * 50, n=[1.0, float("nan")] * 50)
    none = table(c=["a"] * 100, n=[1.0] * 100)
    found = measure_fidelity(none, real, real)
    assert {name: each.synthetic for name, each in found.columns.items()} == {"c": 0.5, "n": 0.5}


def test_unseen_categories_count_as_others():
    real = table(c=["a"] * 100)
    found = measure_fidelity(table(c=["b"] * 100), real, real)
    assert found.columns["c"].synthetic == 0


@pytest.mark.parametrize("empty", [0, 1, 2])
def test_without_rows_there_is_nothing_to_measure(empty):
    tables = [table(x=[1, 2])] * 3
    tables[empty] = tables[empty].slice(0, 0)
    assert measure_fidelity(*tables) is None


def test_without_columns_there_are_no_figures():
    found = measure_fidelity(*[table(id=[1, 2])] * 3, keys=["id"])
    assert found.univariate is None
    assert found.bivariate is None


def test_every_type_of_column_can_be_measured():
    n = 40
    rows = table(
        whole=pa.array(range(n), pa.uint8()),
        money=pa.array(range(n), pa.int64()).cast(pa.decimal128(30, 2)),
        day=pa.array(range(n), pa.int32()).cast(pa.date32()),
        second=pa.array(range(n), pa.int64()).cast(pa.timestamp("ns", "UTC")),
        time=pa.array(range(n), pa.int32()).cast(pa.time32("s")),
        truth=pa.array([True, None] * (n // 2)),
        nothing=pa.nulls(n),
        empty=pa.nulls(n, pa.float32()),
        word=pa.array(["x", "y"] * (n // 2)).dictionary_encode(),
    )
    found = measure_fidelity(rows, rows, rows)
    assert found.left_out == []
    assert all(each.synthetic == 1 for each in found.columns.values())


def test_joint_shares_are_what_pandas_counts():
    rng = np.random.default_rng(1)
    names = ["p", "q", "r"]
    frames = [pd.DataFrame({name: rng.choice(list("abc"), 200) for name in names}) for _ in range(3)]
    found = measure_fidelity(*(pa.Table.from_pandas(frame) for frame in frames))

    def distance(one, other, columns):
        shares = [frame.value_counts(columns, normalize=True) for frame in (one, other)]
        return shares[0].sub(shares[1], fill_value=0).abs().sum() / 2

    pairs = list(itertools.combinations(names, 2))
    slow = 1 - np.mean([distance(frames[0], frames[2], list(pair)) for pair in pairs])
    assert found.bivariate.synthetic == pytest.approx(slow)
    assert found.univariate.synthetic == pytest.approx(
        1 - np.mean([distance(frames[0], frames[2], [name]) for name in names])
    )


def test_many_columns_are_paired_up_to_a_limit(monkeypatch):
    monkeypatch.setattr(fidelity, "MAX_PAIRED_COLUMNS", 3)
    rows = table(**{f"c{place}": [0, 1] * 20 for place in range(5)})
    found = measure_fidelity(rows, rows, rows)
    assert len(found.columns) == 5
    assert found.bivariate.synthetic == pytest.approx(1)
