"""The commands: each checks what it was given, runs its stages with progress, and says what it made."""

from pathlib import Path
from typing import Annotated

import typer

from synth_engine._version import __version__
from synth_engine.cli import options as opt
from synth_engine.cli import stage_options as group
from synth_engine.cli.expansion import with_options
from synth_engine.cli.extensions import ExtensibleGroup
from synth_engine.cli.help import Command, no_command
from synth_engine.cli.running import Work, check_output, from_files, run_both, run_stages
from synth_engine.cli.stage_options import WORKSPACE
from synth_engine.cli.whole_runs import check_run, related_works, work_of_table
from synth_engine.domain import InputError
from synth_engine.io import check_target, write_table

app = typer.Typer(
    name="synth",
    help="Turn a table into its private, high-fidelity synthetic twin.",
    epilog="[dim]Example:[/] synth run customers.csv --primary-key customer_id --output synthetic.csv",
    cls=ExtensibleGroup,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _synth(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", metavar="")] = False,
    debug: opt.Debug = False,
) -> None:
    if version:
        typer.echo(f"synth-engine {__version__}")
    elif context.invoked_subcommand is None:
        no_command(context)


@app.command(cls=Command)
@with_options
def run(table: opt.Table, options: group.Run, debug: opt.Debug = False) -> None:
    """All five stages: from TABLE to synthetic rows; with --context, to synthetic subjects and their events."""
    check_run(table, options)
    related = related_works(table, options)
    if related is None:
        run_stages(work_of_table(table, options))
    else:
        run_both(related)


@app.command(cls=Command)
@with_options
def split(
    table: opt.Table,
    workspace: opt.Workspace = WORKSPACE,
    *,
    columns: group.Columns,
    division: group.Division,
    seed: opt.SplitSeed = 0,
    debug: opt.Debug = False,
) -> None:
    """Stage 1: read TABLE, and divide its rows, or its subjects, into those to learn from and those to check with."""
    tables = {"tgt_data": table, "ctx_data": columns.context}
    run_stages(Work(workspace, {"split": division.settings(columns, seed)}, {"split": from_files(tables)}))


@app.command(cls=Command)
@with_options
def analyze(
    workspace: opt.Workspace = WORKSPACE,
    *,
    values: group.Values,
    seed: opt.AnalyzeSeed = None,
    debug: opt.Debug = False,
) -> None:
    """Stage 2: gather what may be known of every column."""
    run_stages(Work(workspace, {"analyze": values.settings(seed)}))


@app.command(cls=Command)
def encode(workspace: opt.Workspace = WORKSPACE, debug: opt.Debug = False) -> None:
    """Stage 3: turn the rows into integer codes."""
    run_stages(Work(workspace, {"encode": {}}))


@app.command(cls=Command)
@with_options
def train(
    workspace: opt.Workspace = WORKSPACE,
    *,
    training: group.Training,
    seed: opt.Seed = None,
    debug: opt.Debug = False,
) -> None:
    """Stage 4: train the model, until it no longer gets better."""
    run_stages(Work(workspace, {"train": training.settings(seed)}))


@app.command(cls=Command)
@with_options
def generate(
    workspace: opt.Workspace = WORKSPACE,
    output: opt.Output = None,
    *,
    rows: group.Rows,
    given: group.Given,
    seed: opt.Seed = None,
    debug: opt.Debug = False,
) -> None:
    """Stage 5: draw synthetic rows. Needs of the workspace nothing but its folder ModelStore."""
    settings = rows.settings(seed, given.batch_size)
    check_output(output, given.seed_data, given.context)
    tables = {"ctx_data": given.context, "seed_data": given.seed_data}
    run_stages(Work(workspace, {"generate": settings}, {"generate": from_files(tables)}, output))


@app.command(cls=Command)
def privacy(
    workspace: Annotated[str, typer.Argument(help="Folder or URL of a workspace.", metavar="WORKSPACE")] = WORKSPACE,
    debug: opt.Debug = False,
) -> None:
    """What was spent of people's privacy in a workspace: every event, and what they come to."""
    from synth_engine.cli.spending import show_ledger

    show_ledger(workspace)


@app.command(cls=Command)
def report(
    workspace: Annotated[str, typer.Argument(help="Folder or URL of a workspace.", metavar="WORKSPACE")] = WORKSPACE,
    name: Annotated[str | None, typer.Option(help="What the report calls the dataset.", metavar="NAME")] = None,
    qa: Annotated[bool, typer.Option("--qa", help="Ask mostlyai-qa as well; takes minutes.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Fail where the rows should not be published.")] = False,
    seed: Annotated[int, typer.Option(help="Chooses rows where not all are looked at.", metavar="NUMBER")] = 0,
    debug: opt.Debug = False,
) -> None:
    """How good and how private the synthetic rows of a workspace are: figures, a verdict, and a page to read."""
    from synth_engine.cli.reporting import show_report

    show_report(workspace, name=name, seed=seed, qa=qa, check=check)


@app.command(cls=Command)
def audit(
    workspace: Annotated[str, typer.Argument(help="Folder or URL of a workspace.", metavar="WORKSPACE")] = WORKSPACE,
    shadows: Annotated[int, typer.Option(help="How many models to train.", metavar="NUMBER", min=2)] = 8,
    targets: Annotated[int, typer.Option(help="How many people to ask about.", metavar="NUMBER", min=10)] = 100,
    rows: Annotated[int, typer.Option(help="Rows of each training, at most.", metavar="NUMBER", min=100)] = 2_000,
    max_epochs: Annotated[float, typer.Option(help="Of each training.", metavar="NUMBER", min=0.1)] = 30.0,
    seed: Annotated[int, typer.Option(help="Of coins and trainings.", metavar="NUMBER")] = 0,
    debug: opt.Debug = False,
) -> None:
    """Attack the settings of a workspace: small models with and without people who stand out. Takes minutes."""
    from synth_engine.cli.auditing import run_audit

    run_audit(workspace, n_shadows=shadows, n_targets=targets, n_rows=rows, max_epochs=max_epochs, seed=seed)


@app.command(cls=Command)
def demo(
    customers: Annotated[Path, typer.Argument(help="Where to write the customers: .csv, .parquet, …", metavar="FILE")],
    orders: Annotated[Path | None, typer.Option(help="Also write their orders to this file.", metavar="FILE")] = None,
    rows: Annotated[int, typer.Option(help="How many customers.", metavar="NUMBER", min=0)] = 10_000,
    seed: Annotated[int, typer.Option(help="Other seeds give other people.", metavar="NUMBER", min=0)] = 0,
    debug: opt.Debug = False,
) -> None:
    """Write a table to try things on: the customers of an invented shop, and their orders."""
    import pyarrow as pa

    from synth_engine.demo import make_shop

    targets = [customers] if orders is None else [customers, orders]
    for target in targets:
        check_target(target)
    if orders == customers:
        raise InputError(f"--orders: expected another file than that of the customers, found {orders}")
    shop = make_shop(rows, seed=seed)
    for target, frame in zip(targets, (shop.customers, shop.orders), strict=False):
        write_table(pa.Table.from_pandas(frame, preserve_index=False), target)
        typer.echo(f"Wrote {len(frame):,} rows to {target}")
