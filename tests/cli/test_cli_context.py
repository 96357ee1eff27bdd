"""Two related tables on the command line."""

from pathlib import Path

import pandas as pd
import pytest

from synth_engine.cli.spending import together
from synth_engine.workspace import Artefact, Workspace

SHOP = ["--context", "customers.csv", "--context-primary-key", "customer_id", "--context-key", "customer_id"]


@pytest.fixture
def shop(synth):
    """Runs the command in a folder with the tables customers.csv and orders.csv."""
    assert synth("demo", "customers.csv", "--orders", "orders.csv", "--rows", 60).code == 0
    return synth


def test_customers_and_their_orders_up_to_their_codes(shop):
    types = ["-e", "ordered_at=tabular_datetime_relative", "--context-encoding", "segment=TABULAR_CATEGORICAL"]
    result = shop("split", "orders.csv", *SHOP, "--primary-key", "order_id", *types)
    assert result.code == 0
    assert "\nContext rows    48 to learn from, 12 to check with, " in result.out
    assert shop("analyze").code == shop("encode").code == 0
    workspace = Workspace("engine-ws")
    assert workspace.read(Artefact.ENCODED_DATA).rows("trn") == 48
    types = workspace.read(Artefact.TGT_META).json("encoding-types.json")
    assert types["ordered_at"] == "TABULAR_DATETIME_RELATIVE"


def test_sequences_without_a_context(shop):
    result = shop("split", "orders.csv", "--context-key", "customer_id")
    assert result.code == 0
    assert "Context rows" not in result.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (SHOP[:2], "--context-primary-key: expected the name of a column beside --context, found None"),
        (SHOP[:4], "--context-key: expected the name of a column beside --context, found None"),
        (SHOP[2:4], "--context-primary-key: there is no --context that it could be about"),
        ([*SHOP[:5], "none"], "--context-key: expected a column of the table, found 'none'"),
        ([*SHOP[:5], "product"], "--context-key: column 'product' must refer to rows of --context"),
        ([*SHOP, "--context-encoding", "city"], "--context-encoding: expected COLUMN=TYPE, found 'city'"),
        ([*SHOP, "--context-encoding", "none=AUTO"], "--context-encoding: expected columns of the table, found 'none'"),
        ([*SHOP, "--context-encoding", "city=X"], "--context-encoding city: Input should be 'AUTO', "),
        (["--context", "none.csv", *SHOP[2:]], "none.csv: cannot be read: there is no such file or folder"),
    ],
)
def test_what_is_wrong_with_two_tables_is_one_line(shop, words, message):
    result = shop("split", "orders.csv", *words)
    assert result.code == 2
    assert message in result.error
    assert not Path("engine-ws").exists()


OUTPUTS = ["-o", "out.csv", "--context-output", "people.csv"]


def test_a_run_with_a_context_makes_both_twins(shop):
    words = ["--primary-key", "order_id", "--max-epochs", 1, "--seed", 3, "--max-sequence-window", 20]
    result = shop("run", "orders.csv", *SHOP, *words, "--sample-size", 40, *OUTPUTS)
    assert result.code == 0, result.err
    people, orders = pd.read_csv("people.csv"), pd.read_csv("out.csv")
    assert len(people) == 40
    assert people["customer_id"].is_unique
    assert not set(people["customer_id"]) & set(pd.read_csv("customers.csv")["customer_id"])
    assert set(orders["customer_id"]) <= set(people["customer_id"])
    assert list(orders.columns) == list(pd.read_csv("orders.csv").columns)
    assert Workspace("engine-ws").manifest(Artefact.MODEL_DATA).config["max_sequence_window"] == 20
    for told in ("Subjects\n", "Synthetic rows  40, ", "\nalso in people.csv\n", "Events\n", "also in out.csv\n"):
        assert told.strip() in result.out
    titles = [line for line in result.err.splitlines() if ": " not in line or line.startswith("Events")]
    assert titles == ["Events: up to their codes", "Subjects", "Events: for the synthetic subjects"]
    assert "Privacy of whoever" not in result.out


def test_events_for_subjects_in_a_file(shop):
    assert shop("run", "orders.csv", *SHOP, "--max-epochs", 1, "--context-output", "people.parquet").code == 0
    pd.read_parquet("people.parquet").head(7).to_parquet("seven.parquet")
    result = shop("generate", "--context", "seven.parquet", "-o", "out.csv")
    assert result.code == 0, result.err
    assert set(pd.read_csv("out.csv")["customer_id"]) <= set(pd.read_parquet("seven.parquet")["customer_id"])
    assert "--context: " in shop("generate").error
    assert (
        "--output: expected another file" in shop("generate", "--context", "seven.parquet", "-o", "seven.parquet").error
    )


def test_a_run_without_a_context_table_makes_subjects_too(shop):
    result = shop("run", "orders.csv", *SHOP[4:], "--max-epochs", 1, "--sample-size", 30, "-o", "out.csv")
    assert result.code == 0, result.err
    keys = pd.read_csv("out.csv")["customer_id"]
    assert keys.nunique() == 30
    assert not set(keys) & set(pd.read_csv("customers.csv")["customer_id"])


def test_what_is_spent_of_two_tables_is_added_up(shop):
    result = shop("run", "orders.csv", *SHOP, "--value-protection-epsilon", 50, "--delta", 0.01, "--max-epochs", 1)
    assert result.code == 0, result.err
    assert "Privacy of whoever is in both: epsilon no bound, delta no bound" in result.out  # the training had no noise


def test_sum_of_two_ledgers(shop):
    places = ["customers", "orders"]
    assert together(places) is None
    for place, epsilon in zip(places, (20, 30), strict=True):
        assert shop("split", f"{place}.csv", "-w", place).code == 0
        assert shop("analyze", "-w", place, "--value-protection-epsilon", epsilon).code == 0
        delta = sum(entries[-1].cumulated_delta for name in places if (entries := Workspace(name).ledger.entries()))
        bound = f"epsilon 50, delta {delta:.4g}" if place == "orders" else "epsilon no bound, delta no bound"
        assert f": {bound} (synth privacy customers and synth privacy orders)" in together(places)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([*SHOP, "--dataset-epsilon", 3], "--dataset-epsilon: expected none beside --context"),
        ([*SHOP[4:], "--target-epsilon", 3], "sequences cannot be trained with differential privacy yet"),
        (
            [*SHOP, "--model-state-strategy", "reuse"],
            "--model-state-strategy: REUSE is not available yet for sequences",
        ),
        ([*SHOP, "-o", "a.csv", "--context-output", "a.csv"], "--context-output: expected another file than --output"),
        ([*SHOP, "--context-output", "customers.csv"], "--context-output: expected another file than the original"),
        (
            [*SHOP, "-o", "customers.csv"],
            "--output: expected another file than the original table, found customers.csv",
        ),
        ([*SHOP[4:], "--context-output", "a.csv"], "--context-output: there is no --context whose twin it could hold"),
        ([*SHOP, "--max-sequence-window", 0], "--max-sequence-window: Input should be greater than or equal to 1"),
    ],
)
def test_what_cannot_be_run_is_told_at_once(shop, words, message):
    result = shop("run", "orders.csv", *words)
    assert result.code == 2
    assert message in result.error
    assert not Path("engine-ws").exists()


def test_orphans_are_told_before_the_subjects_are_trained(shop):
    pd.read_csv("customers.csv").head(30).to_csv("customers.csv", index=False)
    result = shop("run", "orders.csv", *SHOP)
    assert result.code == 2
    assert "--context-key: column 'customer_id' must refer to rows of --context" in result.err
    assert not Path("engine-ws").exists()
