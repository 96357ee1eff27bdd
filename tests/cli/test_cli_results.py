"""What the commands make, and what they say of it."""

import shutil
import warnings
from pathlib import Path

import pandas as pd
import pytest

from synth_engine import stages
from synth_engine.io import read_table
from synth_engine.workspace import Artefact, Workspace


def test_run_and_its_summary(synth):
    result = synth("run", "people.csv", "--primary-key", "key", "--max-epochs", 1, "-o", "new/out.csv", "-n", 70)
    assert result.code == 0
    table = pd.read_csv("new/out.csv")
    assert list(table.columns) == ["key", "age", "sex"]
    assert len(table) == 70
    assert table["key"].is_unique
    assert "\x1b" not in result.out + result.err
    for told in (
        "Original rows   48 to learn from, 12 to check with, ",
        " in engine-ws/OriginalData/tgt-data\n",
        "value protection on",
        "1 epochs in ",
        "Synthetic rows  70, ",
        " in engine-ws/SyntheticData\n",
        "also in new/out.csv\n",
        "never OriginalData, which holds real rows",
    ):
        assert told in result.out
    assert result.err.count("\n") <= 6


def test_run_again_in_the_same_workspace(synth):
    assert synth("run", "people.csv", "--max-epochs", 1, "-o", "one.csv").code == 0
    Path("people.csv").write_text("a\n" + "1\n" * 30)
    assert synth("run", "people.csv", "--max-epochs", 1, "-o", "one.csv").code == 0
    assert list(pd.read_csv("one.csv").columns) == ["a"]


def test_csv_and_parquet_hold_the_same_rows(synth):
    assert synth("demo", "shop.parquet", "--rows", 80).code == 0
    words = ["--primary-key", "customer_id", "--max-epochs", 1, "--no-value-protection", "--seed", 3]
    assert synth("run", "shop.parquet", *words, "-o", "out.csv").code == 0
    assert synth("generate", "--seed", 3, "-o", "out.parquet").code == 0
    as_text, as_parquet = read_table("out.csv"), read_table("out.parquet")
    assert as_text.column_names == as_parquet.column_names
    for name in as_text.column_names:
        column = as_parquet[name]
        assert as_text[name].cast(column.type).to_pylist() == column.to_pylist()


def test_each_stage_alone_says_what_it_made(synth):
    told = {
        "split people.csv -e age=tabular_numeric_digit": "Original rows   48 to learn from",
        "analyze --no-value-protection": "value protection off: rare values",
        "encode": "Encoded rows    60, ",
        "train --max-epochs 1": "nats per record",
        "generate -n 7 -o seven.csv": "Synthetic rows  7, ",
    }
    for words, line in told.items():
        result = synth(*words.split(), "-w", "ws")
        assert result.code == 0
        assert line in result.out
    assert len(pd.read_csv("seven.csv")) == 7


def test_model_that_was_handed_over_generates(synth):
    assert synth("run", "people.csv", "-w", "ws", "--max-epochs", 1).code == 0
    shutil.copytree("ws/ModelStore", "elsewhere/ModelStore")
    shutil.rmtree("ws")
    assert synth("generate", "-w", "elsewhere", "-n", 3, "-o", "three.csv").code == 0
    assert len(pd.read_csv("three.csv")) == 3


@pytest.mark.parametrize(
    "content", ["a,b\n", "a,b\n1,x\n", "a\n" + "x\n" * 20, "a,b\n" + ",\n" * 20, "a,b\n" + "NA,1\n" * 9]
)
def test_tables_with_little_in_them(synth, content):
    Path("t.csv").write_text(content)
    result = synth("run", "t.csv", "--max-epochs", 1, "-o", "out.csv")
    assert result.code == 0, result.err
    assert read_table("out.csv").num_rows == content.count("\n") - 1


def test_numbers_beyond_64_bits_and_times(synth):
    rows = "".join(f"{2**63 + row},{10**25 + row},{row % 24:02d}:30\n" for row in range(50))
    Path("t.csv").write_text("unsigned,huge,time\n" + rows)
    assert synth("run", "t.csv", "--max-epochs", 1, "--no-value-protection", "-o", "out.parquet").code == 0
    # Parquet has no seconds
    assert list(map(str, read_table("out.parquet").schema.types)) == ["uint64", "decimal128(38, 0)", "time32[ms]"]


def test_seed_repeats_the_rows_and_stays_away_from_the_protection(synth, monkeypatch):
    seeds = []
    analyze = stages.analyze

    def watched(**arguments):
        seeds.append(arguments["random_state"])
        analyze(**arguments)

    monkeypatch.setattr(stages, "analyze", watched)
    words = ["run", "people.csv", "--max-epochs", 1, "--seed", 7]
    assert synth(*words).code == 0
    for name in ("one.csv", "two.csv"):
        assert synth(*words, "--no-value-protection", "-o", name).code == 0
    assert Path("one.csv").read_text() == Path("two.csv").read_text()
    assert seeds == [None, 7, 7]


def test_options_reach_the_verbs(synth):
    words = "--trn-val-split 0.5 --n-partitions 3 --batch-size 8 --model MOSTLY_AI/Small --no-flexible-generation"
    more = "--max-training-time 5 --max-epochs 1 --temperature 0.5 --top-p 0.9 --rare sample --device cpu"
    assert synth("run", "people.csv", *words.split(), *more.split()).code == 0
    workspace = Workspace("engine-ws")
    split, train, generate = (
        workspace.manifest(artefact).config
        for artefact in (Artefact.TGT_DATA, Artefact.MODEL_DATA, Artefact.SYNTHETIC_DATA)
    )
    assert (split["trn_val_split"], split["n_partitions"]) == (0.5, 3)
    assert (train["batch_size"], train["model"], train["enable_flexible_generation"]) == (8, "MOSTLY_AI/Small", False)
    assert (train["max_training_time"], train["max_epochs"]) == (5, 1)
    assert (generate["sampling_temperature"], generate["sampling_top_p"]) == (0.5, 0.9)
    assert generate["rare_category_replacement_method"] == "SAMPLE"


def test_differential_privacy_reaches_analyze_and_the_summary(synth):
    result = synth("run", "people.csv", "--value-protection-epsilon", 30, "--delta", 0.01, "--max-epochs", 1)
    assert result.code == 0
    assert "value protection with differential privacy, epsilon 30" in result.out
    asked = Workspace("engine-ws").manifest(Artefact.TGT_STATS).config["differential_privacy"]
    assert (asked["value_protection_epsilon"], asked["delta"]) == (30, 0.01)
    *analyzed, trained = Workspace("engine-ws").ledger.entries()
    assert analyzed[-1].cumulated_epsilon == pytest.approx(30)
    assert trained.cumulated_epsilon is None  # the training had no noise, so there is no bound any more


def test_differential_privacy_of_everything(synth):
    # Enough people for noise on their number (scale 20) to leave some to train on: all but once in 10^34 runs.
    assert synth("demo", "many.csv", "--rows", 2000, "--seed", 1).code == 0
    values = ("--value-protection-epsilon", 1, "--delta", 0.01, "--primary-key", "customer_id")
    result = synth("run", "many.csv", *values, "--target-epsilon", 2, "--max-epochs", 2, "--dataset-epsilon", 3.5)
    assert result.code == 0
    workspace = Workspace("engine-ws")
    privacy = workspace.manifest(Artefact.MODEL_DATA).facts["privacy"]
    assert 1.9 < privacy["epsilon"] <= 2
    assert privacy["delta"] == 0.005
    total = workspace.ledger.entries()[-1]
    assert total.cumulated_epsilon == pytest.approx(1 + privacy["epsilon"])
    assert total.cumulated_delta <= 0.01
    again = synth("train", "--target-epsilon", 2, "--max-epochs", 2, "--dataset-epsilon", 3.5)
    assert again.code == 2
    assert "--dataset-epsilon: 3.5 is allowed and" in again.err
    assert workspace.ledger.entries()[-1] == total


def test_demo_writes_customers_and_orders(synth):
    result = synth("demo", "new/c.parquet", "--orders", "o.csv.gz", "--rows", 20, "--seed", 5)
    assert result.code == 0
    customers, orders = pd.read_parquet("new/c.parquet"), pd.read_csv("o.csv.gz")
    assert set(orders["customer_id"]) <= set(customers["customer_id"])
    assert result.out == f"Wrote 20 rows to new/c.parquet\nWrote {len(orders)} rows to o.csv.gz\n"


def test_warnings_of_the_engine_are_one_line_and_others_are_none(synth, monkeypatch):
    def warned(*_args, **_more):
        warnings.warn("something is left over", stacklevel=1)
        raise KeyboardInterrupt

    monkeypatch.setitem(warned.__globals__, "__name__", "synth_engine.stages.split")
    monkeypatch.setattr(stages, "split", warned)
    assert synth("split", "people.csv").err.splitlines()[0] == "Warning: something is left over"
    monkeypatch.setitem(warned.__globals__, "__name__", "library")
    assert "left over" not in synth("split", "people.csv").err


def test_what_is_wanted_of_the_rows(synth):
    assert synth("run", "people.csv", "--primary-key", "key", "--max-epochs", 1).code == 0
    pd.DataFrame({"sex": ["m"] * 5 + ["x"] * 5, "age": [30] * 5 + [None] * 5}).to_csv("seeds.csv", index=False)
    words = ["--seed-data", "seeds.csv", "--impute", "age"]
    assert synth("generate", *words, "-o", "out.csv").code == 0
    out = pd.read_csv("out.csv")
    assert out["sex"].tolist() == ["m"] * 5 + ["x"] * 5
    assert out["age"].tolist()[:5] == [30] * 5
    assert not out["age"].isna().any()
    sex = pd.read_csv("people.csv")["sex"].iloc[0]
    assert synth("generate", "-n", 40, "--rebalance", f"sex={sex}:0.75", "-o", "out.csv").code == 0
    assert (pd.read_csv("out.csv")["sex"] == sex).sum() == 30
    result = synth("generate", "--fair", "sex", "--sensitive", "nobody")
    assert result.code == 2
    assert "--fair: column 'nobody' is not in the original table" in result.err
