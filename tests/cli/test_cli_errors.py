"""Errors are one clear line and an exit code, say it in the words of the command line, and lose nothing."""

import errno
import os
from pathlib import Path

import pytest

from synth_engine import stages
from synth_engine.domain import InputError


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("run none.csv", "none.csv: cannot be read: there is no such file or folder"),
        ("split none.xlsx", "none.xlsx: expected a name that ends in .csv"),
        ("run people.csv -e age", "--encoding: expected COLUMN=TYPE, found 'age'"),
        ("run people.csv -e age=AUTO -e age=AUTO", "--encoding: expected every column once, found 'age' again"),
        ("run people.csv -e age=NONSENSE", "--encoding age: Input should be 'AUTO', "),
        ("run people.csv -e none=AUTO", "--encoding: expected columns of the table, found 'none'"),
        ("run people.csv -e age=LANGUAGE_TEXT", "column 'age': encoding type LANGUAGE_TEXT does not take"),
        ("run people.csv --primary-key none", "--primary-key: expected a column of the table, found 'none'"),
        ("run people.csv --primary-key sex", "--primary-key: column 'sex' must be unique"),
        ("run people.csv --trn-val-split 1.5", "--trn-val-split: Input should be less than 1, found 1.5"),
        ("run people.csv --n-partitions 0", "--n-partitions: Input should be greater than or equal to 1, found 0"),
        ("run people.csv --value-protection-epsilon 0", "--value-protection-epsilon: Input should be greater than 0"),
        ("run people.csv --value-protection-epsilon 1 --delta 2", "--delta: Input should be less than 1, found 2"),
        ("run people.csv --delta 0.1", "--delta: expected --value-protection-epsilon beside it, found none"),
        (
            "run people.csv --value-protection-epsilon 1 --no-value-protection",
            "--value-protection-epsilon: Value error, --value-protection-epsilon needs value protection, which is off",
        ),
        ("run people.csv --model none", "--model: expected one of MOSTLY_AI/Small"),
        ("run people.csv --device tpu", "--device: expected 'cpu' or 'cuda', found 'tpu'"),
        ("run people.csv -n -1", "--sample-size: Input should be greater than or equal to 0, found -1"),
        ("run people.csv --temperature -1", "--temperature: Input should be greater than or equal to 0"),
        ("run people.csv --top-p 0", "--top-p: Input should be greater than 0"),
        ("run people.csv --rare NONE", "--rare: Input should be 'CONSTANT' or 'SAMPLE'"),
        ("generate --rebalance sex", "--rebalance: expected COLUMN=VALUE:SHARE, found 'sex'"),
        ("generate --rebalance sex=f:many", "--rebalance: expected COLUMN=VALUE:SHARE, found 'sex=f:many'"),
        ("generate --rebalance a=1:0.5 --rebalance b=1:0.5", "--rebalance: expected categories of one column, found"),
        ("generate --rebalance sex=f:1.5", "--rebalance probabilities.f: Input should be less than or equal to 1"),
        ("generate --fair sex", "--fair and --sensitive: expected both, found one of them"),
        ("generate --sensitive sex", "--fair and --sensitive: expected both, found one of them"),
        ("generate --seed-data none.csv", "none.csv: cannot be read: there is no such file or folder"),
        ("run people.csv --seed -1", "--seed: Input should be greater than or equal to 0"),
        ("run people.csv -o out.xls", "out.xls: expected the name of a file that ends in .csv"),
        ("run people.csv -o people.csv", "--output: expected another file than the original table, found people.csv"),
        ("run people.csv -o people.csv/out.csv", "people.csv/out.csv: cannot be written: "),
        ("run people.csv -w people.csv", "cannot be written: "),
        ("run people.csv -w nowhere://x", "--workspace: 'nowhere://x' is not a path or URL that can be opened"),
        ("analyze -w empty", "empty/OriginalData/tgt-data: does not exist; run split first"),
        ("encode -w empty", "empty/OriginalData/tgt-data: does not exist; run split first"),
        ("train -w empty", "empty/ModelStore/tgt-stats: does not exist; run analyze first"),
        ("generate -w empty", "empty/ModelStore/tgt-stats: does not exist; run analyze first"),
        ("demo out.xls", "out.xls: expected the name of a file that ends in .csv"),
        ("demo out.csv --orders out.csv", "--orders: expected another file than that of the customers, found out.csv"),
        ("run", "Missing argument 'TABLE' (synth run --help shows what there is)"),
        ("run people.csv --zzz", "No such option: --zzz (synth run --help shows what there is)"),
        ("run people.csv --max-epochs many", "Invalid value for '--max-epochs': "),
        ("none", "No such command 'none'"),
        ("--zzz", "No such option: --zzz (synth --help shows what there is)"),
    ],
)
def test_one_line_and_exit_code_2(synth, words, message):
    before = Path("people.csv").read_bytes()
    result = synth(*words.split())
    assert result.code == 2
    assert message in result.error
    assert result.out == ""
    assert Path("people.csv").read_bytes() == before


def test_what_is_wrong_with_later_stages_is_told_before_the_first_one(synth):
    assert synth("run", "people.csv", "-n", "-1").err.count("\n") == 1
    assert not Path("engine-ws").exists()


@pytest.mark.parametrize("words", ["--debug encode -w empty", "encode --debug -w empty", "encode -w empty --debug"])
def test_debug_shows_where_an_error_comes_from(synth, words):
    result = synth(*words.split())
    assert result.code == 2
    assert "Traceback" in result.err
    assert "in encode" in result.err
    assert result.err.splitlines()[-1].startswith("Error: ")


def test_an_error_of_the_program_itself_quotes_nothing(synth, monkeypatch):
    monkeypatch.setattr(stages, "split", _raising(KeyError("geheim")))
    result = synth("split", "people.csv")
    assert result.code == 1
    assert result.error == "Error: unexpected KeyError, an error in synth itself; --debug shows where it comes from"
    assert "geheim" in synth("split", "people.csv", "--debug").err


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "engine-ws/x"), "engine-ws/x: No space left on device"),
        (MemoryError(), "there is too little memory for this"),
        (InputError("column 'batch_size': is odd"), "column 'batch_size': is odd"),
        (InputError("/tmp/batch_size/model: is odd"), "/tmp/batch_size/model: is odd"),
        (InputError("model: is odd\nin two \x1b[31mlines"), "--model: is odd in two �[31mlines"),
    ],
)
def test_errors_from_below(synth, monkeypatch, error, message):
    monkeypatch.setattr(stages, "split", _raising(error))
    result = synth("split", "people.csv")
    assert result.code == 2
    assert message in result.error


def test_interruption(synth, monkeypatch):
    monkeypatch.setattr(stages, "split", _raising(KeyboardInterrupt()))
    result = synth("split", "people.csv")
    assert (result.code, result.err) == (130, "Interrupted. Stages that were finished are kept.\n")


def test_what_was_kept_is_told(synth, monkeypatch):
    for error, line in (
        (KeyboardInterrupt(), "40 of 95 rows are kept.\nInterrupted. Stages that were finished are kept.\n"),
        (InputError("it is odd"), "Error: it is odd; 40 of 95 rows are kept.\n"),
    ):
        error.add_note("40 of 95 rows are kept.")
        monkeypatch.setattr(stages, "split", _raising(error))
        assert synth("split", "people.csv").err == line


def test_no_way_into_the_object_store(synth, monkeypatch, tmp_path):
    s3fs = pytest.importorskip("s3fs")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    s3fs.S3FileSystem.clear_instance_cache()
    for words in (["run", "s3://none/people.csv"], ["run", "people.csv", "-w", "s3://none/ws"]):
        result = synth(*words)
        assert result.code == 2
        assert "s3://none/" in result.error
        assert "Unable to locate credentials" in result.error
    s3fs.S3FileSystem.clear_instance_cache()


def _raising(error: BaseException):
    def verb(*_args, **_more):
        raise error

    return verb
