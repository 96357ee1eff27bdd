"""Datasets' YAML files: what they may say, and what is said about those that are wrong."""

import itertools
import json

import jsonschema
import pytest
import yaml
from upath import UPath

from synth_engine.domain import ModelEncodingType
from synth_pipeline.catalog import (
    SCHEMA_FILE,
    Catalog,
    CatalogError,
    DatasetConfig,
    DriftConfig,
    check_name,
    dataset_schema,
    safe_name,
)
from tests.workspace import object_store as store

object_store, bucket = store.object_store, store.bucket


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


@pytest.mark.parametrize("name", ["", "datasets", "inbox", "sources", "../up", "A", "a b", "a/b", "-a", "a" * 101, "é"])
def test_unusable_names_are_refused(name):
    with pytest.raises(CatalogError, match="expected a name"):
        check_name(name)


@pytest.mark.parametrize(
    "text", ["", "Bank Marketing", "datasets", "inbox", "a/b", "__x", "é", "x" * 300, "…", "2024-01"]
)
def test_a_safe_name_is_usable(text):
    check_name(safe_name(text))


def test_when_a_dataset_is_made_is_said_in_its_file(catalog):
    write(catalog, "source: /x.csv\n")
    usual = catalog.load("shop")
    assert (usual.cron, usual.timezone, usual.watch, usual.drift) == (None, "UTC", True, None)
    write(catalog, "source: /x.csv\ncron: 0 6 * * 1-5\ntimezone: Europe/Vienna\nwatch: false\ndrift: {}\n")
    dataset = catalog.load("shop")
    assert (dataset.cron, dataset.timezone, dataset.watch) == ("0 6 * * 1-5", "Europe/Vienna", False)
    assert dataset.drift == DriftConfig(threshold=0.2)
    catalog.save("again", dataset)
    assert catalog.load("again") == dataset


def test_sections_in_which_all_is_commented_out_have_their_defaults(catalog):
    write(catalog, "source: /x.csv\nsplit:\nanalyze:\ntrain:\n  # max_epochs: 3\ngenerate:\nencoding_types:\n")
    assert catalog.load("shop") == DatasetConfig(source="/x.csv")


# --- all files at once ------------------------------------------------------------------------------------------------

FILES = {
    "good.yaml": "source: /x.csv\n",
    "customers.yaml": "source: /c.csv\nprimary_key: id\n",
    "orders.yaml": "source: /o.csv\ncontext: customers\ncontext_key: c\n",
    "broken.yaml": "source: [\n",
    "wrong.yaml": "source: /x.csv\nwatch: 7\n",
    "child.yaml": "source: /x.csv\ncontext: wrong\nprimary_key: k\ncontext_key: c\n",
    "grandchild.yaml": "source: /x.csv\ncontext: child\ncontext_key: c\n",
    "alone.yaml": "source: /x.csv\ncontext: nobody\ncontext_key: c\n",
    "keyless.yaml": "source: /x.csv\n\ncontext: good\ncontext_key: c\n",
    "egg.yaml": "source: /x.csv\nprimary_key: k\ncontext: hen\ncontext_key: c\n",
    "hen.yaml": "source: /x.csv\nprimary_key: k\ncontext: egg\ncontext_key: c\n",
    "chick.yaml": "source: /x.csv\ncontext: egg\ncontext_key: c\n",
    "inbox.yaml": "source: /x.csv\n",
    "Large One.yaml": "source: /x.csv\n",
    "large.yaml": "#" * 1_000_001,
    "other.yml": "source: /x.csv\n",
    "LOUD.YAML": "source: /x.csv\n",
    ".hidden.yaml": "source: [\n",
    "notes.txt": "none of ours",
}
ERRORS = {
    "broken": ":2:1: is not valid YAML",
    "wrong": ":2: watch: expected true or false",
    "child": ":2: context: the file of 'wrong' has errors of its own; mend these first",
    "grandchild": ":2: context: the file of 'child' has errors of its own; mend these first",
    "alone": ":2: context: expected the name of a dataset (there are ",
    "keyless": ":3: context: expected a dataset with a primary key",
    "egg": ":3: context: expected a dataset that does not need this one first, found egg → hen → egg",
    "hen": ":3: context: expected a dataset that does not need this one first, found hen → egg → hen",
    "chick": ":2: context: the file of 'egg' has errors of its own; mend these first",
    "inbox": "dataset 'inbox': expected a name",
    "Large One": "dataset 'Large One': expected a name",
    "large": "expected the settings of a dataset, at most 1,000,000 bytes, found 1,000,001",
    "other.yml": "expected a name that ends in .yaml; rename it to other.yaml",
    "LOUD.YAML": "expected a name that ends in .yaml; rename it to LOUD.yaml",
}


def check_all(folder, monkeypatch):
    reads = []
    real = type(folder.fs).cat_file
    for name, text in FILES.items():
        folder.fs.pipe_file((folder / name).path, text.encode())
    monkeypatch.setattr(
        type(folder.fs), "cat_file", lambda self, path, *a, **k: reads.append(path) or real(self, path, *a, **k)
    )
    datasets, errors = Catalog(folder).load_all()
    assert list(datasets) == ["customers", "good", "orders"]
    assert list(errors) == sorted(ERRORS)
    for name, said in ERRORS.items():
        assert said in str(errors[name])
        assert len(errors[name].problems) == 1
    assert len(reads) == len(set(reads)) <= len(FILES)
    monkeypatch.undo()
    for name, dataset in datasets.items():
        assert Catalog(folder).load(name) == dataset


def test_a_broken_file_stops_no_other_dataset(tmp_path, monkeypatch):
    check_all(UPath(tmp_path), monkeypatch)


def test_nor_does_it_in_memory(monkeypatch):
    folder = UPath("memory://catalog-all/datasets")
    folder.mkdir(parents=True, exist_ok=True)
    check_all(folder, monkeypatch)


@pytest.mark.slow
def test_nor_does_it_on_an_object_store(bucket, monkeypatch):
    check_all(UPath(f"{bucket}/synth/datasets"), monkeypatch)


@pytest.mark.slow
def test_what_others_change_on_an_object_store_is_seen(bucket):
    import boto3

    folder = UPath(f"{bucket}/datasets")
    catalog, theirs = Catalog(folder), boto3.client("s3")

    def put(name, text):
        theirs.put_object(Bucket=bucket.removeprefix("s3://"), Key=f"datasets/{name}", Body=text.encode())

    assert (catalog.names(), catalog.load_all()) == ([], ({}, {}))
    put("a.yaml", "source: /x.csv\n")
    assert catalog.load("a").source == "/x.csv"
    assert catalog.names() == ["a"]
    put("a.yaml", "source: /a-much-longer-name.csv\n")
    put("b.yaml", "source: /y.csv\n")
    assert catalog.load("a").source == "/a-much-longer-name.csv"
    assert list(catalog.load_all()[0]) == ["a", "b"]
    theirs.delete_object(Bucket=bucket.removeprefix("s3://"), Key="datasets/a.yaml")
    assert catalog.names() == ["b"]
    with pytest.raises(CatalogError, match="there is no such file"):
        catalog.load("a")
    catalog.save("c", DatasetConfig(source="/z.csv"))
    with pytest.raises(CatalogError, match="there is one of this name already"):
        catalog.write("c", "source: /w.csv\n", replace=False)
    assert catalog.load("c").source == "/z.csv"


def test_a_folder_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(CatalogError, match="expected a folder with a YAML file per dataset, found a file"):
        Catalog(UPath(tmp_path / "file")).load_all()
    assert Catalog(UPath(tmp_path / "none")).load_all() == ({}, {})
    (tmp_path / "dangling.yaml").symlink_to(tmp_path / "nothing")
    _, errors = Catalog(UPath(tmp_path)).load_all()
    assert "found none any more, or a link to nothing" in str(errors["dangling"])


def test_a_file_with_the_other_ending_is_pointed_at(catalog):
    catalog.folder.joinpath("shop.yml").write_text("source: x.csv\n")
    with pytest.raises(CatalogError, match=r"there is no such file .*; rename shop\.yml"):
        catalog.load("shop")


def test_writing_replaces_a_file_as_a_whole_or_not_at_all(catalog, monkeypatch):
    catalog.save("shop", DatasetConfig(source="/x.csv"))
    before = catalog.path("shop").read_text()
    with pytest.raises(CatalogError, match="there is one of this name already"):
        catalog.write("shop", "source: /y.csv\n", replace=False)
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(CatalogError, match="cannot be written: No space left on device"):
        catalog.save("shop", DatasetConfig(source="/y.csv"))
    assert catalog.path("shop").read_text() == before
    assert {path.name for path in catalog.folder.iterdir()} == {"shop.yaml", SCHEMA_FILE}


# --- schema -----------------------------------------------------------------------------------------------------------


def fields_of(schema):
    """All keys with a schema of their own, by where they are."""
    for name, definition in [("", schema), *schema["$defs"].items()]:
        for key, field in definition.get("properties", {}).items():
            yield f"{name}.{key}", field


def test_files_name_the_schema_that_lies_beside_them(catalog):
    catalog.save("shop", DatasetConfig(source="/x.csv"))
    first = catalog.path("shop").read_text().splitlines()[0]
    assert first == f"# yaml-language-server: $schema={SCHEMA_FILE}"
    assert json.loads((catalog.folder / SCHEMA_FILE).read_text()) == dataset_schema()


def test_every_key_has_a_description():
    schema = dataset_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    fields = dict(fields_of(schema))
    assert [name for name, field in fields.items() if not field.get("description", "").endswith(".")] == []
    assert {name for name in fields if name.startswith(".")} == {f".{name}" for name in DatasetConfig.model_fields}
    assert not any("``" in field["description"] or "\n" in field["description"] for field in fields.values())
    assert schema["$defs"]["ModelEncodingType"]["enum"] == list(ModelEncodingType)


GOOD = [
    "source: x.csv",
    "source: x.csv\ntrain:\nanalyze:\nencoding_types:\n",
    "source: x.csv\nencoding_types: {a: TABULAR_CHARACTER}\nleave_out: [b]\nprimary_key: id\n",
    "source: x.csv\ncontext: c\ncontext_key: k\n",
    "source: x.csv\ntrain: {max_epochs: 3, model_state_strategy: REUSE, differential_privacy: {target_epsilon: 2}}\n",
    "source: x.csv\ngenerate: {constraints: [{type: range, column: a, low: 1}, {type: inequality, low: a, high: b}]}\n",
    "source: x.csv\ngenerate: {constraints: [{type: combinations, columns: [a, b], rows: [[x, 1], [null, true]]}]}\n",
    "source: x.csv\ngenerate: {rebalancing: {column: a, probabilities: {x: 0.5}}, sample_size: 10}\n",
    "source: x.csv\ncron: 0 6 * * *\ntimezone: Europe/Vienna\nwatch: false\ndrift: {threshold: 0.1}\n",
]
BAD = [
    "{}",
    "source: 5",
    "source: ''",
    "source: x.csv\nepoch: 3",
    "source: x.csv\nencoding_types: {a: NUMBER}",
    "source: x.csv\ntrain: {max_epochs: -1}",
    "source: x.csv\ntrain: 3",
    "source: x.csv\ntrain: {model_state_strategy: AGAIN}",
    "source: x.csv\nsplit: {tgt_primary_key: id}",
    "source: x.csv\ndrift: {threshold: 0}",
    "source: x.csv\nleave_out: a",
    "source: x.csv\ngenerate: {constraints: [{low: a, high: b}]}",
    "source: x.csv\ngenerate: {constraints: [{type: range, column: a, columns: [b]}]}",
]


def test_schema_and_catalogue_agree(catalog):
    validator = jsonschema.Draft202012Validator(dataset_schema())
    for text, is_good in [*zip(GOOD, itertools.repeat(True)), *zip(BAD, itertools.repeat(False))]:
        assert validator.is_valid(yaml.safe_load(text)) == is_good, text
        try:
            DatasetConfig.validated(yaml.safe_load(text), "test")
        except CatalogError:
            assert not is_good, text
        else:
            assert is_good, text
