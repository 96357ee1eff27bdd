"""The fidelity report: laws that hold for every table, and figures that are known beforehand."""

import json
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from pydantic import TypeAdapter

from synth_engine.domain import Constraint, InputError
from synth_engine.evaluation.fidelity import Fidelity, measure_fidelity

N = 600


def mixed(n: int = N, seed: int = 0) -> pa.Table:
    """Numbers, dates, categories and texts that hang together, with nulls."""
    rng = np.random.default_rng(seed)
    size = rng.normal(size=n)
    letters = np.array(list("abcdef"))[np.clip((size + 2).astype(int), 0, 5)]
    days = [date(2020, 1, 1) + timedelta(days=int(day)) for day in rng.integers(0, 900, n)]
    return pa.table(
        {
            "größe": size,
            "weight": pa.array(np.round(size * 10 + rng.normal(size=n), 1), mask=rng.random(n) < 0.1),
            "letter": pa.array(letters).dictionary_encode(),
            "day": pa.array(days),
            "is_tall": pa.array(size > 0, mask=rng.random(n) < 0.05),
            "name": [f"{'x' * int(length)}{i}" for i, length in enumerate(rng.integers(1, 9, n))],
        }
    )


def shuffled(table: pa.Table, seed: int = 5) -> pa.Table:
    return table.take(pa.array(np.random.default_rng(seed).permutation(table.num_rows)))


def replaced(table: pa.Table, name: str, values: object) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, pa.array(values))


def without_intervals(report: Fidelity) -> object:
    def clean(part: object) -> object:
        if isinstance(part, dict):
            return {key: clean(value) for key, value in part.items() if "interval" not in key}
        if isinstance(part, list):
            return [clean(each) for each in part]
        return round(part, 12) if isinstance(part, float) else part

    return clean(report.model_dump(mode="json"))


def test_identical_tables_are_perfect():
    rows = mixed()
    found = measure_fidelity(rows, rows, shuffled(rows))
    for score in (found.accuracy, found.univariate, found.bivariate, found.trivariate, found.missing.patterns):
        assert score.synthetic == pytest.approx(1)
        assert score.ceiling == 1
    assert found.correlations.rank.largest == pytest.approx(0, abs=1e-9)
    assert found.correlations.association.largest == 0
    assert found.worst_columns == []
    assert found.n_pairs == 15
    assert {name: column.kind for name, column in found.columns.items()} == {
        "größe": "number",
        "weight": "number",
        "letter": "category",
        "day": "date",
        "is_tall": "category",
        "name": "text",
    }


def test_the_order_of_rows_and_columns_does_not_matter():
    one, two, three = (mixed(seed=seed) for seed in range(3))
    found = measure_fidelity(one, two, three)
    moved = measure_fidelity(*(shuffled(rows, seed) for seed, rows in enumerate((one, two, three))))
    assert without_intervals(found) == without_intervals(moved)
    other_order = three.select(three.column_names[::-1])
    assert without_intervals(measure_fidelity(one, two, other_order)) == without_intervals(found)


def test_the_report_is_json_and_can_be_repeated():
    tables = [mixed(seed=seed) for seed in range(3)]
    found = measure_fidelity(*tables, seed=3, max_rows=300)
    assert found == measure_fidelity(*tables, seed=3, max_rows=300)
    assert Fidelity.model_validate_json(json.dumps(found.model_dump(mode="json"))) == found
    assert found.compared.synthetic == 300
    assert "300 of 600 rows of synthetic are compared, chosen at random" in found.notes


def test_real_rows_are_within_chance_of_the_ceiling():
    found = measure_fidelity(mixed(2000, 0), mixed(2000, 1), mixed(2000, 2))
    low, high = found.accuracy.shortfall_interval
    assert low < 0.01
    assert high > -0.01
    assert abs(found.accuracy.shortfall) < 0.01
    assert found.accuracy.interval[0] < found.accuracy.synthetic < found.accuracy.interval[1]


DEGRADED = {
    "a number moved": lambda rows: replaced(rows, "größe", rows["größe"].to_numpy() + 0.5),
    "a category lost": lambda rows: replaced(
        rows, "letter", ["c" if letter == "b" else letter for letter in rows["letter"].to_pylist()]
    ),
    "a column shuffled": lambda rows: replaced(rows, "letter", shuffled(rows)["letter"].combine_chunks()),
    "nulls lost": lambda rows: replaced(rows, "is_tall", [value or False for value in rows["is_tall"].to_pylist()]),
    "dates bunched": lambda rows: replaced(rows, "day", [day.replace(month=1) for day in rows["day"].to_pylist()]),
    "texts cut off": lambda rows: replaced(rows, "name", [name[-3:] for name in rows["name"].to_pylist()]),
}


@pytest.mark.parametrize("name", DEGRADED)
def test_any_degradation_lowers_accuracy(name):
    training, holdout, good = (mixed(1500, seed) for seed in range(3))
    before, after = (measure_fidelity(training, holdout, rows) for rows in (good, DEGRADED[name](good)))
    assert after.accuracy.synthetic < before.accuracy.synthetic
    assert after.accuracy.ceiling == before.accuracy.ceiling


def test_the_worst_are_named():
    training, holdout, good = (mixed(1500, seed) for seed in range(3))
    bad = replaced(good, "letter", shuffled(good)["letter"].combine_chunks())
    found = measure_fidelity(training, holdout, replaced(bad, "day", [date(2020, 1, 1)] * 1500))
    assert found.accuracy.shortfall_interval[0] > 0
    assert found.worst_columns[0] == "day"
    assert "letter" in {name for pair in found.worst_pairs for name in pair.columns}
    assert found.correlations.association.largest > 0.5
    assert "letter" in found.correlations.association.worst


def test_repeated_training_rows_are_above_the_ceiling():
    training = mixed(1500, 0)
    found = measure_fidelity(training, mixed(1500, 1), shuffled(training))
    assert found.accuracy.synthetic == pytest.approx(1)
    assert found.accuracy.shortfall < 0


def test_a_popular_number_is_a_class_of_its_own():
    rng = np.random.default_rng(0)
    zeros = np.where(rng.random(2000) < 0.8, 0.0, rng.random(2000) + 1)
    blurred = np.where(zeros == 0, rng.random(2000) * 0.01, zeros)
    found = measure_fidelity(*(pa.table({"x": x}) for x in (zeros, zeros, blurred)))
    assert found.univariate.synthetic < 0.25


def test_numbers_are_known_in_a_small_case():
    real, synthetic = ["a"] * 50 + ["b"] * 50, ["a"] * 80 + ["b"] * 20
    found = measure_fidelity(*(pa.table({"c": each}) for each in (real, real, synthetic)))
    assert found.univariate.synthetic == pytest.approx(0.7)
    assert found.bivariate is None
    assert found.correlations.association is None


def test_which_columns_are_null_together_is_seen():
    none, both = pa.array([1.0, None] * 50), pa.array([None, 1.0] * 50)
    real, synthetic = pa.table({"a": none, "b": none}), pa.table({"a": none, "b": both})
    found = measure_fidelity(real, real, synthetic)
    assert found.missing.columns.synthetic == 1
    assert found.missing.patterns.synthetic == 0
    assert found.missing.patterns.ceiling == 1


def test_broken_constraints_are_counted_in_all_rows():
    constraints = TypeAdapter(list[Constraint]).validate_python(
        [{"type": "inequality", "low": "a", "high": "b"}, {"type": "range", "column": "a", "low": 0}]
    )
    real = pa.table({"a": [1, 2, 3], "b": [2, 3, 4]})
    found = measure_fidelity(real, real, pa.table({"a": [5, -1, None], "b": [2, 3, 4]}), constraints=constraints)
    assert [each.broken.synthetic for each in found.constraints] == [1, 1]
    assert [each.broken.training for each in found.constraints] == [0, 0]
    low, high = found.constraints[0].interval
    assert found.constraints[0].share == pytest.approx(1 / 3)
    assert low < 1 / 3 < high
    nulls = pa.table({"a": pa.nulls(3), "b": [2, 3, 4]})  # a comparison with null is not broken
    assert [
        each.broken.synthetic for each in measure_fidelity(real, real, nulls, constraints=constraints).constraints
    ] == [0, 0]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"type": "range", "column": "c", "low": 0}, r"constraints\[0\], training: expected a column 'c'"),
        ({"type": "inequality", "low": "a", "high": "b"}, "found numbers in 'a' and text in 'b'"),
        ({"type": "range", "column": "b", "low": 0}, "expected a column of numbers or dates"),
    ],
)
def test_constraints_that_do_not_fit_are_refused(said, message):
    rows = pa.table({"a": [1], "b": ["x"]})
    constraints = TypeAdapter(list[Constraint]).validate_python([said])
    with pytest.raises(InputError, match=message):
        measure_fidelity(rows, rows, rows, constraints=constraints)
