"""Texts by a language model for rows that a tabular one has made: two datasets of one table, run for real."""

import pandas as pd
import pytest
from dagster import DagsterInstance
from upath import UPath

from synth_engine.summary import synthetic_table
from synth_pipeline.catalog import Catalog, CatalogError
from tests.pipeline.conftest import Pipeline
from tests.stages.listings import KINDS, make_listings

SOURCE = "../sources/listings.parquet"
BRIEF = {"max_epochs": 1}
COLUMNS = {"source": SOURCE, "primary_key": "listing_id", "leave_out": ["title"], "train": BRIEF}
TEXTS = {
    "source": SOURCE,
    "primary_key": "listing_id",
    "given": "columns",
    "encoding_types": {"title": "LANGUAGE_TEXT"},
    "train": BRIEF,
}


@pytest.fixture
def pipeline(tmp_path):
    with DagsterInstance.ephemeral() as instance:
        pipeline = Pipeline(tmp_path, instance)
        (tmp_path / "sources").mkdir()
        make_listings(150).to_parquet(tmp_path / "sources" / "listings.parquet", index=False)
        pipeline.configure("columns", **COLUMNS)
        pipeline.configure("texts", **TEXTS)
        yield pipeline


def twin(pipeline, name):
    return synthetic_table(str(pipeline.root / name)).to_pandas()


def test_texts_are_written_for_the_rows_of_the_other_twin(pipeline):
    assert not pipeline.run("texts").success  # there are no rows to write them for yet
    assert pipeline.run("columns").success
    result = pipeline.run("texts")
    assert result.success
    columns, texts = twin(pipeline, "columns"), twin(pipeline, "texts")
    assert list(texts) == list(make_listings(1))
    pd.testing.assert_frame_equal(texts.drop(columns="title"), columns)
    assert "title" not in columns
    assert set(columns["kind"]) <= set(KINDS)
    assert texts["title"].notna().any()


def test_texts_are_written_again_only_if_what_they_are_for_has_changed(pipeline):
    pipeline.run("columns")
    pipeline.run("texts")
    before = twin(pipeline, "texts")
    pipeline.run("texts")
    pd.testing.assert_frame_equal(twin(pipeline, "texts"), before)
    pipeline.configure("columns", **COLUMNS, generate={"random_state": 5})
    pipeline.run("columns")
    pipeline.run("texts")
    pd.testing.assert_frame_equal(twin(pipeline, "texts").drop(columns="title"), twin(pipeline, "columns"))
    assert not twin(pipeline, "texts").equals(before)


def test_columns_that_are_left_out_must_be_there_and_a_change_of_them_is_noticed(pipeline):
    pipeline.run("columns")
    pipeline.configure("columns", **{**COLUMNS, "leave_out": ["title", "rooms"]})
    assert pipeline.run("columns").success
    assert "rooms" not in twin(pipeline, "columns")
    pipeline.configure("columns", **{**COLUMNS, "leave_out": ["none"]})
    assert not pipeline.run("columns").success


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"texts": "source: t.csv\ngiven: none\n"}, "given: expected the name of a dataset"),
        ({"texts": "source: t.csv\ngiven: texts\n"}, "given: expected a dataset that does not need this one first"),
        ({"texts": "source: t.csv\ngiven: a\ncontext_key: k\n"}, "given: expected neither context nor context_key"),
        ({"texts": "source: t.csv\ngiven: a\ngenerate: {sample_size: 2}\n"}, "there are as many rows as the twin"),
    ],
)
def test_what_cannot_be_given_is_told_when_the_catalogue_is_read(tmp_path, files, said):
    catalog = Catalog(UPath(tmp_path))
    for name, text in files.items():
        catalog.path(name).write_text(text)
    with pytest.raises(CatalogError, match=said):
        catalog.load("texts")
