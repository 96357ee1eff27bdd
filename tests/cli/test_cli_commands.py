"""The command line as a user meets it: results, one line per error, exit codes."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from synth_engine.cli import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    table = pd.DataFrame({"key": [f"k{i}" for i in range(60)], "age": [20 + i % 30 for i in range(60)]})
    table.assign(sex=["f", "m"] * 30).to_csv("people.csv", index=False)
    return tmp_path


def test_run_makes_the_same_rows_as_csv_and_as_parquet(folder: Path, capsys):
    assert main(["run", "people.csv", "--primary-key", "key", "--max-epochs", "1", "--seed", "1", "-o", "out.csv"]) == 0
    assert main(["generate", "--seed", "1", "-o", "out.parquet"]) == 0
    as_csv, as_parquet = pd.read_csv("out.csv"), pd.read_parquet("out.parquet")
    assert list(as_csv.columns) == ["key", "age", "sex"]
    assert as_csv["key"].is_unique
    pd.testing.assert_frame_equal(as_csv, as_parquet, check_dtype=False)
    assert "SyntheticData" in capsys.readouterr().out


def test_each_stage_alone(folder: Path):
    assert main(["split", "people.csv", "-w", "ws", "-e", "age=TABULAR_NUMERIC_DIGIT"]) == 0
    for stage in (["analyze"], ["encode"], ["train", "--max-epochs", "1"], ["generate", "-n", "7", "-o", "o.csv"]):
        assert main([*stage, "-w", "ws"]) == 0
    assert len(pd.read_csv("o.csv")) == 7


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "nowhere.csv"], "nowhere.csv"),
        (["run", "people.csv", "-w", "ws", "--trn-val-split", "1.5"], "1.5"),
        (["run", "people.csv", "-w", "ws", "--primary-key", "sex"], "sex"),
        (["run", "people.csv", "-w", "ws", "-e", "age=NONSENSE"], "NONSENSE"),
        (["encode", "-w", "empty"], "run split first"),
        (["run", "people.csv", "--nonsense"], "--nonsense"),
        (["run", "people.csv", "-w", "people.csv/ws"], "people.csv"),
        (["run", "people.csv", "-o", "out.xls"], "out.xls"),
    ],
)
def test_an_error_is_one_line_and_exit_code_2(folder: Path, capsys, arguments: list[str], told: str):
    assert main(arguments) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Error")]
    assert len(lines) == 1
    assert told in lines[0]


def test_debug_shows_where_an_error_comes_from(folder: Path, capsys):
    assert main(["encode", "-w", "empty", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_the_installed_command(folder: Path):
    command = Path(sys.executable).with_name("synth")
    done = subprocess.run([command, "run", "nowhere.csv"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    helped = subprocess.run([command, "--help"], capture_output=True, text=True, check=True)
    assert all(verb in helped.stdout for verb in ("run", "split", "analyze", "encode", "train", "generate"))


def test_a_model_that_was_handed_over_generates(folder: Path):
    assert main(["run", "people.csv", "-w", "ws", "--max-epochs", "1"]) == 0
    (folder / "elsewhere").mkdir()
    (folder / "ws" / "ModelStore").rename(folder / "elsewhere" / "ModelStore")
    assert main(["generate", "-w", "elsewhere", "-n", "3", "-o", "three.csv"]) == 0
    assert len(pd.read_csv("three.csv")) == 3
