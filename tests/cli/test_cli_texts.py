"""``synth run --text``: the other columns by one model, then their texts by a language model."""

import pandas as pd
import pytest

from tests.stages.listings import KINDS, make_listings

RUN = ["run", "listings.csv", "--max-epochs", "1", "--seed", "1"]


@pytest.fixture
def listings(synth):
    """Runs the command in a folder with the table listings.csv."""
    make_listings(120).to_csv("listings.csv", index=False)
    return synth


def test_texts_are_written_for_the_other_columns(listings):
    result = listings(*RUN, "--primary-key", "listing_id", "--text", "title", "-o", "out.csv", "-n", "50")
    assert result.code == 0, result.err
    assert result.out.count("Columns") == 1
    assert "Texts" in result.out
    found = pd.read_csv("out.csv")
    assert list(found) == list(make_listings(1))
    assert len(found) == 50
    assert set(found["kind"]) <= set(KINDS)
    assert found["title"].notna().any()


def test_a_table_may_be_written_by_a_language_model_alone(listings):
    result = listings(*RUN, "-e", "title=LANGUAGE_TEXT", "-o", "out.csv", "-n", "20")
    assert result.code == 0, result.err
    assert len(pd.read_csv("out.csv")) == 20


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--text", "none"], "--text: expected columns of the table, found 'none'"),
        (["--text", "title", "--context-key", "kind"], "--text: expected neither --context nor --context-key beside"),
        (["--text-model", "x"], "--text-model: there is no --text that it could write"),
        (["--text", "title", "--text-model", "MOSTLY_AI/Medium"], "--text-model: expected MOSTLY_AI/LSTM"),
        (["--text", "title", "--dataset-epsilon", "1"], "--dataset-epsilon: expected none beside --text"),
        (["-e", "title=LANGUAGE_TEXT", "--model", "MOSTLY_AI/Medium"], "--model: expected MOSTLY_AI/LSTM"),
        (["-e", "title=LANGUAGE_TEXT", "-e", "kind=TABULAR_CATEGORICAL"], "kind"),
    ],
)
def test_what_cannot_be_is_told_before_the_first_stage(listings, words, message):
    result = listings(*RUN, *words)
    assert result.code == 2
    assert message in result.err
