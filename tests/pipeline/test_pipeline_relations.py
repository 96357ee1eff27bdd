"""What a dataset's file may say of its context, and what is said about one that cannot be."""

import pytest
from upath import UPath

from synth_engine.domain import ModelEncodingType
from synth_pipeline.catalog import Catalog, CatalogError

PARENT = "source: c.csv\nprimary_key: id\n"
CHILD = "source: o.csv\ncontext: customers\ncontext_key: customer\n"


@pytest.fixture
def catalog(tmp_path):
    return Catalog(UPath(tmp_path))


def write(catalog, **files):
    for name, text in files.items():
        catalog.path(name).write_text(text)


def test_keys_and_types_of_both_become_settings_of_split(catalog):
    write(catalog, customers=PARENT + "encoding_types: {city: TABULAR_CATEGORICAL}\n", orders=CHILD)
    settings = catalog.load("orders").split_settings(catalog.load("customers"))
    assert (settings.tgt_context_key, settings.ctx_primary_key) == ("customer", "id")
    assert settings.ctx_encoding_types == {"city": ModelEncodingType.TABULAR_CATEGORICAL}
    assert settings.tgt_encoding_types is None


def test_sequences_without_a_context(catalog):
    write(catalog, orders="source: o.csv\ncontext_key: customer\ngenerate: {sample_size: 5}\n")
    settings = catalog.load("orders").split_settings()
    assert (settings.tgt_context_key, settings.ctx_primary_key, settings.ctx_encoding_types) == ("customer", None, None)


def test_a_context_may_have_a_context(catalog):
    write(catalog, shops=PARENT, customers=f"{PARENT}context: shops\ncontext_key: shop\n", orders=CHILD)
    assert catalog.load("orders").context == "customers"


@pytest.mark.parametrize(
    ("files", "place", "said"),
    [
        ({"orders": CHILD}, "orders", "context: expected the name of a dataset (there are none), found 'customers'"),
        ({"orders": CHILD, "other": PARENT}, "orders", "(there are other), found 'customers'; correct it, or write"),
        ({"orders": CHILD.replace("customers", "../x")}, "orders", "context: expected the name of a dataset"),
        ({"orders": CHILD.replace("customers", "orders")}, "orders", "orders → orders"),
        (
            {"orders": CHILD, "customers": f"{PARENT}context: orders\ncontext_key: x\n"},
            "customers",
            "context: expected a dataset that does not need this one first, found orders → customers → orders",
        ),
        ({"orders": CHILD, "customers": "source: c.csv\n"}, "orders", "'customers' has none; say primary_key in"),
        ({"orders": CHILD, "customers": "source: [\n"}, "customers", "is not valid YAML"),
        ({"orders": "source: o.csv\ncontext: customers\n"}, "orders", "context: needs context_key beside it"),
        ({"orders": f"{CHILD}generate: {{sample_size: 5}}\n"}, "orders", "generate.sample_size: there are as many"),
        (
            {"orders": "source: o.csv\nsplit: {tgt_context_key: x}\n"},
            "orders",
            "say it as context_key at the top level",
        ),
        (
            {"orders": "source: o.csv\nsplit: {ctx_primary_key: x}\n"},
            "orders",
            "split.ctx_primary_key: say it as primary_key in the file of the context",
        ),
    ],
)
def test_what_cannot_be_is_named_with_file_and_key(catalog, files, place, said):
    write(catalog, **files)
    with pytest.raises(CatalogError) as caught:
        catalog.load("orders")
    assert str(caught.value).startswith(f"{catalog.path(place)}:")
    assert said in str(caught.value)
