"""Fixtures of the command line's tests: a folder with a table in it, and the command run in this process."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from synth_engine.cli import main


@dataclass(frozen=True)
class Result:
    """What a user sees of a command."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line of an error; fails if there is none, or more than that."""
        lines = [line for line in self.err.splitlines() if not line.startswith(STAGES)]
        assert len(lines) == 1, self.err
        assert lines[0].startswith("Error: ")
        return lines[0]


STAGES = ("split:", "analyze:", "encode:", "train:", "generate:")
Synth = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the table people.csv."""
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"k{row},{20 + row % 30},{'fm'[row % 2]}\n" for row in range(60))
    Path("people.csv").write_text(f"key,age,sex\n{rows}")
    return tmp_path


@pytest.fixture
def synth(folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Synth:
    """Runs the command in this process, in a folder with the table people.csv."""
    for name in ("COLUMNS", "FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: object) -> Result:
        capfd.readouterr()
        code = main([str(word) for word in words])
        return Result(code, *capfd.readouterr())

    return run
