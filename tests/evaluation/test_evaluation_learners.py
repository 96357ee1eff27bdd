"""Utility and discriminator: right where the answer is known, and honest where there is none."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from synth_engine.domain import InputError
from synth_engine.evaluation import extras
from synth_engine.evaluation.discriminator import chance_deviation, measure_discriminator
from synth_engine.evaluation.resampling import Ranked
from synth_engine.evaluation.utility import measure_utility


def people(seed: int, n: int = 600) -> pa.Table:
    """`is_tall`, `size` and `group` follow from `x`, but for some noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return pa.table(
        {
            "x": pa.array(x, mask=rng.random(n) < 0.05),
            "is_tall": x + 0.3 * rng.normal(size=n) > 0,
            "size": pa.array(3 * x + rng.normal(size=n), mask=rng.random(n) < 0.1),
            "group": pa.array(np.array(list("abc"))[np.digitize(x, [-0.5, 0.5])]).dictionary_encode(),
            "name": [f"person {seed} {i}" for i in range(n)],
            "one": ["same"] * n,
        }
    )


def shuffled(table: pa.Table) -> pa.Table:
    rng = np.random.default_rng(0)
    return pa.table({name: table[name].take(pa.array(rng.permutation(table.num_rows))) for name in table.column_names})


def test_real_rows_are_as_useful_as_others_and_shuffled_ones_are_not():
    training, holdout, good = (people(seed) for seed in range(3))
    wanted = ["is_tall", "size", "group"]
    as_good, useless = (measure_utility(training, holdout, rows, targets=wanted) for rows in (good, shuffled(good)))
    assert {name: found.metric for name, found in as_good.targets.items()} == {
        "is_tall": "AUC",
        "size": "R2",
        "group": "accuracy",
    }
    for name in wanted:
        one, other = as_good.targets[name], useless.targets[name]
        assert abs(one.shortfall) < 0.06
        assert one.real.interval[0] <= one.real.value <= one.real.interval[1]
        assert other.real == one.real
        assert other.shortfall > 0.25
        assert other.shortfall_interval[0] > 0.1
        assert one.synthetic.value > one.guess + 0.25


def test_what_cannot_be_a_target_says_why():
    rows = [people(seed, 200) for seed in range(3)]
    found = measure_utility(*rows, keys=["size", "group"])
    assert list(found.targets) == ["x", "is_tall"]
    assert found.not_measured == {
        "name": "fewer than two of its classes have 10 training rows",
        "one": "fewer than two of its classes have 10 training rows",
    }
    few = [table.slice(0, 20) for table in rows]
    assert "at least 50 rows" in measure_utility(*few).not_measured["x"]
    alone = measure_utility(*[table.select(["x"]) for table in rows])
    assert alone.not_measured == {"x": "there is no other column to predict it from"}
    none = measure_utility(*[table.slice(0, 0) for table in rows])
    assert none.targets == {}
    with pytest.raises(InputError, match="targets: expected columns of the table but keys, found 'y'"):
        measure_utility(*rows, targets=["y"])


def test_synthetic_rows_that_lost_a_class_are_no_better_than_a_guess():
    training, holdout, synthetic = (people(seed, 200) for seed in range(3))
    collapsed = synthetic.set_column(1, "is_tall", pa.array([True] * 200))
    found = measure_utility(training, holdout, collapsed, targets=["is_tall"]).targets["is_tall"]
    assert found.synthetic.value == 0.5
    assert found.real.value > 0.9


def test_nulls_and_nested_columns():
    rows = [people(seed, 200).append_column("nothing", pa.nulls(200)) for seed in range(3)]
    rows = [table.append_column("list", pa.array([[1]] * 200)) for table in rows]
    found = measure_utility(*rows, targets=["nothing", "list", "is_tall"])
    assert list(found.targets) == ["is_tall"]
    assert found.not_measured["list"] == "nested values are not compared"
    assert measure_discriminator(*rows).not_measured is None


def test_a_judge_tells_broken_rows_and_no_real_ones():
    training, holdout, good = (people(seed) for seed in range(3))
    chance = 5 * chance_deviation(600)
    found = measure_discriminator(training, holdout, good, keys=["name"])
    assert abs(found.real.auc - 0.5) < chance
    assert abs(found.synthetic.auc - 0.5) < chance
    assert found.synthetic.interval[0] < found.synthetic.auc < found.synthetic.interval[1]
    assert found.synthetic.n_rows == 600
    broken = measure_discriminator(training, holdout, shuffled(good), keys=["name"])
    assert broken.synthetic.auc > 0.8
    assert broken.real == found.real


def test_a_judge_needs_rows_and_columns():
    few = people(0, 20)
    assert "at least 30 rows" in measure_discriminator(few, few, few).not_measured
    assert measure_discriminator(few, few, few, keys=few.column_names).not_measured == "there is no column"


def test_auc_of_weighted_rows_is_that_of_repeated_ones():
    rng = np.random.default_rng(0)
    scores, labels, weights = rng.integers(0, 9, 60).astype(float), rng.integers(0, 2, 60), rng.integers(0, 4, 60)
    ranked = Ranked.of(scores, labels)
    assert ranked.auc() == pytest.approx(roc_auc_score(labels, scores))
    repeated = np.repeat(np.arange(60), weights)
    assert ranked.auc(weights.astype(float)) == pytest.approx(roc_auc_score(labels[repeated], scores[repeated]))
    assert np.isnan(Ranked.of(scores, np.ones(60, int)).auc())


def test_without_scikit_learn_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    rows = people(0, 20)
    for measure in (measure_utility, measure_discriminator):
        with pytest.raises(InputError, match=r"pip install 'synth-engine\[qa\]'"):
            measure(rows, rows, rows)


def test_dates_are_targets_and_features():
    rng = np.random.default_rng(0)
    tables = []
    for _ in range(3):
        days = rng.integers(0, 1000, 200)
        moments = pd.Series(days.astype("datetime64[D]").astype("datetime64[s]")).where(rng.random(200) < 0.9)
        tables.append(pa.table({"at": pa.Array.from_pandas(moments), "n": days + rng.normal(size=200)}))
    found = measure_utility(*tables)
    assert found.targets["at"].metric == "R2"
    assert found.targets["at"].synthetic.value > 0.8
