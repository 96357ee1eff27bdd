"""Odd input of attacks: few rows, odd types, subjects; a figure, a reason why there is none, or a clear error."""

import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from populations import attacks, people

from synth_engine.domain import InputError
from synth_engine.evaluation.privacy import NotMeasured, attack, matches, prepare

PARTS = attacks()


@pytest.mark.parametrize("empty", [0, 1, 2])
def test_no_rows_say_why_there_is_no_figure(empty):
    tables = [people(60, seed) for seed in (1, 2, 3)]
    tables[empty] = tables[empty].slice(0, 0)
    found = attack(*tables)
    for name in PARTS:
        assert "found 0 " in getattr(found, name).not_measured, name


def test_few_rows_give_only_what_they_can_bear():
    found = attack(*(people(30, seed) for seed in (1, 2, 3)))
    assert found.matches.exact.training.units == 30
    assert "needs at least 40 rows" in found.membership.not_measured
    assert isinstance(found.closeness.control, NotMeasured)
    found = attack(*(people(90, seed) for seed in (1, 2, 3)))
    assert "1,000 held-out non-members, found 45" in found.membership.distance.at_01_percent.not_measured
    assert "found 45" in found.least_epsilon.not_measured


@pytest.mark.parametrize(
    "column",
    [
        pa.nulls(60),
        pa.nulls(60, pa.float64()),
        pa.array([None] * 60, pa.string()),
        pa.array(["one"] * 60),
        pa.array([1.5] * 60),
        pa.array([float("nan")] * 60),
        pa.array([float("inf"), -float("inf")] * 30),
        pa.array(["ü", "日本", "🦊", "", None, " "] * 10),
        pa.array([2**63 - 1, 2**63 - 2, None] * 20),
        pa.array([b"\x00\xff", None] * 30),
        pa.array([datetime.timedelta(seconds=s) for s in range(60)]),
        pa.array([datetime.time(1, s) for s in range(60)]),
        pa.array([datetime.date(1, 1, 1), datetime.date(9999, 12, 31)] * 30),
        pa.array([f"unique {i}" for i in range(60)]),
    ],
    ids=lambda column: f"{column.type} {column.null_count}",
)
def test_a_single_odd_column(column):
    found = attack(*(pa.table({"odd": column}) for _ in range(3)))
    assert found.matches.exact.training.hits == found.matches.exact.holdout.hits == 60
    assert "two columns" in found.linkability.not_measured
    assert found.closeness.share_closer_to_training.value == 0.5
    assert found.membership.distance.auc.value == 0.5
    assert 0 <= found.membership.classifier.auc.value <= 1  # half the rows are the reference, which is no chance here


def test_a_column_that_the_synthetic_rows_lack_the_values_of():
    real = people(100, 1)
    synthetic = real.set_column(1, "income", pa.nulls(100))
    found = attack(real, people(100, 2), synthetic)
    assert found.matches.exact.training.hits == 0
    assert found.matches.all_but_one.training.hits == 100


SAME = [
    (pa.array([1, 2, None]), pa.array([1.0, 2.0, None])),
    (pa.array([1, 2, None]), pa.array(["1", "2", None])),
    (pa.array([0.1, 0.2, None]), pa.array([0.1, 0.2, None], pa.float32())),
    (pa.array([0.0, float("nan"), 1.0]), pa.array([-0.0, None, 1.0])),
    (pa.array([Decimal("1.10"), None]), pa.array([1.1, None])),
    (pa.array([1, 2], pa.int8()), pa.array([1, 2], pa.uint64())),
    (pa.array([True, False, None]), pa.array(["true", "false", None])),
    (pa.array([True, False]), pa.array([1, 0])),
    (pa.array(["a", None]), pa.array(["a", None]).dictionary_encode()),
    (pa.array(["a", "é"]), pa.array(["a", "é"], pa.large_string())),
    (pa.array(["a", "é"]), pa.array(["a", "é"], pa.string_view())),
    (pa.array([datetime.date(2020, 1, 2)]), pa.array([datetime.datetime(2020, 1, 2)], pa.timestamp("ns"))),
    (pa.array([datetime.date(2020, 1, 2)]), pa.array(["2020-01-02"])),
    (pa.array([datetime.datetime(2020, 1, 2)], pa.timestamp("s", "UTC")), pa.array(["2020-01-02T00:00:00Z"])),
    (pa.array(["a", "b"]), pa.array(["a", "b"], pa.string()).cast(pa.binary())),
]


@pytest.mark.parametrize(("real", "synthetic"), SAME, ids=lambda column: str(column.type))
def test_equal_values_of_other_types_are_equal(real, synthetic):
    found = matches(prepare(*(pa.table({"x": column}) for column in (real, real, synthetic))))
    assert found.exact.training.value == 1
    assert found.exact.synthetic_in_training == 1


@pytest.mark.parametrize(
    ("real", "synthetic"),
    [
        (pa.array([1]), pa.array(["secret"])),
        (pa.array([1]), pa.array([datetime.date(2020, 1, 1)])),
        (pa.array([datetime.date(2020, 1, 1)]), pa.array(["secret"])),
        (pa.array([True]), pa.array(["secret"])),
        (pa.array([[1]]), pa.array([1])),
        (pa.array([datetime.time(1)]), pa.array(["01:00"])),
    ],
    ids=lambda column: str(column.type),
)
def test_values_that_cannot_be_compared_are_refused_without_being_quoted(real, synthetic):
    with pytest.raises(InputError, match="column 'x': expected values of one kind") as error:
        prepare(pa.table({"x": real}), pa.table({"x": real}), pa.table({"x": synthetic}))
    assert "secret" not in str(error.value)


def test_other_columns_are_refused():
    table, other = pa.table({"a": [1], "b": [2]}), pa.table({"b": [1], "c": [2]})
    with pytest.raises(
        InputError, match="synthetic rows: expected the columns of the training rows, found no 'a', 'c'"
    ):
        prepare(table, table, other)
    with pytest.raises(InputError, match="keys: expected columns of the tables, found no 'd'"):
        prepare(table, table, table, keys=["d"])
    with pytest.raises(InputError, match="context_key: expected a column of all tables, found no 'd' in the training"):
        prepare(table, table, table, context_key="d")
    with pytest.raises(InputError, match="names of columns that differ"):
        prepare(pa.table([[1], [2]], names=["a", "a"]), table, table)


def test_order_of_columns_keys_and_lists_do_not_count():
    real = pa.table({"id": [1, 2], "x": ["a", "b"], "list": [[1], [2]], "y": [1, 2]})
    synthetic = pa.table({"y": [1, 2], "list": [[3], [4]], "x": ["a", "b"]})
    prepared = prepare(real, real, synthetic, keys=["id"])
    assert (prepared.names, prepared.left_out) == (("x", "y"), ("list",))
    assert matches(prepared).exact.training.value == 1


def test_no_column_is_no_figure():
    table = pa.table({"list": [[1], [2]]})
    found = attack(table, table, table)
    assert all("no column" in getattr(found, name).not_measured for name in PARTS)
    assert found.left_out == ("list",)


def events(n_subjects: int, seed: int, first_id: int) -> pa.Table:
    """Events in mixed order, with a subject each."""
    rng = np.random.default_rng(seed)
    whose = np.repeat(np.arange(n_subjects), rng.geometric(0.3, n_subjects))
    kinds = rng.integers(0, 4, n_subjects)[whose]
    values = rng.normal(kinds, 1).round(2)
    order = rng.permutation(len(whose))
    columns = {"person": whose + first_id, "kind": [f"kind {k}" for k in kinds], "value": values}
    return pa.table(columns).take(pa.array(order))


def test_subjects_are_the_units_whatever_their_names():
    training, holdout, fresh = (events(400, seed, 1_000 * seed) for seed in (1, 2, 3))
    copied = training.set_column(0, "person", pa.array([f"p{i.as_py()}" for i in training["person"]]))
    found, clean = (attack(training, holdout, rows, context_key="person") for rows in (copied, fresh))
    assert (found.unit, found.n_training, found.n_columns) == ("subject", 400, 5)
    assert found.matches.exact.training.value == 1
    assert found.matches.exact.p_value < 1e-10
    assert found.membership.distance.auc.lower > 0.5
    assert found.closeness.share_closer_to_training.lower > 0.5
    assert clean.membership.distance.auc.lower < 0.5 < clean.membership.distance.auc.upper
    assert clean.matches.exact.p_value > 0.05


def test_features_of_subjects():
    table = pa.table({"who": ["b", "a", "b", None, "b", "a"], "x": [1, 5, None, 9, 4, 6], "y": list("uvwuuv")})
    prepared = prepare(table, table, table, context_key="who")
    assert prepared.names == ("events", "first x", "mean x", "first y", "commonest y")
    assert len(prepared.training) == 2
    events, first, mean, *_ = prepared.training.codes_RC.T.tolist()
    assert (events, first, mean) == ([2, 1], [1, 2], [1, 2])  # b: 3, 1, 2.5 and a: 2, 5, 5.5, coded by size
