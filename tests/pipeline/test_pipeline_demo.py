"""``python -m synth_pipeline.demo``: a table in, figures and places out."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from synth_pipeline import demo
from synth_pipeline.catalog import dataset_name

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "dagster.yaml").write_text((ROOT / "dagster_home" / "dagster.yaml").read_text())
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    monkeypatch.delenv("SYNTH_STORAGE", raising=False)
    monkeypatch.delenv("SYNTH_DATASETS", raising=False)
    return folder


def settings(home, name):
    return home / "storage" / "synth" / "datasets" / f"{name}.yaml"


def write_settings(home, name, **content):
    settings(home, name).parent.mkdir(parents=True, exist_ok=True)
    settings(home, name).write_text(yaml.safe_dump(content))


def test_the_demo_shop(home, capsys):
    for name in ("customers", "orders"):
        write_settings(home, name, source="x", train={"max_epochs": 1, "model": "MOSTLY_AI/Small"})
    assert demo.main(["--rows", "200"]) == 0
    said = capsys.readouterr().out
    for part in (
        "160 training and 40 validation rows",
        "200 synthetic rows",
        "rows of 200 subjects",
        "all refer to synthetic customers",
        "One of the synthetic customers, and the orders",
        "ordered_at",
        "accuracy, pairs of columns",
        "make ui",
    ):
        assert part in said
    summary = said[said.index("One of the synthetic") : said.index("Where to look")]
    assert max(map(len, summary.splitlines())) <= 80
    assert yaml.safe_load(settings(home, "customers").read_text())["train"]["max_epochs"] == 1
    orders = yaml.safe_load(settings(home, "orders").read_text())
    assert (orders["train"]["max_epochs"], orders["context"]) == (1, "customers")
    assert demo.main(["--rows", "200"]) == 0
    said = capsys.readouterr().out
    assert said.count("unchanged") == 10


def test_a_shop_without_customers(home, capsys):
    assert demo.main(["--rows", "0"]) == 0
    said = capsys.readouterr().out
    assert said.count(" 0 synthetic rows") == 2
    assert "Where to look" in said


def test_a_table_of_ones_own(home, tmp_path, capsys):
    path = tmp_path / "My Table.csv.gz"
    pd.DataFrame({"a": range(50), "b": list("xy") * 25}).to_csv(path, index=False)
    write_settings(home, "my_table", source="x", train={"max_epochs": 1})
    assert demo.main(["--data", str(path), "--rows", "30"]) == 0
    assert "30 synthetic rows" in capsys.readouterr().out
    assert yaml.safe_load(settings(home, "my_table").read_text())["source"] == str(path)


def test_an_error_of_the_engine_is_one_line(home, tmp_path, capsys):
    path = tmp_path / "t.csv"
    path.write_text("a,a\n1,2\n")
    assert demo.main(["--data", str(path)]) == 2
    said = capsys.readouterr().out
    assert "error: t: " in said
    assert "'a' occurs more than once" in said
    assert "Traceback" not in said


def test_a_missing_table_makes_no_dataset(home, capsys):
    assert demo.main(["--data", "nowhere.csv"]) == 2
    assert "there is none" in capsys.readouterr().out
    assert not settings(home, "nowhere").exists()


def test_a_negative_number_of_rows_is_refused(home, capsys):
    assert demo.main(["--rows", "-1"]) == 2
    assert "zero or more" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("/data/census.csv.gz", "census"),
        ("s3://bucket/Folder/Bank 2024.parquet", "bank_2024"),
        ("/data/folder/", "folder"),
        (".csv", "table"),
    ],
)
def test_names_of_datasets(source, name):
    assert dataset_name(source) == name
