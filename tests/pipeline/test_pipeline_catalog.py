"""Datasets' YAML files: what they may say, and what is said about those that are wrong."""

import pytest
from upath import UPath

from synth_engine.domain import ModelEncodingType
from synth_pipeline.catalog import Catalog, CatalogError, DatasetConfig, check_name, safe_name


@pytest.fixture
def catalog(tmp_path):
    return Catalog(UPath(tmp_path))


def write(catalog, text, name="shop"):
    catalog.path(name).write_text(text)


def test_a_source_is_enough(catalog):
    write(catalog, "source: /data/shop.csv\n")
    dataset = catalog.load("shop")
    assert dataset == DatasetConfig(source="/data/shop.csv")
    assert (dataset.split.random_state, dataset.train.random_state, dataset.generate.random_state) == (0, 0, 0)
    assert dataset.analyze.random_state is None


def test_a_section_keeps_the_seed_unless_it_names_one(catalog):
    write(catalog, "source: x.csv\ntrain: {max_epochs: 3}\ngenerate: {random_state: 7}\n")
    dataset = catalog.load("shop")
    assert (dataset.train.max_epochs, dataset.train.random_state) == (3, 0)
    assert dataset.generate.random_state == 7


def test_key_and_encodings_become_settings_of_split(catalog):
    write(catalog, "source: x.csv\nprimary_key: id\nencoding_types: {age: TABULAR_NUMERIC_DIGIT}\n")
    settings = catalog.load("shop").split_settings()
    assert settings.tgt_primary_key == "id"
    assert settings.tgt_encoding_types == {"age": ModelEncodingType.TABULAR_NUMERIC_DIGIT}


def test_relative_sources_begin_at_the_file(catalog, tmp_path):
    write(catalog, "source: tables/shop.csv\n")
    assert catalog.load("shop").source == str(tmp_path / "tables" / "shop.csv")


def test_urls_stay(catalog):
    write(catalog, "source: s3://bucket/shop.parquet\n")
    assert catalog.load("shop").source == "s3://bucket/shop.parquet"


def test_what_is_saved_is_loaded_and_short(catalog):
    dataset = DatasetConfig.validated({"source": "/x.csv", "train": {"max_epochs": 2}}, "test")
    catalog.save("shop", dataset)
    assert catalog.load("shop") == dataset
    assert "batch_size" not in catalog.path("shop").read_text()
    assert catalog.names() == ["shop"]


def test_in_memory_too():
    catalog = Catalog(UPath("memory://catalog-test/datasets"))
    catalog.save("shop", DatasetConfig(source="/x.csv"))
    assert catalog.names() == ["shop"]
    assert catalog.load("shop").source == "/x.csv"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected keys and values"),
        ("- a\n- b\n", "expected keys and values"),
        ("source: [x\n", "not valid YAML"),
        ("primary_key: id\n", "source: is missing"),
        ("source: x.csv\nepochs: 3\n", "epochs: unknown key"),
        ("source: x.csv\ntrain: {max_epochs: -1}\n", "train.max_epochs: expected a number of at least 0, found -1"),
        ("source: x.csv\ntrain: 5\n", "train: "),
        ("source: x.csv\nencoding_types: {age: NUMBER}\n", "encoding_types.age: "),
        ("source: x.csv\nsplit: {tgt_primary_key: id}\n", "say it as primary_key at the top level"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key(catalog, text, said):
    write(catalog, text)
    with pytest.raises(CatalogError) as caught:
        catalog.load("shop")
    assert str(catalog.path("shop")) in str(caught.value)
    assert said in str(caught.value)


def test_a_missing_file_names_the_others(catalog):
    write(catalog, "source: x.csv\n", name="other")
    with pytest.raises(CatalogError, match=r"shop\.yaml, there is no such file \(datasets in that folder: other\)"):
        catalog.load("shop")


@pytest.mark.parametrize("name", ["", "datasets", "sources", "../up", "A", "a b", "a/b", "-a", "a" * 101, "é"])
def test_unusable_names_are_refused(name):
    with pytest.raises(CatalogError, match="expected a name"):
        check_name(name)


@pytest.mark.parametrize("text", ["", "Bank Marketing", "datasets", "a/b", "__x", "é", "x" * 300, "…", "2024-01"])
def test_a_safe_name_is_usable(text):
    check_name(safe_name(text))
