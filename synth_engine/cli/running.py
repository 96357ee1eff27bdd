"""Running stages: progress on standard error, what was made on standard output."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from rich.console import Console

from synth_engine.cli.messages import print_line
from synth_engine.domain import InputError
from synth_engine.io import check_target, read_table, write_tables
from synth_engine.parallel import launched
from synth_engine.terminal import TerminalProgress


def run_stages(
    settings: dict[str, dict[str, Any]],
    workspace: str,
    *,
    table: str | None = None,
    context: str | None = None,
    seed_data: str | None = None,
    output: str | None = None,
) -> None:
    """Run some of the five stages.

    Args:
        settings: Arguments of each verb, by its name, in the order in which they run.
        workspace: Where their artefacts are.
        table: What `split` reads.
        context: What it reads as the context table.
        seed_data: What `generate` reads as columns that are given.
        output: Where the synthetic rows are written as well.
    """
    # Here, since with them comes pandas: a second, in which help or an error could have been shown.
    from synth_engine import stages
    from synth_engine.summary import summary_of, synthetic_parts

    sources = {"tgt_data": table, "ctx_data": context, "seed_data": seed_data}
    data = {name: read_table(path) for name, path in sources.items() if path is not None}
    is_first = launched()[0] == 0  # of the processes that torchrun started: the others keep quiet
    with _what_is_kept(), TerminalProgress() if is_first else nullcontext() as progress:
        for name, arguments in settings.items():
            verb: Callable[..., None] = getattr(stages, name)
            verb(**data, **arguments, workspace_dir=workspace, update_progress=progress)
            data.clear()
    if not is_first:
        return
    if output is not None:
        write_tables(synthetic_parts(workspace), output)
    console = Console(highlight=False)
    if console.is_terminal:
        console.line()  # between the bars and this
    console.print(summary_of(workspace, list(settings), output), soft_wrap=True)


@contextmanager
def _what_is_kept() -> Iterator[None]:
    """Of a stage that is interrupted, tell what the engine kept; typer would swallow it."""
    try:
        yield
    except KeyboardInterrupt as stop:
        for note in getattr(stop, "__notes__", []):
            print_line(note)
        raise


def check_output(output: str | None, table: str | None = None) -> None:
    """Raise `InputError` for an output that cannot be written, or that would replace the original table."""
    if output is None:
        return
    check_target(output)
    if table is not None and os.path.exists(output) and os.path.exists(table) and os.path.samefile(output, table):
        raise InputError(f"--output: expected another file than the original table, found {output}")
