"""The installed command as a process of its own: exit codes, pipes, signals."""

import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SYNTH = str(Path(sys.executable).with_name("synth"))


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SYNTH, *words], capture_output=True, text=True, check=False)


def test_error_is_one_line(folder):
    done = run("run", "none.csv")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Error: none.csv: cannot be read: there is no such file or folder\n"


def test_module_is_the_same_command(folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["python -m synth_engine", "run", "none.csv", "--zzz"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("synth_engine", run_name="__main__")
    assert ended.value.code == 2
    assert capsys.readouterr().err == "Error: No such option: --zzz (synth run --help shows what there is)\n"


def test_whole_run(folder):
    done = run("run", "people.csv", "--max-epochs", "1", "-o", "out.csv")
    assert done.returncode == 0
    assert Path("out.csv").read_text().startswith('"key","age","sex"\n')
    assert "also in out.csv" in done.stdout
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == [
        "split",
        "analyze",
        "encode",
        "train",
        "train",
        "generate",
    ]


def test_nobody_reads_the_output(folder):
    process = subprocess.Popen([SYNTH, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, b"")


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_interrupted_training(folder):
    # Whoever runs the tests in the background has them, and all that they start, ignore Ctrl-C.
    heeding = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    )
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            heeding,
            SYNTH,
            "run",
            "people.csv",
            "--max-epochs",
            "1e6",
            "--model",
            "MOSTLY_AI/Large",
            "-w",
            "ws",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while not (line := process.stderr.readline()).startswith("train"):
        assert line, "it ended before its training"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "Interrupted. Stages that were finished are kept."
    assert "Traceback" not in err
    assert Path("ws/OriginalData/encoded-data/_manifest.json").exists()
