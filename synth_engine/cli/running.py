"""Running stages: progress on standard error, what was made on standard output."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rich.console import Console
from rich.text import Text

from synth_engine.cli.messages import print_line
from synth_engine.cli.settings import Settings
from synth_engine.cli.spending import together
from synth_engine.domain import InputError
from synth_engine.io import check_target, read_table, write_tables
from synth_engine.parallel import launched
from synth_engine.terminal import TerminalProgress

Tables = dict[str, Callable[[], Any]]
# What tells whether the two tables are what they should be, before hours of training.
_BEFORE_TRAINING = ("split", "analyze", "encode")


@dataclass(frozen=True)
class Work:
    """Some of the five stages in one workspace.

    Args:
        workspace: Where their artefacts are.
        settings: Arguments of each verb, by its name, in the order in which they run.
        tables: For each verb, how to read the tables that it takes; they are read when it is their turn.
        output: Where the synthetic rows are written as well.
    """

    workspace: str
    settings: Mapping[str, Settings]
    tables: Mapping[str, Tables] = field(default_factory=dict)
    output: str | None = None


def from_files(paths: Mapping[str, str | None]) -> Tables:
    """How to read tables, by the parameter of a verb that takes them; those without a file are left out."""
    return {name: partial(read_table, path) for name, path in paths.items() if path is not None}


def run_stages(work: Work) -> None:
    """Run some stages, and say what they made."""
    with _what_is_kept():
        _run(work, work.settings)
    _tell({"": work})


@dataclass(frozen=True)
class Related:
    """Two works, of which the second takes what the first one makes.

    Args:
        first: What is to be done first, all of it.
        second: Its last stages take what was made.
        names: What the two make.
        given: What the second one takes.
    """

    first: Work
    second: Work
    names: tuple[str, str]
    given: str


def run_both(related: Related) -> None:
    """All stages of two works. What can be wrong with either shows before the first training."""
    first, second = related.names
    parts = [
        (f"{second}: up to their codes", related.second, _BEFORE_TRAINING),
        (first, related.first, tuple(related.first.settings)),
        (f"{second}: for the synthetic {related.given}", related.second, ("train", "generate")),
    ]
    with _what_is_kept():
        for title, work, stages in parts:
            if _is_first():
                Console(stderr=True, highlight=False).print(Text(title, style="bold"))
            _run(work, stages)
    _tell({first: related.first, second: related.second})


def _run(work: Work, names: Collection[str]) -> None:
    # Here, since with them comes pandas: a second, in which help or an error could have been shown.
    from synth_engine import stages

    with TerminalProgress() if _is_first() else nullcontext() as progress:
        for name in names:
            verb: Callable[..., None] = getattr(stages, name)
            tables = {parameter: read() for parameter, read in work.tables.get(name, {}).items()}
            verb(**tables, **work.settings[name], workspace_dir=work.workspace, update_progress=progress)


def _is_first() -> bool:
    """Of the processes that torchrun started; the others keep quiet."""
    return launched()[0] == 0


def _tell(works: Mapping[str, Work]) -> None:
    from synth_engine.summary import summary_of, synthetic_parts

    if not _is_first():
        return
    console = Console(highlight=False)
    for title, work in works.items():
        if work.output is not None:
            write_tables(synthetic_parts(work.workspace), work.output)
        if console.is_terminal or title:
            console.line()  # between the bars and this
        if title:
            console.print(Text(title, style="bold"))
        console.print(summary_of(work.workspace, list(work.settings), work.output), soft_wrap=True)
    spent = together([work.workspace for work in works.values()]) if len(works) > 1 else None
    if spent is not None:
        console.line()
        console.print(spent, soft_wrap=True)


@contextmanager
def _what_is_kept() -> Iterator[None]:
    """Of a stage that is interrupted, tell what the engine kept; typer would swallow it."""
    try:
        yield
    except KeyboardInterrupt as stop:
        for note in getattr(stop, "__notes__", []):
            print_line(note)
        raise


def check_output(output: str | None, *originals: str | None, option: str = "--output") -> None:
    """Raise `InputError` for an output that cannot be written, or that would replace an original table."""
    if output is None:
        return
    check_target(output)
    for table in originals:
        if table is not None and os.path.exists(output) and os.path.exists(table) and os.path.samefile(output, table):
            raise InputError(f"{option}: expected another file than the original table, found {output}")
