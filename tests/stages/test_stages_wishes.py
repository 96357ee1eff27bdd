"""generate with rebalancing, imputation and fairness: kept exactly, or refused by name before any work."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth_engine import generate, train
from synth_engine.domain import FairnessConfig, ImputationConfig, InputError, RebalancingConfig
from synth_engine.workspace import Artefact, Workspace
from tests.stages.helpers import SMALL, fit, refused
from tests.stages.test_stages_generate import make
from tests.stages.test_stages_keys import set_shard_rows


def people(n_rows: int = 2_000) -> pd.DataFrame:
    """Income depends on sex and origin by way of schooling, and there are gaps."""
    rng = np.random.default_rng(0)
    sex, origin = rng.choice(["f", "m"], n_rows), rng.choice(["x", "y", "z"], n_rows, p=[0.6, 0.3, 0.1])
    school = (rng.random(n_rows) + 0.4 * (sex == "m") + 0.4 * (origin == "x")).round(2)
    income = np.where(school + 0.3 * rng.random(n_rows) > 1.1, "high", "low").astype(object)
    table = pd.DataFrame({"sex": sex, "income": income, "origin": origin, "school": school})
    table["age"] = pd.array(rng.integers(20, 70, n_rows), dtype="Int16")
    table["note"] = [f"Nr. {i:05d}, {i * 7919 % 1000}" for i in range(n_rows)]
    for name in ("income", "school", "age", "note"):
        table.loc[rng.random(n_rows) < 0.2, name] = None
    return table


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of `people`. Read it only."""
    root = tmp_path_factory.mktemp("people") / "ws"
    fit(people(), str(root), max_epochs=8)
    return root


@pytest.fixture
def root(model: Path, tmp_path: Path) -> str:
    """A copy of the model."""
    return str(shutil.copytree(model, tmp_path / "ws"))


def drawn(root: str, **wishes: Any) -> pd.DataFrame:
    return make(root, **wishes).to_pandas()


def rates(frame: pd.DataFrame, by: list[str]) -> pd.Series:
    return (frame["income"] == "high").groupby([frame[name] for name in by]).mean()


# --- rebalancing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["origin", "sex"])
@pytest.mark.parametrize("shard_rows", [100, 65_536])
@pytest.mark.parametrize("others", [{}, {"sampling_temperature": 0.3}, {"sampling_top_p": 0.5}])
def test_shares_are_exact(
    root: str, monkeypatch: pytest.MonkeyPatch, name: str, shard_rows: int, others: dict[str, float]
):
    set_shard_rows(monkeypatch, shard_rows)
    wanted = {"origin": {"z": 0.501, "x": 0.123}, "sex": {"f": 0.999}}[name]
    counts = drawn(root, sample_size=1_000, rebalancing={"column": name, "probabilities": wanted}, **others)[
        name
    ].value_counts()
    for category, share in wanted.items():
        assert counts[category] == 1_000 * share


def test_the_others_share_out_the_rest_in_proportion(root: str):
    """Error probability: five standard deviations of a share among 3,000 rows."""
    plain = drawn(root, sample_size=3_000)["origin"].value_counts()
    changed = drawn(root, sample_size=3_000, rebalancing={"column": "origin", "probabilities": {"z": 0.7}})
    counts = changed["origin"].value_counts()
    assert counts["x"] / counts["y"] == pytest.approx(plain["x"] / plain["y"], rel=5 * (1 / 200) ** 0.5)


def test_all_else_follows(root: str):
    """School is better for men: so it is on average where there are more of them."""
    means = [
        drawn(root, sample_size=2_000, rebalancing={"column": "sex", "probabilities": {"m": share}})["school"].mean()
        for share in (0.0, 1.0)
    ]
    assert means[1] > means[0] + 0.2


@pytest.mark.parametrize("config", [RebalancingConfig(column="age", probabilities={"30": 1}), {"column": "age"}])
def test_numbers_with_codes_of_their_own_are_categories(root: str, config: Any):
    if isinstance(config, dict):
        config = {**config, "probabilities": {30: 1.0}}
    assert set(drawn(root, sample_size=50, rebalancing=config)["age"]) == {30}


def test_truth_values(ready: str):
    for key in (True, "true", "True"):
        twin = make(ready, sample_size=10, rebalancing={"column": "active", "probabilities": {key: 0.2}})
        assert sum(twin["active"].to_pylist()) == 2


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"column": "town", "probabilities": {"x": 1}}, "^rebalancing: column 'town' is not in the original table"),
        ({"column": "school", "probabilities": {"x": 1}}, "^rebalancing: column 'school' must be categorical"),
        (
            {"column": "origin", "probabilities": {"w": 1}},
            "^rebalancing: column 'origin' has no category 'w' .* 'x', 'y'",
        ),
        ({"column": "origin", "probabilities": {"x": 0.7, "y": 0.4}}, "^rebalancing: .*add up to more than 1"),
        ({"column": "origin", "probabilities": {"x": 1.2}}, r"^rebalancing.probabilities.x: .* found 1.2"),
        ({"column": "origin", "probabilities": {"x": -0.1}}, r"^rebalancing.probabilities.x: .* found -0.1"),
        ({"column": "sex", "probabilities": {"f": 0.2, "m": 0.3}}, "^rebalancing: .* add up to 0.5, and there is no"),
        ({"column": "origin"}, "^rebalancing.probabilities: "),
        ({}, "^rebalancing.column: "),
    ],
)
def test_rebalancing_that_cannot_be(root: str, config: dict[str, Any], message: str):
    with refused(root, InputError, message):
        generate(workspace_dir=root, rebalancing=config)


def test_a_rebalanced_column_among_the_seeds(root: str):
    with refused(root, InputError, "^rebalancing: column 'sex' is in seed_data"):
        config = {"column": "sex", "probabilities": {"f": 1}}
        generate(workspace_dir=root, seed_data=people(3)[["sex"]], rebalancing=config)


# --- imputation -------------------------------------------------------------------------------------------------------


def test_imputed_columns_have_no_nulls_and_others_do(root: str):
    names = ["income", "school", "age", "note"]
    assert drawn(root, sample_size=300).isna().any()[names].all()
    for config in ({"columns": names}, ImputationConfig(columns=names)):
        assert not drawn(root, sample_size=300, imputation=config).isna().any().any()
    assert drawn(root, sample_size=300, imputation={"columns": ["age"]}).isna().any()[["income", "school"]].all()


@pytest.mark.parametrize("method", ["CONSTANT", "SAMPLE"])
def test_where_no_value_may_be_shown_there_is_nothing_to_impute(tmp_path: Path, method: str):
    table = pd.DataFrame({"x": ["a", "b"] * 50, "nothing": pa.nulls(100).to_pandas(), "rare": np.arange(100) * 1.0})
    table.loc[5:, "rare"] = None  # five people are too few to show anything of
    fit(table, str(tmp_path))
    for name in ("nothing", "rare"):
        with pytest.raises(InputError, match=f"^imputation: column '{name}' has no value that may be shown"):
            make(str(tmp_path), imputation={"columns": [name]}, rare_category_replacement_method=method)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["town"], "^imputation: column 'town' is not in the original table; expected one of sex, income"),
        ("sex", "^imputation.columns: "),
        ([1], "^imputation.columns.0: "),
    ],
)
def test_imputation_that_cannot_be(root: str, columns: Any, message: str):
    with refused(root, InputError, message):
        generate(workspace_dir=root, imputation={"columns": columns})


def test_a_key_is_not_imputed(ready: str):
    with refused(ready, InputError, "^imputation: column 'id' is a key, which the model does not know"):
        generate(workspace_dir=ready, imputation={"columns": ["id"]})


# --- fairness ---------------------------------------------------------------------------------------------------------

FAIR = {"target_column": "income", "sensitive_columns": ["sex", "origin"]}


@pytest.mark.parametrize("shard_rows", [1_000, 65_536])
def test_groups_have_equal_rates(root: str, monkeypatch: pytest.MonkeyPatch, shard_rows: int):
    """In each shard a group is off by less than one row, and a share of gaps as well."""
    set_shard_rows(monkeypatch, shard_rows)
    fair = drawn(root, sample_size=4_000, fairness=FairnessConfig(**FAIR))
    plain = drawn(root, sample_size=4_000)
    assert np.ptp(rates(plain, ["sex", "origin"])) > 0.2
    assert np.ptp(rates(fair, ["sex", "origin"])) < 0.03
    assert rates(fair, ["sex"]).mean() == pytest.approx((plain["income"] == "high").mean(), abs=0.03)
    assert fair.drop(columns="income").equals(plain.drop(columns="income"))
    # Within a group schooling still tells of income.
    assert fair.groupby("income")["school"].mean().diff().abs().iloc[-1] > 0.1


def test_fairness_of_given_people(root: str):
    seeds = people(1_500)[["sex", "origin", "school"]].fillna({"school": 0.5})
    fair = drawn(root, seed_data=seeds, fairness=FAIR)
    assert np.ptp(rates(fair, ["sex", "origin"])) < 0.03
    assert fair[["sex", "origin", "school"]].equals(seeds)


def test_fairness_and_rebalancing_of_the_same_column(root: str):
    config = {"column": "income", "probabilities": {"high": 0.5, "low": 0.5}}
    fair = drawn(root, sample_size=4_000, fairness=FAIR, rebalancing=config)
    assert rates(fair, ["sex", "origin"]).tolist() == pytest.approx([0.5] * 6, abs=0.02)
    assert fair.groupby("income")["school"].mean().diff().abs().iloc[-1] > 0.1


def test_fairness_and_imputation(root: str):
    fair = drawn(root, sample_size=1_000, fairness=FAIR, imputation={"columns": ["income"]})
    assert not fair["income"].isna().any()


def test_no_rows_are_fair(root: str):
    assert len(drawn(root, sample_size=0, fairness=FAIR)) == 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"target_column": "pay"}, "^fairness: column 'pay' is not in the original table"),
        ({"sensitive_columns": ["gender"]}, "^fairness: column 'gender' is not in"),
        ({"target_column": "school"}, "^fairness: column 'school' must be categorical"),
        ({"sensitive_columns": ["school"]}, "^fairness: column 'school' must be categorical"),
        ({"sensitive_columns": []}, "^fairness.sensitive_columns: expected one column or more"),
        ({"sensitive_columns": ["income"]}, "^fairness: the target column 'income' is among the sensitive"),
    ],
)
def test_fairness_that_cannot_be(root: str, changed: dict[str, Any], message: str):
    with refused(root, InputError, message):
        generate(workspace_dir=root, fairness=FAIR | changed)


def test_a_target_among_the_seeds(root: str):
    with refused(root, InputError, "^fairness: the target column 'income' is in seed_data"):
        generate(workspace_dir=root, seed_data=people(3)[["income"]], fairness=FAIR)


# --- a model of one order ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fixed(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was trained for the natural order only: sex, income, origin, school, age, note."""
    root = shutil.copytree(model, tmp_path_factory.mktemp("fixed") / "ws")
    train(workspace_dir=str(root), model=SMALL, max_epochs=1, random_state=1, enable_flexible_generation=False)
    return root


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"seed_data": ["income"]}, "^seed_data: column 'income' can be given only together with 'sex'"),
        ({"seed_data": ["origin", "sex"]}, "^seed_data: column 'origin' can be given only together with 'income'"),
        ({"rebalancing": ("origin", "x")}, "^rebalancing: column 'origin' can be given only together with 'sex'"),
        ({"fairness": FAIR}, "^fairness: the target column 'income' must be the last one"),
        (
            {"seed_data": ["sex", "income", "origin"], "imputation": ["income"]},
            "^imputation: nulls of column 'income' cannot be filled where 'origin'",
        ),
    ],
)
def test_another_order_than_that_of_training(fixed: Path, wishes: dict[str, Any], message: str):
    root = str(fixed)
    arguments: dict[str, Any] = dict(wishes)
    if "seed_data" in wishes:
        arguments["seed_data"] = people(200)[wishes["seed_data"]]
    if "rebalancing" in wishes:
        column, category = wishes["rebalancing"]
        arguments["rebalancing"] = {"column": column, "probabilities": {category: 0.5}}
    if "imputation" in wishes:
        arguments["imputation"] = {"columns": wishes["imputation"]}
    with refused(root, InputError, message):
        generate(workspace_dir=root, **arguments)


def test_what_fits_the_order_of_training(fixed: Path, tmp_path: Path):
    root = str(shutil.copytree(fixed, tmp_path / "ws"))
    assert drawn(root, seed_data=people(20)[["income", "sex"]])["sex"].tolist() == people(20)["sex"].tolist()
    config = {"column": "sex", "probabilities": {"f": 0.1}}
    assert (drawn(root, sample_size=20, rebalancing=config)["sex"] == "f").sum() == 2
    seeds = people(200)[["sex", "income"]]
    assert not drawn(root, seed_data=seeds, imputation={"columns": ["income"]})["income"].isna().any()


def test_wishes_are_in_the_manifest(root: str):
    make(root, sample_size=5, fairness=FAIR)
    config = Workspace(root).manifest(Artefact.SYNTHETIC_DATA).config
    assert json.loads(json.dumps(config))["fairness"] == FAIR
