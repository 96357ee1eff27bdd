"""Progress: bars that fit into a terminal and stay, a few plain lines in a log file."""

import io
import re
from contextlib import suppress
from types import SimpleNamespace

import pytest
from rich.console import Console

from synth_engine import terminal
from synth_engine.terminal import TerminalProgress


class Screen(io.StringIO):
    """A terminal of unlimited height that knows what rich sends: line feeds, returns, one up, erase a line, colours."""

    def isatty(self) -> bool:
        return True

    def lines(self) -> list[str]:
        rows, row = [""], 0
        for part in re.split(r"(\x1b\[[0-9;?]*[A-Za-z]|\n|\r)", self.getvalue()):
            if part == "\n":
                row += 1
                rows += [""] * (row == len(rows))
            elif part.endswith("A") and part.startswith("\x1b"):
                row -= int(part[2:-1])
            elif part == "\x1b[2K":
                rows[row] = ""
            elif part and not part.startswith(("\x1b", "\r")):
                rows[row] += part
        return [line.rstrip() for line in rows if line]


@pytest.fixture
def clock(monkeypatch):
    """The time that progress goes by, to be moved by hand."""
    now = [1000.0]
    monkeypatch.setattr(terminal, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def wait(seconds: float) -> None:
        now[0] += seconds

    return wait


def small_run(progress: TerminalProgress, wait, *, epochs: int = 40) -> None:
    """What the verbs report of a run whose training ends before its limit."""
    progress(total=1, completed=0, message={"stage": "split", "unit": "partitions"})
    progress(total=1, completed=1, message={"stage": "split", "unit": "partitions"})
    wait(2)
    progress(total=100, completed=0, message={"stage": "train", "unit": "epochs"})
    for epoch in range(1, epochs + 1):
        wait(3)
        facts = {"trn_loss": 60 - epoch, "val_loss": 58 - min(epoch, 30) + (epoch > 30), "samples_per_second": 12345}
        progress(total=100, completed=epoch, message={"stage": "train", "unit": "epochs", "epoch": epoch, **facts})
    progress(total=1_000_000, completed=0, message={"stage": "generate", "unit": "rows"})
    wait(10)
    progress(total=1_000_000, completed=500_000, message={"stage": "generate", "unit": "rows"})


@pytest.mark.parametrize("width", [80, 100, 200])
def test_bars_fit_and_stay(clock, width):
    screen = Screen()
    with TerminalProgress(Console(file=screen, force_terminal=True, width=width)) as progress:
        small_run(progress, clock)
        progress(total=1_000_000, completed=1_000_000, message={"stage": "generate", "unit": "rows"})
    lines = screen.lines()
    assert max(map(len, lines)) <= width
    assert [re.sub("[━╸╺]+", "━", " ".join(line.split())) for line in lines] == [
        "split ━ 1 partition 0:00",
        "train ━ 40 epochs 2:00",
        "loss: training 20.000, validation 29.000 (best 28.000); 12,345 rows/s",
        "generate ━ 1,000,000 rows 0:10",
        "100,000 rows/s",
    ]


def test_bars_of_work_under_way_tell_the_time_left(clock):
    screen = Screen()
    with (
        suppress(KeyboardInterrupt),
        TerminalProgress(Console(file=screen, force_terminal=True, width=100)) as bars,
    ):
        small_run(bars, clock)
        clock(4)
        raise KeyboardInterrupt
    generate = next(line for line in screen.lines() if line.startswith("generate"))
    assert generate.endswith("500,000/1,000,000 rows 0:14     0:06 left")


def test_time_left_of_training_is_a_bound(clock):
    screen = Screen()
    with (
        suppress(KeyboardInterrupt),
        TerminalProgress(Console(file=screen, force_terminal=True, width=80)) as bars,
    ):
        bars(total=100, completed=0, message={"stage": "train", "unit": "epochs"})
        clock(90)
        bars(total=100, completed=2.5, message={"stage": "train", "unit": "epochs", "val_loss": 3.0, "trn_loss": 2.0})
        raise KeyboardInterrupt
    assert screen.lines()[0].endswith("2.5/100 epochs 1:30     at most 58:30 left")


def test_log_of_a_short_run(clock):
    log = io.StringIO()
    with TerminalProgress(Console(file=log)) as progress:
        small_run(progress, clock, epochs=1)
        progress(total=1_000_000, completed=1_000_000, message={"stage": "generate", "unit": "rows"})
        progress(total=1_000_000, completed=1_000_000, message={"stage": "generate", "unit": "rows"})
    assert log.getvalue().splitlines() == [
        "split: 1 partition, 0.0 s",
        "train: 0 of at most 100 epochs, 0.0 s",
        "train: 1 epoch, loss: training 59.000, validation 57.000 (best); 12,345 rows/s, 3.0 s",
        "generate: 500,000 of 1,000,000 rows, 50,000 rows/s, 10.0 s, 0:10 left",
        "generate: 1,000,000 rows, 100,000 rows/s, 10.0 s",
    ]


def continued(progress: TerminalProgress, wait) -> None:
    """What is reported of rows of which most were there already."""
    progress(total=1_000_000, completed=0, message={"stage": "generate", "unit": "rows"})
    message = {"stage": "generate", "unit": "rows", "continued_from": 800_000}
    progress(total=1_000_000, completed=800_000, message=message)
    for completed in (900_000, 1_000_000):
        wait(10)
        progress(total=1_000_000, completed=completed, message={"stage": "generate", "unit": "rows"})


def test_log_of_work_that_is_gone_on_with(clock):
    """Pace and time left are those of this run."""
    log = io.StringIO()
    with TerminalProgress(Console(file=log)) as progress:
        continued(progress, clock)
    assert log.getvalue().splitlines() == [
        "generate: 800,000 of 1,000,000 rows, continues from 800,000, 0.0 s",
        "generate: 900,000 of 1,000,000 rows, continues from 800,000; 10,000 rows/s, 10.0 s, 0:10 left",
        "generate: 1,000,000 rows, continues from 800,000; 10,000 rows/s, 20.0 s",
    ]


def test_bars_of_work_that_is_gone_on_with(clock):
    screen = Screen()
    with TerminalProgress(Console(file=screen, force_terminal=True, width=80)) as progress:
        continued(progress, clock)
    assert screen.lines()[1].strip() == "continues from 800,000; 10,000 rows/s"


def test_log_of_a_long_run_has_few_lines_and_its_last_epoch(clock):
    log = io.StringIO()
    with TerminalProgress(Console(file=log)) as progress:
        progress(total=100_000, completed=0, message={"stage": "train", "unit": "epochs"})
        for epoch in range(1, 14_400):
            clock(1)
            progress(
                total=100_000, completed=epoch, message={"stage": "train", "unit": "epochs", "trn_loss": 1 / epoch}
            )
    lines = log.getvalue().splitlines()
    assert len(lines) < 150
    assert lines[1] == "train: 5 of at most 100,000 epochs, loss: training 0.200, 5.0 s, at most 27:46:35 left"
    assert lines[-1] == "train: 14,399 epochs, loss: training 0.000, 14399.0 s"
    assert "\x1b" not in log.getvalue()


@pytest.mark.parametrize("setting", [{"FORCE_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_bars_where_they_would_make_a_mess(clock, monkeypatch, setting):
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    file = Screen() if "TERM" in setting else io.StringIO()
    with TerminalProgress(Console(file=file)) as progress:
        small_run(progress, clock)
    assert "\x1b" not in file.getvalue()


def test_callers_of_other_kinds(clock):
    log = io.StringIO()
    with TerminalProgress(Console(file=log)) as progress:
        assert progress() is None
        assert progress(total=None, completed=None, advance=1, message={"stage": "x"}, later="more") is None
    assert log.getvalue()


def test_bars_are_uncoloured_on_request(clock, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    screen = Screen()
    with TerminalProgress(Console(file=screen, force_terminal=True, width=100)) as progress:
        small_run(progress, clock)
    assert not re.search(r"\x1b\[[0-9;]*3[0-9][;m]", screen.getvalue())
