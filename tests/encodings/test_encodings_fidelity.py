"""The encoding is the ceiling: what it loses, no model can give back. All columns together, and each alone."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from benchmarks.encodings import TABLES, TARGET, TableScore, load, measure
from benchmarks.judge import chance_deviation, judge_auc
from synth_engine.demo import make_shop

# Standard deviations above 0.5 that a judge who cannot tell stays below: by chance he is beyond them once in 30,000
# times (one tail of the normal distribution). The seeds are fixed, so a test that passes keeps passing.
CHANCE = 4
SHOP = {"customers": ["customer_id"], "orders": ["order_id", "customer_id"]}


def limit(n_rows: int) -> float:
    """The AUC that this many decoded and as many held-out rows must stay below."""
    return max(TARGET, 0.5 + CHANCE * chance_deviation(n_rows))


def check(score: TableScore) -> None:
    assert score.auc < limit(score.rows)
    assert score.auc_open < limit(score.rows)
    assert score.worst[1] < limit(score.rows)


@pytest.mark.slow
@pytest.mark.parametrize("name", SHOP)
def test_a_judge_cannot_tell_decoded_from_held_out_rows_of_the_demo(name):
    frame = getattr(make_shop(8_000, seed=3), name).drop(columns=SHOP[name])
    score = measure(pa.Table.from_pandas(frame, preserve_index=False), max_rows=10_000)
    check(score)
    spelled = [column.codes for column in score.columns.values() if column.encoding == "CHARACTER"]
    assert len(spelled) == (name == "customers")
    assert sum(spelled) < 1_700
    assert sum(column.codes for column in score.columns.values()) - sum(spelled) < 1_200
    assert not any(column.is_open_ended for column in score.columns.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES)
def test_a_judge_cannot_tell_decoded_from_held_out_rows_of_real_tables(name, shared_data):
    score = measure(load(name, shared_data))
    print(f"\n{name}: {score.auc_closed:.4f} protected, {score.auc_open:.4f} open, {score.floor:.4f} real rows")
    check(score)


def test_the_judge_sees_what_plain_bins_blur():
    """Or else the tests above would say nothing: the same amounts, even 100 quantile bins of them, are told at once."""
    amounts = np.random.default_rng(0).choice([10.0, 20.0, 25.0, 50.0, 99.9], 4_000)
    edges = np.array([5, 15, 22, 30, 70, 100.0])
    bins = np.searchsorted(edges, amounts) - 1
    blurred = np.random.default_rng(1).uniform(edges[bins], edges[bins + 1])
    real, other = pd.DataFrame({"amount": amounts[:2_000]}), pd.DataFrame({"amount": blurred[2_000:]})
    assert judge_auc(real, other) > 0.95
    assert judge_auc(real, pd.DataFrame({"amount": amounts[2_000:]})) < limit(2_000)


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(["a", None] * 600),
        pd.Series(pd.date_range("2020", periods=1_200, freq="h")),
        pd.Series(pd.date_range("2020", periods=1_200, freq="D", tz="Europe/Vienna")),
        pd.Series(pd.to_timedelta(range(1_200), "s")),
        pd.Series([True, None] * 600, dtype="boolean"),
        pd.Series([1, None] * 600, dtype="Int8"),
        pd.Series([f"text {i}" for i in range(1_200)]),
    ],
    ids=lambda values: str(values.dtype),
)
def test_the_judge_takes_every_kind_of_column(values):
    shuffled = values.sample(frac=1, random_state=0)
    real, other = (pd.DataFrame({"a": half}) for half in (shuffled[:600], shuffled[600:]))
    assert abs(judge_auc(real, other) - 0.5) < CHANCE * chance_deviation(600)
