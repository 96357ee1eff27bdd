"""generate with constraints: kept in every row, together with all else that is wanted, or refused before any work."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from upath import UPath

from synth_engine import generate, train
from synth_engine.constraints import violations
from synth_engine.domain import (
    CombinationsConstraint,
    InequalityConstraint,
    InputError,
    RangeConstraint,
)
from synth_engine.stages.generating.constraints import Constraints
from synth_engine.workspace import Artefact, Workspace
from synth_pipeline.catalog import Catalog, CatalogError
from tests.stages.constrained import between, inequality, said, together
from tests.stages.helpers import SMALL, fit, refused
from tests.stages.test_stages_generate import make
from tests.stages.test_stages_keys import set_shard_rows

PLACES = [("Vienna", "AT"), ("Graz", "AT"), ("Rome", "IT"), (None, "IT")]


def trips(n_rows: int = 1_500) -> pa.Table:
    """Trips that begin before they end; prices that are at least what is taxed; cities in their country."""
    rng = np.random.default_rng(0)
    begin = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 700 * 24 * 60, n_rows), unit="min")
    price = rng.gamma(2, 300, n_rows).round(2)
    place = rng.choice(len(PLACES), n_rows, p=[0.4, 0.3, 0.2, 0.1])
    table = pd.DataFrame(
        {
            "id": np.arange(n_rows),
            "begin": begin,
            "end": begin + pd.to_timedelta(rng.gamma(1, 2_000, n_rows).astype(int), unit="min"),
            "price": price,
            "tax": (price * rng.choice([0, 0.1, 0.2], n_rows)).round(2),
            "nights": rng.integers(1, 15, n_rows),
            "city": [PLACES[i][0] for i in place],
            "country": [PLACES[i][1] for i in place],
            "kind": rng.choice(["a", "b", "c"], n_rows),
        }
    )
    table.loc[rng.random(n_rows) < 0.1, ["end", "tax"]] = None
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    paid = table["end"].dt.date
    return arrow.append_column("paid", pa.array([None if pd.isna(day) else day for day in paid], pa.date32()))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of `trips`. Read it only."""
    root = tmp_path_factory.mktemp("trips") / "ws"
    fit(trips(), str(root), max_epochs=3, tgt_primary_key="id", tgt_encoding_types={"nights": "TABULAR_CATEGORICAL"})
    return root


@pytest.fixture
def root(model: Path, tmp_path: Path) -> str:
    """A copy of the model."""
    return str(shutil.copytree(model, tmp_path / "ws"))


TRIPS = [
    inequality("begin", "end", strict=True),
    inequality("tax", "price"),
    inequality("begin", "paid"),
    between("price", 10, "500.5"),
    between("begin", "2023-02-01", "2024-06-30"),
    together(["city", "country"], PLACES),
]


def kept(root: str, constraints: list[dict[str, Any]], **wishes: Any) -> pa.Table:
    """Rows that break none of them."""
    rows = make(root, constraints=constraints, **wishes)
    assert violations(rows, said(*constraints)) == [0] * len(constraints)
    return rows


# --- kept -------------------------------------------------------------------------------------------------------------


def test_without_constraints_rows_break_them(root: str):
    assert min(violations(make(root, sample_size=1_000), said(*TRIPS))) > 0


@pytest.mark.parametrize("wishes", [{}, {"sampling_temperature": 0}, {"sampling_top_p": 0.3}, {"batch_size": 100}])
def test_all_together(root: str, wishes: dict[str, Any]):
    rows = kept(root, TRIPS, sample_size=1_000, **wishes)
    assert rows["id"].to_pylist() == list(range(1, 1_001))
    assert rows.schema.types == make(root, sample_size=0).schema.types


def test_records_and_dicts_say_the_same(root: str):
    records = [
        InequalityConstraint(low="begin", high="end", strict=True),
        RangeConstraint(column="price", high=100),
        CombinationsConstraint(columns=["country", "city"], rows=[["AT", "Graz"], ["IT", None]]),
    ]
    rows = make(root, sample_size=50, constraints=records)
    dicts = [record.model_dump() for record in records]
    assert rows.equals(make(root, sample_size=50, constraints=dicts))
    assert set(zip(rows["country"].to_pylist(), rows["city"].to_pylist(), strict=True)) <= {
        ("AT", "Graz"),
        ("IT", None),
    }


def test_ends_of_ranges_are_included_and_days_are_whole(root: str):
    rows = kept(
        root, [between("nights_", 1)] if False else [between("paid", "2023-03-05", "2023-03-06")], sample_size=300
    )
    assert set(rows["paid"].drop_null().to_pandas().astype(str)) == {"2023-03-05", "2023-03-06"}
    begin = kept(root, [between("begin", "2023-03-05", "2023-03-05")], sample_size=300)["begin"].to_pandas()
    assert set(begin.dt.date.astype(str)) == {"2023-03-05"}
    assert begin.nunique() > 100


def test_shards_batches_and_given_rows(root: str, monkeypatch: pytest.MonkeyPatch):
    """Each row is held to its own given values, wherever it comes to lie."""
    whole = kept(root, TRIPS, sample_size=100)
    set_shard_rows(monkeypatch, 30)
    assert kept(root, TRIPS, sample_size=100).slice(0, 30).num_rows == 30
    seeds = whole.select(["end", "price", "city"])
    rows = kept(root, TRIPS, seed_data=seeds, batch_size=7)
    assert rows.select(seeds.column_names).equals(seeds)


def test_a_model_of_one_order(model: Path, tmp_path: Path):
    root = str(shutil.copytree(model, tmp_path / "ws"))
    train(workspace_dir=root, model=SMALL, max_epochs=0.1, random_state=1, enable_flexible_generation=False)
    for pair in (("begin", "end"), ("end", "begin")):
        kept(root, [inequality(*pair), TRIPS[-1]], sample_size=300)


def test_what_is_kept_anyway_is_not_changed(root: str):
    """Where no code is masked, rows are the same to the last bit."""
    plain = make(root, sample_size=200)
    wide = [
        between("price", 0),
        between("begin", "2000-01-01"),
        inequality("tax", "price"),
        inequality("paid", "paid2"),
    ]
    assert make(root, sample_size=200, constraints=wide[:2]).equals(plain)


def test_an_inequality_changes_little_else(root: str):
    """Five standard deviations of a difference of shares among 4,000 rows, and what the constraint itself moves."""
    plain, changed = (make(root, sample_size=4_000, constraints=some) for some in (None, [TRIPS[1]]))
    for name in ("kind", "country", "nights"):
        shares = [rows[name].to_pandas().value_counts(normalize=True) for rows in (plain, changed)]
        assert (shares[0] - shares[1]).abs().max() < 5 * (0.5 / 4_000) ** 0.5
    medians = [np.median(rows["price"].to_numpy()) for rows in (plain, changed)]
    assert medians[1] == pytest.approx(medians[0], rel=0.25)


def test_equal_values_do_not_pile_up(root: str):
    """Values are drawn again inside their cells first: few end exactly at the bound."""
    rows = kept(root, [inequality("tax", "price")], sample_size=2_000).to_pandas().dropna(subset=["tax"])
    assert (rows["tax"] == rows["price"]).mean() < 0.01


# --- with other wishes ------------------------------------------------------------------------------------------------


def test_rebalanced_shares_stay_exact(root: str):
    config = {"column": "country", "probabilities": {"IT": 0.75}}
    rows = kept(root, TRIPS, sample_size=400, rebalancing=config)
    assert rows["country"].to_pylist().count("IT") == 300


def test_imputed_columns_have_values_that_keep_constraints(root: str):
    rows = kept(root, TRIPS, sample_size=500, imputation={"columns": ["end", "tax", "paid", "city"]})
    assert sum(column.null_count for column in rows.columns) == 0
    assert set(rows["city"].to_pylist()) == {"Vienna", "Graz", "Rome"}


def test_fairness_draws_the_target_from_what_is_allowed(root: str):
    fairness = {"target_column": "kind", "sensitive_columns": ["country"]}
    rows = kept(root, TRIPS, sample_size=1_000, fairness=fairness)
    shares = pd.crosstab(rows["country"].to_pandas(), rows["kind"].to_pandas(), normalize="index")
    assert np.ptp(shares.to_numpy(), axis=0).max() < 0.03
    for sensitive in ("kind", "country"):  # parity as far as the combinations let it be: a city keeps to its country
        kept(root, TRIPS, sample_size=500, fairness={"target_column": "city", "sensitive_columns": [sensitive]})


def test_given_values_bind_what_is_drawn(root: str):
    seeds = pa.table(
        {"end": pd.to_datetime(["2023-02-01T10:17", None, "2023-02-03T00:00"]), "price": [10.123, 400.0, 10.0]}
    )
    rows = kept(root, [*TRIPS[:3], TRIPS[4]], seed_data=seeds)
    assert rows["end"].to_pylist() == seeds["end"].to_pylist()
    assert rows["price"].to_pylist() == [10.123, 400.0, 10.0]
    assert rows["begin"].to_pylist()[0] < seeds["end"].to_pylist()[0]


def test_a_value_that_the_model_does_not_know_has_its_combination(root: str):
    constraint = together(["city", "country"], [["Bregenz", "AT"], ["Rome", "IT"]])
    rows = kept(root, [constraint], seed_data=pa.table({"city": ["Bregenz", "Rome"] * 20}))
    assert rows["country"].to_pylist() == ["AT", "IT"] * 20


def test_constraints_of_combinations_that_share_a_column(root: str):
    kinds = together(["country", "kind", "nights"], [["AT", "a", 3], ["AT", "b", 4], ["IT", "c", 5]])
    rows = kept(root, [TRIPS[-1], kinds], sample_size=200)
    assert set(rows["nights"].to_pylist()) == {3, 4, 5}


def test_a_column_without_values_breaks_nothing(tmp_path: Path):
    fit(pd.DataFrame({"a": pd.array([None] * 60, "Int64"), "b": np.arange(60)}), str(tmp_path))
    rows = kept(str(tmp_path), [inequality("a", "b"), between("b", 10)], sample_size=50)
    assert rows["a"].null_count == 50


def test_no_rows(root: str):
    assert kept(root, TRIPS, sample_size=0).num_rows == 0
    assert kept(root, TRIPS, seed_data=trips(0).select(["price", "city"])).num_rows == 0


def test_rows_that_break_one_are_never_written(root: str, monkeypatch: pytest.MonkeyPatch):
    """Whatever went wrong before."""
    monkeypatch.setattr(Constraints, "masks", lambda *_: [])
    monkeypatch.setattr(Constraints, "settled", lambda self, columns, *_: columns)
    with refused(root, RuntimeError, r"^\d+ generated row\(s\) break InequalityConstraint"):
        generate(workspace_dir=root, sample_size=500, constraints=TRIPS)


# --- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        (
            [inequality("begin", "until")],
            "^constraints.0: column 'until' is not in the original table; expected one of",
        ),
        ([TRIPS[0], inequality("id", "price")], "^constraints.1: column 'id' is a key, which the model does not know"),
        ([inequality("city", "country")], "^constraints.0: column 'city' must be encoded as numbers or dates; its enc"),
        ([inequality("price", "begin")], "^constraints: columns 'price' and 'begin' cannot be compared"),
        ([inequality("tax", "price"), inequality("price", "tax")], "^constraints: inequalities go in a circle: "),
        ([between("price", 5, 4)], r"^constraints.0: low \(5\) is above high \(4\); swap them"),
        ([between("price", 1e9)], "^constraints.0: no value of column 'price' that may be shown lies in the range"),
        ([between("price", 10.001, 10.004)], "^constraints.0: no value of column 'price'"),
        ([between("price", "much")], "^constraints.0.low: expected a number, found 'much'"),
        ([between("price", "1e999999999")], "^constraints.0.low: expected a number"),
        ([between("begin", None, "soon")], "^constraints.0.high: expected a date such as .*, found 'soon'"),
        ([between("begin", 5)], "^constraints.0.low: expected a date such as"),
        ([between("country", "A")], "^constraints.0: column 'country' must be encoded as numbers or dates"),
        (
            [between("price", 300), between("tax", None, 5), inequality("price", "tax")],
            "^constraints: no value of column 'price' that may be shown is at most one of 'tax'",
        ),
        ([together(["city", "price"], [["Graz", 5]])], "^constraints.0: column 'price' must be categorical"),
        ([together(["city", "town"], [["Graz", "x"]])], "^constraints.0: column 'town' is not in"),
        (
            [together(["city", "country"], [["Bregenz", "AT"]])],
            "^constraints.0: none of the combinations of 'city', 'country' can be drawn",
        ),
        ([inequality("tax", "tax")], "^constraints.0.inequality: .*two columns, found 'tax' for both"),
        ([between("tax")], "^constraints.0.range: .*low or high must be given"),
        ([together(["city"], [["Graz", "AT"]])], r"^constraints.0.combinations: .*1 value\(s\) each.* row 0 .* has 2"),
        ([together(["city", "city"], [["Graz", "AT"]])], "^constraints.0.combinations: .*columns must be different"),
        ([together(["city"], [])], "^constraints.0.combinations.rows: "),
        ([{"type": "equality"}], "^constraints.0: expected a type that is 'inequality', 'range' or 'combinations'"),
        (
            [inequality("tax", "price") | {"over": 1}],
            "over: unknown parameter, expected one of type, low, high, strict",
        ),
    ],
)
def test_constraints_that_cannot_be(root: str, constraints: list[dict[str, Any]], message: str):
    with refused(root, InputError, message):
        generate(workspace_dir=root, constraints=constraints)


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        (
            {"tax": [5.0, 5.0, None], "price": [4.0, 6.0, 5.0]},
            r"^seed_data: 1 row\(s\) break constraints.1, .*'tax', 'price'",
        ),
        ({"price": [1.0, 10.0, 600.0]}, r"^seed_data: 2 row\(s\) break constraints.3, which is about 'price'"),
        ({"city": ["Graz"], "country": ["IT"]}, r"^seed_data: 1 row\(s\) go with no combination of 'city', 'country'"),
        ({"city": ["Rust", "Graz"]}, r"^seed_data: 1 row\(s\) go with no combination"),
        ({"tax": [1e6]}, r"^seed_data: in 1 row\(s\) the given values of 'tax' leave no value to column 'price'"),
        ({"end": pd.to_datetime(["1999-01-01"])}, "^seed_data: in 1 .* of 'end' leave no value to column 'begin'"),
    ],
)
def test_seeds_that_break_them(root: str, seeds: dict[str, Any], message: str):
    with refused(root, InputError, message):
        generate(workspace_dir=root, seed_data=pd.DataFrame(seeds), constraints=TRIPS)


def test_a_category_that_is_to_have_a_share_and_cannot_be(root: str):
    config = {"column": "country", "probabilities": {"IT": 0.5}}
    constraint = together(["country"], [["AT"]])
    with refused(
        root, InputError, "^rebalancing: constraints leave no row to one of the categories of column 'country'"
    ):
        generate(workspace_dir=root, rebalancing=config, constraints=[constraint])


def test_one_column_in_combinations_and_in_a_range(tmp_path: Path):
    root = str(tmp_path / "ws")
    fit(pd.DataFrame({"n": [1, 2, 3] * 40, "m": ["a", "b", "c"] * 40}), root)
    with refused(root, InputError, "^constraints: column 'n' is in combinations and in an inequality or a range"):
        generate(workspace_dir=root, constraints=[together(["n", "m"], [[1, "a"]]), between("n", 1)])
    assert set(kept(root, [together(["n", "m"], [[1, "a"], [2, "c"]])], sample_size=50)["n"].to_pylist()) == {1, 2}


# --- in the pipeline --------------------------------------------------------------------------------------------------


def test_yaml_says_constraints_too(root: str, tmp_path: Path):
    catalog = Catalog(UPath(tmp_path))
    catalog.path("trips").write_text(
        """
source: trips.csv
generate:
  constraints:
    - {type: inequality, low: begin, high: end, strict: true}
    - {type: range, column: begin, low: 2023-02-01, high: 2024-06-30}
    - {type: combinations, columns: [city, country], rows: [[Graz, AT], [null, IT]]}
"""
    )
    config = catalog.load("trips").generate
    catalog.save("again", catalog.load("trips"))
    assert catalog.load("again").generate == config
    settings = config.model_dump(exclude={"random_state"})
    generate(workspace_dir=root, **settings | {"sample_size": 50})
    reader = Workspace(root).read(Artefact.SYNTHETIC_DATA)
    rows = pa.concat_tables(reader.table(name) for name in reader.parts())
    assert violations(rows, config.constraints) == [0, 0, 0]
    catalog.path("bad").write_text("source: x.csv\ngenerate: {constraints: [{type: range, column: a}]}\n")
    with pytest.raises(CatalogError, match=r"bad\.yaml:2: generate\.constraints\.0: low or high must be given"):
        catalog.load("bad")
