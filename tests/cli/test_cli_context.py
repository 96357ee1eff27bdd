"""Two related tables on the command line."""

from pathlib import Path

import pytest

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
    assert "model of sequences and their context is not available yet" in shop("train").error


def test_sequences_without_a_context(shop):
    result = shop("split", "orders.csv", "--context-key", "customer_id")
    assert result.code == 0
    assert "Context rows" not in result.out


@pytest.mark.parametrize("words", [SHOP, SHOP[:2], SHOP[4:]], ids=["all", "context", "key"])
def test_run_says_at_once_that_it_cannot_go_to_the_end(shop, words):
    result = shop("run", "orders.csv", *words)
    assert result.code == 2
    assert "the model of sequences and their context is not available yet" in result.error
    assert not Path("engine-ws").exists()


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
