"""analyze with differential privacy: the budget, the ledger, and what the artefacts say."""

import json
import math
import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth_engine import analyze, encode, generate, split, train
from synth_engine.demo import make_shop
from synth_engine.domain import ArtefactError, DifferentialPrivacyConfig, InputError
from synth_engine.workspace import Artefact, Workspace
from synth_engine.workspace.ledger import FILE_NAME
from tests.stages.conftest import make_table
from tests.stages.helpers import SMALL, refused, synthetic
from tests.workspace.helpers import tree


def private(epsilon: float = 5.0, **others: Any) -> dict[str, Any]:
    return {"value_protection_epsilon": epsilon, **others}


@pytest.fixture
def root(tmp_path) -> str:
    """A workspace with a table that was split."""
    place = str(tmp_path / "ws")
    split(make_table(2_000), tgt_primary_key="id", workspace_dir=place)
    return place


def statistics(root: str) -> dict[str, Any]:
    return Workspace(root).read(Artefact.TGT_STATS).json("stats.json")


@pytest.mark.parametrize("epsilon", [0.1, 1, 7.5, 100])
def test_the_ledger_adds_up_to_the_epsilon_asked_for_and_no_more(root: str, epsilon: float):
    analyze(differential_privacy=private(epsilon, delta=1e-4), workspace_dir=root)
    entries = Workspace(root).ledger.entries()
    assert math.fsum(entry.epsilon for entry in entries) == pytest.approx(epsilon, rel=1e-9)
    assert math.fsum(entry.delta for entry in entries) <= 0.5e-4 * (1 + 1e-9)
    assert entries[-1].cumulated_epsilon == pytest.approx(epsilon, rel=1e-9)
    assert {entry.column for entry in entries} == {None, "city", "amount", "since", "active"}
    of_column = {
        name: math.fsum(entry.epsilon for entry in entries if entry.column == name)
        for name in ("city", "amount", "since")
    }
    assert len({round(value, 9) for value in of_column.values()}) == 1


@pytest.mark.parametrize("epsilon", [0.5, 10])
def test_the_ledger_adds_up_over_both_tables_lengths_texts_and_relative_dates(tmp_path, epsilon: float):
    shop = make_shop(500, seed=1)
    place = str(tmp_path / "ws")
    split(
        shop.orders,
        ctx_data=shop.customers,
        ctx_primary_key="customer_id",
        tgt_context_key="customer_id",
        tgt_primary_key="order_id",
        tgt_encoding_types={"ordered_at": "TABULAR_DATETIME_RELATIVE"},
        workspace_dir=place,
    )
    analyze(differential_privacy=private(epsilon, delta=1e-4), workspace_dir=place)
    entries = Workspace(place).ledger.entries()
    assert math.fsum(entry.epsilon for entry in entries) == pytest.approx(epsilon, rel=1e-9)
    assert entries[-1].cumulated_epsilon == pytest.approx(epsilon, rel=1e-9)
    assert math.fsum(entry.delta for entry in entries) <= 0.5e-4 * (1 + 1e-9)
    of_question = {
        name: math.fsum(entry.epsilon for entry in entries if entry.column == name)
        for name in {entry.column for entry in entries}
    }
    asked = {*shop.orders, "number of rows of a subject"} | {f"{name} (context)" for name in shop.customers}
    assert set(of_question) == asked - {"customer_id", "customer_id (context)"} - {"order_id"} | {None}
    assert len({round(value, 9) for name, value in of_question.items() if name is not None}) == 1


def test_repeated_analyses_add_up(root: str):
    analyze(differential_privacy=private(1.0), workspace_dir=root)
    analyze(differential_privacy=private(2.0), workspace_dir=root)
    split(make_table(1_000), tgt_primary_key="id", workspace_dir=root)
    analyze(differential_privacy=private(0.5), workspace_dir=root)
    entries = Workspace(root).ledger.entries()
    assert entries[-1].cumulated_epsilon == pytest.approx(3.5)
    assert len({entry.data_version for entry in entries}) == 2
    assert {entry.stage for entry in entries} == {"analyze"}


def test_a_spend_is_written_down_before_anything_is_published(root: str, monkeypatch: pytest.MonkeyPatch):
    before = Workspace(root).has(Artefact.TGT_STATS)

    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("synth_engine.workspace.staging.Staging.publish", crash)
    with pytest.raises(KeyboardInterrupt):
        analyze(differential_privacy=private(1.0), workspace_dir=root)
    monkeypatch.undo()
    assert Workspace(root).has(Artefact.TGT_STATS) == before
    assert Workspace(root).ledger.entries()[-1].cumulated_epsilon == pytest.approx(1.0)


def test_without_a_ledger_that_can_be_kept_nothing_is_published(root: str):
    path = Workspace(root).root / FILE_NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(b"damaged\n")
    with refused(root, ArtefactError, "privacy-ledger.jsonl: expected one privacy-spending event per line"):
        analyze(differential_privacy=private(), workspace_dir=root)


def test_the_artefacts_say_what_holds(root: str):
    analyze(differential_privacy=private(3.0, delta=1e-4), workspace_dir=root)
    assert statistics(root)["differential_privacy"] == {"epsilon": 3.0, "delta": 0.5e-4, "secure_noise": True}
    assert statistics(root)["value_protection"] is True
    assert all(entry.parameters["secure_noise"] for entry in Workspace(root).ledger.entries())
    analyze(differential_privacy=private(3.0), workspace_dir=root, random_state=1)
    assert statistics(root)["differential_privacy"]["secure_noise"] is False
    assert not Workspace(root).ledger.entries()[-1].parameters["secure_noise"]


@pytest.mark.parametrize("asked", [{}, {"max_epsilon": 1}, DifferentialPrivacyConfig()])
def test_differential_privacy_without_an_epsilon_for_values_is_not_private_and_says_so(root: str, asked: Any):
    analyze(differential_privacy=asked, workspace_dir=root)
    (entry,) = Workspace(root).ledger.entries()
    assert entry.epsilon is None
    assert entry.cumulated_epsilon is None
    assert "not differentially private" in entry.mechanism
    assert statistics(root)["differential_privacy"] is None
    assert statistics(root)["no_of_training_records"] == 1_600


def test_an_analysis_that_is_not_private_voids_the_total(root: str):
    analyze(workspace_dir=root)
    assert not (Workspace(root).root / FILE_NAME).exists()  # nobody asked for one
    analyze(differential_privacy=private(), workspace_dir=root)
    analyze(workspace_dir=root)
    assert [entry.cumulated_epsilon for entry in Workspace(root).ledger.entries()][-2:] == [pytest.approx(5.0), None]


def test_a_dictionary_is_as_good_as_a_configuration(root: str):
    analyze(differential_privacy=private(5.0, delta=1e-4), workspace_dir=root, random_state=1)
    as_dictionary = statistics(root)
    config = DifferentialPrivacyConfig(value_protection_epsilon=5.0, delta=1e-4)
    analyze(differential_privacy=config, workspace_dir=root, random_state=1)
    assert statistics(root) == as_dictionary


def test_a_seed_repeats_the_noise_and_no_seed_does_not(root: str):
    def counts(seed: int | None) -> tuple[int, int]:
        analyze(differential_privacy=private(0.2), workspace_dir=root, random_state=seed)
        return statistics(root)["no_of_training_records"], statistics(root)["no_of_validation_records"]

    assert counts(1) == counts(1)
    assert len({counts(None) for _ in range(5)}) > 1


@pytest.mark.parametrize("epsilon", [0, -1, math.nan, math.inf, "much", True])
def test_an_epsilon_that_is_none_is_refused(root: str, epsilon: Any):
    with refused(root, InputError, r"^differential_privacy.value_protection_epsilon: "):
        analyze(differential_privacy=private(epsilon), workspace_dir=root)


def test_an_epsilon_too_small_for_the_columns_is_refused(root: str):
    with refused(root, InputError, r"^value_protection_epsilon: expected at least .* for 4 column\(s\)"):
        analyze(differential_privacy=private(1e-9), workspace_dir=root)


def test_privacy_of_values_without_value_protection_is_refused(root: str):
    with refused(root, InputError, "^differential_privacy: .*value_protection_epsilon needs value protection"):
        analyze(value_protection=False, differential_privacy=private(), workspace_dir=root)
    analyze(value_protection=False, differential_privacy={"max_epsilon": 1}, workspace_dir=root)


def test_numbers_of_records_are_noisy(root: str):
    for seed in range(20):
        analyze(differential_privacy=private(1.0), workspace_dir=root, random_state=seed)
        found = statistics(root)
        if found["no_of_training_records"] != 1_600:
            break
    assert found["no_of_training_records"] != 1_600
    # Noise of epsilon 0.05, which exceeds 400 with probability 2e-9
    assert abs(found["no_of_training_records"] - 1_600) < 400
    text = "".join(data.decode() for name, data in tree(Workspace(root)).items() if name.startswith("/ModelStore/"))
    text = re.sub(r"[0-9a-f]{32,}", "", text)  # digests are of any digits
    assert "1600" not in text
    assert "2000" not in text.replace("12000", "")


ODD_TABLES = {
    "no rows": pd.DataFrame({"a": pd.Series([], dtype="int64"), "b": pd.Series([], dtype="str")}),
    "one row": pd.DataFrame({"a": [1], "b": ["x"]}),
    "all null": pd.DataFrame({"a": [None] * 100, "b": [float("nan")] * 100}),
    "one value": pd.DataFrame({"a": [7] * 500, "b": ["x"] * 500}),
    "key only": pd.DataFrame({"id": range(50)}),
}


@pytest.mark.parametrize("name", ODD_TABLES)
def test_odd_tables_go_all_the_way(name: str, tmp_path):
    table = ODD_TABLES[name]
    place = str(tmp_path / "ws")
    split(table, tgt_primary_key="id" if "id" in table else None, workspace_dir=place)
    analyze(differential_privacy=private(10.0), workspace_dir=place, random_state=0)
    encode(workspace_dir=place)
    assert Workspace(place).ledger.entries()[-1].cumulated_epsilon == pytest.approx(10.0)
    train(model=SMALL, max_epochs=1, workspace_dir=place, random_state=0)
    generate(sample_size=5, workspace_dir=place, random_state=0)
    assert synthetic(place).column_names == list(table.columns)


def test_the_whole_path_gives_the_exact_types_back(root: str):
    analyze(differential_privacy=private(20.0), workspace_dir=root, random_state=0)
    encode(workspace_dir=root)
    train(model=SMALL, max_epochs=1, workspace_dir=root, random_state=0)
    generate(workspace_dir=root, random_state=0)
    twin = synthetic(root)
    assert twin.schema.equals(pa.Table.from_pandas(make_table(10), preserve_index=False).schema)
    assert len(twin) == sum(statistics(root)[f"no_of_{part}_records"] for part in ("training", "validation"))
    assert set(twin["city"].to_pylist()) <= {"Vienna", "Graz", "Linz"}
    assert np.nanmean(twin["amount"].to_numpy()) == pytest.approx(100, abs=20)


def test_lines_of_the_ledger_are_json_with_the_columns_of_the_interface(root: str):
    analyze(differential_privacy=private(), workspace_dir=root)
    for line in (Workspace(root).root / FILE_NAME).read_text().splitlines():
        assert {"stage", "mechanism", "parameters", "epsilon", "delta", "data_version", "cumulated_epsilon"} <= set(
            json.loads(line)
        )
