"""The examples run, and what they make is what they say."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
pytestmark = pytest.mark.slow


def run(name: str, *arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
    return subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False, timeout=280
    )


def synthetic(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "SyntheticData")


def real(data: Path, file: str) -> pd.DataFrame:
    return pd.read_csv(data / file)


@pytest.fixture
def made(shared_data, tmp_path):
    """Run an example; the folder that it made."""

    def make(name: str) -> Path:
        done = run(name, "--quick", "--data", str(shared_data), "--workspace", "made", directory=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        page = tmp_path / done.stdout.strip().rsplit(": ", 1)[1]
        assert page.read_text(encoding="utf-8").startswith("<!doctype html>"), "the last line says where the report is"
        assert [path.name for path in tmp_path.iterdir()] == ["made"], "nothing is written elsewhere"
        return tmp_path / "made"

    return make


def test_census(made, shared_data):
    people, original = synthetic(made("flat_census")), real(shared_data, "census.csv.gz")
    assert len(people) == 4_000
    assert people.dtypes.to_dict() == original.dtypes.to_dict()
    assert people["age"].mean() == pytest.approx(original["age"].mean(), rel=0.05)
    assert (people["income"] == ">50K").mean() == pytest.approx((original["income"] == ">50K").mean(), abs=0.05)


def test_baseball(made, shared_data):
    folder = made("baseball_sequences")
    players, seasons = synthetic(folder / "players"), synthetic(folder / "seasons")
    assert len(players) == 800
    assert list(seasons.columns) == list(real(shared_data, "batting.csv.gz").columns)
    assert set(seasons["players_id"]) <= set(players["id"])
    assert not set(players["id"]) & set(real(shared_data, "players.csv.gz")["id"]), "keys are new"
    assert 3 < len(seasons) / seasons["players_id"].nunique() < 9
    assert (seasons["H"] <= seasons["AB"]).mean() > 0.9


def test_airbnb(made, shared_data):
    listings, original = synthetic(made("airbnb_text")), real(shared_data, "airbnb_london.csv.gz")
    assert len(listings) == 500
    assert list(listings.columns) == ["title", "neighbourhood", "room_type", "property_type", "price"]
    assert set(listings["neighbourhood"]) <= set(original["neighbourhood"])
    known = listings["title"].isin(original["title"])
    assert known.mean() <= original["title"].duplicated(keep=False).mean(), "titles are not copied"
    assert listings.loc[known, "title"].value_counts().max() <= 5 or not known.any()


@pytest.mark.parametrize("name", ["flat_census", "baseball_sequences", "airbnb_text"])
def test_a_missing_table_is_named(name, tmp_path):
    done = run(name, "--data", "nowhere", directory=tmp_path)
    assert done.returncode == 1
    assert ".csv.gz is missing: name the folder" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
