"""``synth dataset``: what it writes for a table, what it finds wrong, what it lists, and what it does without."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from upath import UPath

from synth_engine.cli import main
from synth_engine.demo import make_shop
from synth_engine.domain import ModelEncodingType
from synth_pipeline.catalog import Catalog, DatasetConfig, dataset_schema
from synth_pipeline.cli.drafts import scalar
from tests.workspace import object_store as store

object_store, bucket = store.object_store, store.bucket
TYPE = ModelEncodingType
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def entry_point(tmp_path_factory):
    """A folder with the entry point of the command, as the installed package has it."""
    folder = tmp_path_factory.mktemp("packages")
    info = folder / "synth_commands-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: synth-commands\nVersion: 0\n")
    (info / "entry_points.txt").write_text("[synth.commands]\ndataset = synth_pipeline.cli:app [pipeline]\n")
    return folder


@pytest.fixture
def synth(entry_point, tmp_path, capfd, monkeypatch):
    """Runs the command in an empty folder, in which the storage is, too."""
    monkeypatch.syspath_prepend(str(entry_point))
    monkeypatch.chdir(tmp_path)
    for name in ("FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS", "SYNTH_DATASETS", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SYNTH_STORAGE", str(tmp_path / "storage"))
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words):
        capfd.readouterr()
        code = main(["dataset", *map(str, words)])
        return Result(code, *capfd.readouterr())

    return run


@pytest.fixture
def catalog(tmp_path):
    return Catalog(UPath(tmp_path / "storage" / "datasets"))


@pytest.fixture(scope="session")
def shop():
    return make_shop(600, seed=0)


def added(synth, *words):
    result = synth("add", *words)
    assert (result.code, result.err) == (0, ""), result
    return result.out


# --- add --------------------------------------------------------------------------------------------------------------


def test_what_is_written_is_what_is_loaded(synth, catalog, tmp_path, shop):
    shop.customers.to_csv("Customers (new).csv", index=False)
    out = added(synth, "Customers (new).csv")
    assert f"Wrote {catalog.path('customers_new')}" in out
    assert "Primary key: 'customer_id', for it is unique" in out
    dataset = catalog.load("customers_new")
    types = dataset.encoding_types
    assert dataset == DatasetConfig(
        source=str(tmp_path / "Customers (new).csv"), primary_key="customer_id", encoding_types=types
    )
    assert list(types) == [name for name in shop.customers.columns if name != "customer_id"]
    assert TYPE.AUTO not in types.values()
    assert synth("check").code == 0


def test_events_get_their_context_and_dates_in_order(synth, catalog, shop):
    shop.customers.to_parquet("customers.parquet")
    orders = shop.orders.sort_values(["customer_id", "ordered_at"]) if "ordered_at" in shop.orders else shop.orders
    orders.to_parquet("orders.parquet")
    added(synth, "customers.parquet")
    added(synth, "orders.parquet", "--context", "customers", "--context-key", "customer_id")
    dataset = catalog.load("orders")
    assert (dataset.primary_key, dataset.context, dataset.context_key) == ("order_id", "customers", "customer_id")
    assert "#sample_size" not in catalog.path("orders").read_text()
    assert TYPE.TABULAR_DATETIME_RELATIVE in dataset.encoding_types.values()


def test_no_value_of_the_table_is_in_the_file(synth, catalog):
    rng = np.random.default_rng(0)
    n = 500
    frame = pd.DataFrame(
        {
            "record_id": [f"RID{row:05d}" for row in range(n)],
            "colour": rng.choice(["zyxmauve", "zyxteal", "zyxrare"], n, p=[0.6, 0.395, 0.005]),
            "level": rng.choice([771001, 771002, 771003], n),
            "salary": rng.integers(88_000_000, 89_000_000, n),
            "share": rng.random(n) + 9_000,
            "born": [date(1971, 3, 1 + day % 28) for day in range(n)],
            "nick": [f"qqz{row:x}" for row in range(n)],
            "note": [f"zyxnote wrote word{row} about thing{row * 7} and more of it" * 3 for row in range(n)],
            "is_zyx": rng.random(n) < 0.5,
            "gone": [None] * n,
        }
    )
    frame.to_csv("people.csv", index=False)
    added(synth, "people.csv")
    text = catalog.path("people").read_text().replace("is_zyx", "").lower()
    for secret in ("rid0", "zyx", "77100", "88", "9000.", "1971", "qqz", "word", "true", "500"):
        assert secret not in text.replace("#value_protection: true", "").replace(
            "flexible_generation: true", ""
        ).replace("#watch: true", ""), secret


def test_comments_tell_what_columns_are(synth, catalog):
    n = 400
    frame = pd.DataFrame(
        {
            "id": range(n),
            "size": [f"{row % 12} units" for row in range(n)],
            "rooms": [row % 4 for row in range(n)],
            "price": [row * 1.37 + 0.01 for row in range(n)],
            "place": [f"{48 + row / 1000:.5f}, {16 + row / 700:.5f}" for row in range(n)],
            "seen": pd.date_range("2020-01-01", periods=n, freq="7h"),
            "text": [
                f"some words {row} that somebody {row * 3} has written, {row * 11} of them at least" for row in range(n)
            ],
            "half": [row % 3 if row % 2 else None for row in range(n)],
        }
    )
    frame.to_parquet("flats.parquet")
    added(synth, "flats.parquet")
    text = catalog.path("flats").read_text()
    for line in (
        "size: TABULAR_CATEGORICAL +# 12 categories",
        "rooms: TABULAR_NUMERIC_DISCRETE +# 4 different numbers",
        "price: TABULAR_NUMERIC_BINNED +# decimals",
        "place: TABULAR_LAT_LONG +# places: latitude and longitude",
        "seen: TABULAR_DATETIME +# dates with a time of day",
        "text: TABULAR_[A-Z]+ +# free text: needs a language model, see below",
        "half: TABULAR_NUMERIC_DISCRETE +# 3 different numbers, some are missing",
    ):
        assert re.search(f"(?m)^  {line}$", text), line
    assert "#leave_out: [text]" in text
    assert "#   encoding_types: {text: LANGUAGE_TEXT}" in text


def test_every_setting_that_is_commented_out_can_be_used(synth, catalog, shop):
    shop.customers.to_csv("customers.csv", index=False)
    added(synth, "customers.csv")
    text = catalog.path("customers").read_text()
    used, n = re.subn(r"(?m)^( *)#(?!context)(\w+: )", r"\1\2", text)
    assert n >= 12
    dataset = catalog.check("customers", used)
    assert (dataset.cron, dataset.drift.threshold) == ("0 6 * * 1-5", 0.2)
    assert dataset.train.differential_privacy.target_epsilon == 5


@pytest.mark.parametrize(
    ("columns", "key"),
    [
        ({"id": [1, 2, 3]}, "id"),
        ({"custId": ["a", "b", "c"]}, "custId"),
        ({"n": [1, 2, 3], "user_id": [4, 5, 6]}, "user_id"),
        ({"user_id": [4, 5, 6], "ID": ["x", "y", "z"]}, "ID"),
        ({"u": [f"{row:08x}-0000-4000-8000-000000000000" for row in range(3)]}, "u"),
        ({"id": [1, 2, 2]}, None),
        ({"id": [1, None, 3]}, None),
        ({"id": [1.5, 2.5, 3.5]}, None),
        ({"paid": [1, 2, 3]}, None),
        ({"email": ["a@x", "b@x", "c@x"]}, None),
        ({"row": [1, 2, 3]}, None),
        ({"id": [1]}, None),
        ({"id": []}, None),
    ],
)
def test_a_key_is_found_only_where_it_is_plain(synth, catalog, columns, key):
    pd.DataFrame({**columns, "other": ["k"] * len(next(iter(columns.values())))}).to_parquet("t.parquet")
    out = added(synth, "t.parquet")
    assert catalog.load("t").primary_key == key
    assert ("Primary key: none" in out) == (key is None)


def test_nothing_is_replaced_unless_it_is_asked_for(synth, catalog, shop):
    shop.customers.to_csv("t.csv", index=False)
    added(synth, "t.csv")
    before = catalog.path("t").read_text()
    result = synth("add", "t.csv", "--primary-key", "customer_id")
    assert (result.code, catalog.path("t").read_text()) == (2, before)
    assert "there is one of this name already" in result.err
    added(synth, "t.csv", "--force", "--primary-key", "customer_id")
    assert catalog.path("t").read_text() != before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none.csv"], "none.csv: cannot be read: there is no such file"),
        (["t.csv", "--name", "inbox"], "dataset 'inbox': expected a name of a-z"),
        (["t.csv", "--name", "../t"], "expected a name of a-z"),
        (["t.csv", "--primary-key", "b"], "column 'b' must be unique"),
        (["t.csv", "--primary-key", "c"], "expected a column of the table, found 'c'"),
        (["t.csv", "--context", "t"], "--context: needs --context-key beside it"),
        (["t.csv", "--context", "x", "--context-key", "b"], "context: expected the name of a dataset"),
        (["t.csv", "--context-key", "c"], "expected a column of the table, found 'c'"),
        (["t.csv", "--storage", ""], "--storage: expected a folder or a URL"),
        (["t.csv", "--storage", "nowhere://x"], "--storage: 'nowhere://x' is not a folder or URL"),
    ],
)
def test_what_cannot_be_leaves_nothing_behind(synth, tmp_path, words, said):
    Path("t.csv").write_text("a,b\n1,x\n2,x\n")
    result = synth("add", *words)
    assert result.code == 2
    assert said in result.err
    assert result.err.count("\n") == 1
    assert not list(tmp_path.rglob("*.yaml"))


def test_a_copy_lies_beside_the_catalogue_and_is_named_from_there(synth, catalog, tmp_path):
    Path("t.csv").write_text("a,b\n1,x\n2,x\n")
    added(synth, "t.csv", "--copy", "--name", "mine")
    assert (tmp_path / "storage" / "sources" / "mine.csv").read_text() == Path("t.csv").read_text()
    assert "source: ../sources/mine.csv\n" in catalog.path("mine").read_text()
    assert Path(catalog.load("mine").source).samefile(tmp_path / "storage" / "sources" / "mine.csv")
    assert not list((tmp_path / "storage").rglob(".*"))
    Path("t.csv").write_text("a,b\n3,x\n")
    catalog.path("mine").unlink()
    assert "there is" in synth("add", "t.csv", "--copy", "--name", "mine").err
    assert "1,x" in (tmp_path / "storage" / "sources" / "mine.csv").read_text()


def test_names_of_columns_may_be_anything(synth, catalog):
    names = [
        "yes",
        "1",
        "a: b",
        "# c",
        " d ",
        "*e",
        "f\ng",
        "'h'",
        '"i"',
        "ü 😀",
        "\x7f",
        "null",
        "k" * 1500,
        "{l",
        "- m",
    ]
    pd.DataFrame({name: ["x", "y"] for name in names}).to_parquet("t.parquet")
    added(synth, "t.parquet")
    assert list(catalog.load("t").encoding_types) == names


@settings(max_examples=60)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_any_text_can_be_a_key_on_one_line(text):
    line = f"{scalar(text)}: 1"
    assert len(line.splitlines()) == 1
    assert yaml.safe_load(line) == {text: 1}


@pytest.mark.slow
def test_on_an_object_store_the_table_is_copied(synth, bucket, shop):
    shop.customers.to_csv("customers.csv.gz", index=False)
    out = added(synth, "customers.csv.gz", "--storage", f"{bucket}/synth")
    assert f"Copied the table to {bucket}/synth/sources/customers.csv.gz" in out
    catalog = Catalog(UPath(f"{bucket}/synth/datasets"))
    assert catalog.load("customers").source == f"{bucket}/synth/sources/customers.csv.gz"
    assert pd.read_csv(catalog.load("customers").source).equals(pd.read_csv("customers.csv.gz"))
    assert "no errors" in synth("check", "--storage", f"{bucket}/synth").out
    assert synth("add", "customers.csv.gz", "--storage", f"{bucket}/synth").code == 2


@pytest.mark.slow
def test_real_tables(synth, catalog, shared_data):
    tables = sorted(path for path in shared_data.iterdir() if path.suffix != ".md" and "batting" not in path.name)
    for path in tables:
        added(synth, path)
    added(synth, shared_data / "batting.csv.gz", "--context", "players", "--context-key", "players_id")
    datasets, errors = catalog.load_all()
    assert (len(datasets), errors) == (len(tables) + 1, {})
    assert {name for name, each in datasets.items() if each.primary_key} == {"players"}
    assert all(max(map(len, catalog.path(name).read_text().splitlines())) <= 140 for name in datasets)


# --- check, list, schema ----------------------------------------------------------------------------------------------


def test_check_tells_every_error_of_every_file(synth, catalog):
    catalog.folder.mkdir(parents=True)
    catalog.path("good").write_text("source: x.csv\n")
    catalog.path("bad").write_text("source: x.csv\nepoch: 1\nwatch: 7\n")
    catalog.path("worse").write_text("source: [\n")
    result = synth("check")
    assert (result.code, result.err) == (2, "")
    *lines, last = result.out.splitlines()
    assert [line.replace(f"{catalog.folder}/", "")[:12] for line in lines] == [
        "bad.yaml:2: ",
        "bad.yaml:3: ",
        "worse.yaml:2",
    ]
    assert last == "3 errors in 2 of 3 files"
    assert (synth("check", "good").code, synth("check", "worse").code, synth("check", "none").code) == (0, 2, 2)


def test_list_shows_all(synth, catalog):
    assert synth("list").out.startswith("No datasets in ")
    catalog.folder.mkdir(parents=True)
    catalog.path("customers").write_text("source: /c.csv\nprimary_key: id\ncron: 0 6 * * *\n")
    catalog.path("orders").write_text("source: /o.csv\ncontext: customers\ncontext_key: who\nwatch: false\n")
    catalog.path("bad").write_text("sauce: x\n")
    lines = [re.split(" {2,}", line.rstrip()) for line in synth("list").out.splitlines()]
    assert lines[1:] == [
        ["bad", "2 errors: synth dataset check"],
        ["customers", "/c.csv", "id", "0 6 * * * (UTC), on change"],
        ["orders", "/o.csv", "customers by who", "by hand"],
    ]


def test_the_schema_is_printed_or_written(synth, tmp_path):
    assert json.loads(synth("schema").out) == dataset_schema()
    assert synth("schema", "-o", "a/s.json").out == "Wrote a/s.json\n"
    assert json.loads(Path("a/s.json").read_text()) == dataset_schema()
    assert synth("schema", "-o", "a").code == 2


# --- the command itself -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("command", ["", "add", "check", "list", "schema"])
def test_help_can_be_read(synth, monkeypatch, command, width):
    monkeypatch.setenv("COLUMNS", str(width))
    result = synth(*command.split(), "--help")
    assert (result.code, result.err) == (0, "")
    assert "…" not in result.out
    assert max(map(len, result.out.splitlines())) <= width
    assert "<bool>" not in result.out
    if not command:
        assert synth().out.rstrip() == result.out.rstrip()


def run_python(code, *paths):
    folders = ":".join(map(str, [ROOT, *paths]))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": folders, "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_dagster_and_torch_are_not_needed(entry_point, tmp_path):
    (tmp_path / "t.csv").write_text("id,b\n1,x\n2,x\n")
    code, out, err = run_python(
        "import sys\n"
        "sys.modules.update(dagster=None, torch=None)\n"
        "from synth_engine.cli import main\n"
        f"words = ['--storage', {str(tmp_path / 'storage')!r}]\n"
        f"codes = [main(['dataset', 'add', {str(tmp_path / 't.csv')!r}, *words]), main(['dataset', 'check', *words])]\n"
        "print(codes)",
        entry_point,
    )
    assert (code, out.splitlines()[-1:], err) == (0, ["[0, 0]"], "")


def test_without_what_it_needs_it_says_how_to_get_that(entry_point):
    code, out, err = run_python(
        "import importlib.util, sys\n"
        "sys.modules['yaml'] = None\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *more: None if name == 'yaml' else find(name, *more)\n"
        "from synth_engine.cli import main\n"
        "print([main(['--help']), main(['dataset', 'list'])])",
        entry_point,
    )
    assert (code, out.splitlines()[-1]) == (0, "[0, 2]")
    assert "dataset" not in out.replace("dataset-", "")
    assert err == (
        "Error: dataset: needs the package yaml, which is not installed; install it, for example by pip install "
        "'synth-engine[pipeline]'\n"
    )
