"""Progress for people: bars in a terminal, plain lines in a log file.

Belongs here: what progress looks like. Does not belong here: what is reported, which is the verbs' business.
"""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

# Between two lines of a log, in seconds and as a share of the time that the stage takes already.
LOG_INTERVAL = 5.0
LOG_SHARE = 0.05


class TerminalProgress:
    """A progress callback for the five verbs, to be used as a context manager.

    A stage ends when it has done all it announced, when another one begins, or when the block ends without an error.

    Args:
        console: Where to write; None is standard error, so that standard output stays free for results.
    """

    def __init__(self, console: Console | None = None) -> None:
        console = console or Console(file=sys.stderr)
        # Not `is_terminal` alone: colours can be forced upon a file, but bars would make a mess of it.
        is_screen = console.is_terminal and not console.is_dumb_terminal and console.file.isatty()
        self._view: _View = _Bars(console) if is_screen else _Lines(console)
        self._stages: dict[str, _Stage] = {}

    def __enter__(self) -> Self:
        self._view.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._end_all()
        self._view.close()

    def __call__(
        self,
        total: float | None = None,
        completed: float | None = None,
        advance: float | None = None,
        message: dict[str, Any] | None = None,
        **_: Any,
    ) -> Mapping[str, Any] | None:
        """Show how far a stage is."""
        facts = message or {}
        name = str(facts.get("stage", "work"))
        if name not in self._stages:
            self._end_all()
            self._stages[name] = _Stage(name, str(facts.get("unit", "")), started=time.monotonic())
        stage = self._stages[name]
        before = (stage.is_ended, stage.completed)
        stage.report(total, completed, facts)
        if not stage.is_ended:
            self._view.show(stage)
        elif before != (True, stage.completed):
            self._view.end(stage)
        return None

    def _end_all(self) -> None:
        for stage in self._stages.values():
            if not stage.is_ended:
                stage.is_ended = True
                self._view.end(stage)


@dataclass
class _Stage:
    """What is known of a stage."""

    name: str
    unit: str
    started: float
    reported: float = 0.0
    total: float = 0.0
    completed: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)
    best_loss: float | None = None
    is_ended: bool = False

    def report(self, total: float | None, completed: float | None, facts: dict[str, Any]) -> None:
        self.total = self.total if total is None else total
        self.completed = self.completed if completed is None else completed
        self.facts |= facts
        self.reported = time.monotonic()
        loss = facts.get("val_loss")
        if loss is not None:
            self.best_loss = loss if self.best_loss is None else min(loss, self.best_loss)
        self.is_ended = self.completed >= self.total

    def elapsed(self) -> float:
        return (self.reported if self.is_ended else time.monotonic()) - self.started

    def time_left(self) -> str:
        """Time left at the pace so far; an upper bound for training, which mostly ends before its limit."""
        if self.is_ended or self._done_now() <= 0:
            return ""
        pace = (self.reported - self.started) / self._done_now()
        seconds = max(0.0, self.reported + pace * (self.total - self.completed) - time.monotonic())
        return f"{self.limit}{_clock(seconds)} left"

    @property
    def continued_from(self) -> float:
        """How much was there when this run began, done by one that was interrupted."""
        return float(self.facts.get("continued_from", 0))

    @property
    def limit(self) -> str:
        return "at most " if self.unit == "epochs" else ""

    def count(self, of: str) -> str:
        """How much is done; `of` stands between that and the whole."""
        whole = "" if self.is_ended else f"{of}{_number(self.total)}"
        is_one = self.is_ended and self.completed == 1
        return f"{_number(self.completed)}{whole} {self.unit.removesuffix('s') if is_one else self.unit}".rstrip()

    def details(self) -> str:
        losses = []
        if self.facts.get("trn_loss") is not None:
            losses.append(f"training {self.facts['trn_loss']:.3f}")
        loss = self.facts.get("val_loss")
        if loss is not None and self.best_loss is not None:
            now, best = f"{loss:.3f}", f"{self.best_loss:.3f}"
            losses.append(f"validation {now} ({'best' if now == best else f'best {best}'})")
        parts = [f"loss: {', '.join(losses)}"] if losses else []
        if self.continued_from:
            parts.append(f"continues from {_number(self.continued_from)}")
        speed = self._rows_per_second()
        if speed:
            parts.append(f"{speed:,.0f} rows/s")
        return "; ".join(parts)

    def _rows_per_second(self) -> float | None:
        told = self.facts.get("samples_per_second")
        if told is not None or self.unit != "rows" or self.reported <= self.started:
            return told
        return self._done_now() / (self.reported - self.started)

    def _done_now(self) -> float:
        """What was done by this run; the rest was there already."""
        return self.completed - self.continued_from


class _View(Protocol):
    def open(self) -> None: ...

    def close(self) -> None: ...

    def show(self, stage: _Stage) -> None: ...

    def end(self, stage: _Stage) -> None: ...


class _Bars:
    """A bar per stage, and below it what it has to tell; the bars of stages that ended stay."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._stages: dict[str, _Stage] = {}
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=8)

    def open(self) -> None:
        self._live.start()

    def close(self) -> None:
        self._live.stop()

    def show(self, stage: _Stage) -> None:
        self._stages[stage.name] = stage

    end = show

    def _render(self) -> RenderableType:
        lines: list[RenderableType] = []
        counts = {name: stage.count("/") for name, stage in self._stages.items()}
        count_width = max(map(len, counts.values()), default=0)
        bar_width = min(30, max(4, self._console.width - count_width - 42))
        for name, stage in list(self._stages.items()):
            share = stage.completed / stage.total if stage.total and not stage.is_ended else float(stage.is_ended)
            grid = Table.grid(padding=(0, 1))
            for width in (9, bar_width, count_width, 8):
                grid.add_column(width=width, no_wrap=True)
            grid.add_column(no_wrap=True)
            grid.add_row(
                Text(name, style="bold"),
                ProgressBar(total=1, completed=share, width=bar_width),
                counts[name],
                _clock(stage.elapsed()),
                Text(stage.time_left(), style="dim"),
            )
            lines.append(grid)
            if stage.details():
                # No longer than the text: what a terminal echoes, such as ^C, must not begin a line of its own.
                lines.append(Text(" " * 10 + stage.details(), style="dim"))
        return Group(*lines)


class _Lines:
    """A line when a training begins or work is gone on with, one now and then, and one when a stage ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._logged: dict[str, float] = {}
        self._begun: set[tuple[str, float]] = set()

    def open(self) -> None:
        pass

    def close(self) -> None:
        pass

    def show(self, stage: _Stage) -> None:
        begun = (stage.name, stage.continued_from)
        is_news = begun not in self._begun and (bool(stage.limit) or stage.continued_from > 0)
        self._begun.add(begun)
        last = self._logged.setdefault(stage.name, stage.started)
        is_due = time.monotonic() - last >= max(LOG_INTERVAL, LOG_SHARE * stage.elapsed())
        if is_due or is_news:
            self._print(stage)

    def end(self, stage: _Stage) -> None:
        self._print(stage)

    def _print(self, stage: _Stage) -> None:
        self._logged[stage.name] = time.monotonic()
        parts = [stage.count(f" of {stage.limit}"), stage.details(), f"{stage.elapsed():.1f} s", stage.time_left()]
        line = f"{stage.name}: {', '.join(part for part in parts if part)}"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _number(value: float) -> str:
    return f"{round(value, 1):,.1f}".removesuffix(".0")


def _clock(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
