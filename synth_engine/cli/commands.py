"""The commands: each checks what it was given, runs its stages with progress, and says what it made."""

from pathlib import Path
from typing import Annotated

import typer

from synth_engine._version import __version__
from synth_engine.cli import options as opt
from synth_engine.cli import row_options as rows
from synth_engine.cli.help import Command, Group, no_command
from synth_engine.cli.running import check_output, run_stages
from synth_engine.cli.settings import for_analyze, for_generate, for_split, for_train, given
from synth_engine.domain import InputError
from synth_engine.io import check_target, write_table

app = typer.Typer(
    name="synth",
    help="Turn a table into its private, high-fidelity synthetic twin.",
    epilog="[dim]Example:[/] synth run customers.csv --primary-key customer_id --output synthetic.csv",
    cls=Group,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

_WORKSPACE = "engine-ws"


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
def run(  # noqa: PLR0913, PLR0917
    table: opt.Table,
    workspace: opt.Workspace = _WORKSPACE,
    output: opt.Output = None,
    primary_key: opt.PrimaryKey = None,
    encoding: opt.Encodings = None,
    context: opt.Context = None,
    context_primary_key: opt.ContextPrimaryKey = None,
    context_key: opt.ContextKey = None,
    context_encoding: opt.ContextEncodings = None,
    no_value_protection: opt.Unprotected = False,
    value_protection_epsilon: opt.Epsilon = None,
    delta: opt.Delta = None,
    max_epsilon: opt.MaxEpsilon = None,
    target_epsilon: opt.TargetEpsilon = None,
    noise_multiplier: opt.NoiseMultiplier = None,
    max_grad_norm: opt.MaxGradNorm = None,
    accountant: opt.Accountant = None,
    dataset_epsilon: opt.DatasetEpsilon = None,
    trn_val_split: opt.Share = 0.8,
    model: opt.Model = None,
    max_epochs: opt.Epochs = 100,
    max_training_time: opt.Minutes = 14400,
    batch_size: opt.TrainBatch = None,
    no_flexible_generation: opt.FixedOrder = False,
    model_state_strategy: opt.Strategy = "RESET",
    sample_size: rows.SampleSize = None,
    temperature: rows.Temperature = 1,
    top_p: rows.TopP = 1,
    rare: rows.RareMethod = "CONSTANT",
    rebalance: rows.Rebalance = None,
    impute: rows.Impute = None,
    fair: rows.Fair = None,
    sensitive: rows.Sensitive = None,
    n_partitions: opt.Partitions = 1,
    device: opt.Device = None,
    seed: opt.RunSeed = None,
    debug: opt.Debug = False,
) -> None:
    """All five stages: from TABLE to synthetic rows."""
    if context is not None or context_key is not None:  # before hours of work that end there
        raise NotImplementedError(
            "the model of sequences and their context is not available yet, so --context and --context-key can be used "
            "with synth split, analyze and encode only; leave them out"
        )
    privacy = given(
        value_protection_epsilon=value_protection_epsilon,
        delta=delta,
        max_epsilon=max_epsilon,
        target_epsilon=target_epsilon,
        noise_multiplier=noise_multiplier,
        max_grad_norm=max_grad_norm,
        accountant=accountant,
        dataset_epsilon=dataset_epsilon,
    )
    # A seed would undo the protection by which values it drops, so it does not reach a stage that protects.
    settings = {
        "split": for_split(
            primary_key,
            encoding,
            context_primary_key,
            context_key,
            context_encoding,
            n_partitions,
            trn_val_split,
            seed,
        ),
        "analyze": for_analyze(no_value_protection, seed if no_value_protection else None, privacy),
        "encode": {},
        "train": for_train(
            model=model,
            max_training_time=max_training_time,
            max_epochs=max_epochs,
            batch_size=batch_size,
            no_flexible_generation=no_flexible_generation,
            privacy=privacy,
            model_state_strategy=model_state_strategy,
            device=device,
            random_state=seed,
        ),
        "generate": for_generate(
            sample_size=sample_size,
            sampling_temperature=temperature,
            sampling_top_p=top_p,
            rare_category_replacement_method=rare,
            device=device,
            random_state=seed,
            rebalance=rebalance,
            impute=impute,
            fair=fair,
            sensitive=sensitive,
        ),
    }
    check_output(output, table)
    run_stages(settings, workspace, table=table, output=output)


@app.command(cls=Command)
def split(  # noqa: PLR0913, PLR0917
    table: opt.Table,
    workspace: opt.Workspace = _WORKSPACE,
    primary_key: opt.PrimaryKey = None,
    encoding: opt.Encodings = None,
    context: opt.Context = None,
    context_primary_key: opt.ContextPrimaryKey = None,
    context_key: opt.ContextKey = None,
    context_encoding: opt.ContextEncodings = None,
    trn_val_split: opt.Share = 0.8,
    n_partitions: opt.Partitions = 1,
    seed: opt.SplitSeed = 0,
    debug: opt.Debug = False,
) -> None:
    """Stage 1: read TABLE, and divide its rows, or its subjects, into those to learn from and those to check with."""
    settings = for_split(
        primary_key, encoding, context_primary_key, context_key, context_encoding, n_partitions, trn_val_split, seed
    )
    run_stages({"split": settings}, workspace, table=table, context=context)


@app.command(cls=Command)
def analyze(
    workspace: opt.Workspace = _WORKSPACE,
    no_value_protection: opt.Unprotected = False,
    value_protection_epsilon: opt.Epsilon = None,
    delta: opt.Delta = None,
    dataset_epsilon: opt.DatasetEpsilon = None,
    seed: opt.AnalyzeSeed = None,
    debug: opt.Debug = False,
) -> None:
    """Stage 2: gather what may be known of every column."""
    privacy = given(value_protection_epsilon=value_protection_epsilon, delta=delta, dataset_epsilon=dataset_epsilon)
    run_stages({"analyze": for_analyze(no_value_protection, seed, privacy)}, workspace)


@app.command(cls=Command)
def encode(workspace: opt.Workspace = _WORKSPACE, debug: opt.Debug = False) -> None:
    """Stage 3: turn the rows into integer codes."""
    run_stages({"encode": {}}, workspace)


@app.command(cls=Command)
def train(  # noqa: PLR0913, PLR0917
    workspace: opt.Workspace = _WORKSPACE,
    model: opt.Model = None,
    max_epochs: opt.Epochs = 100,
    max_training_time: opt.Minutes = 14400,
    batch_size: opt.TrainBatch = None,
    gradient_accumulation_steps: opt.Accumulation = None,
    no_flexible_generation: opt.FixedOrder = False,
    delta: opt.Delta = None,
    max_epsilon: opt.MaxEpsilon = None,
    target_epsilon: opt.TargetEpsilon = None,
    noise_multiplier: opt.NoiseMultiplier = None,
    max_grad_norm: opt.MaxGradNorm = None,
    accountant: opt.Accountant = None,
    dataset_epsilon: opt.DatasetEpsilon = None,
    model_state_strategy: opt.Strategy = "RESET",
    device: opt.Device = None,
    seed: opt.Seed = None,
    debug: opt.Debug = False,
) -> None:
    """Stage 4: train the model, until it no longer gets better."""
    settings = for_train(
        model=model,
        max_training_time=max_training_time,
        max_epochs=max_epochs,
        batch_size=batch_size,
        gradient_accumulation_steps=gradient_accumulation_steps,
        no_flexible_generation=no_flexible_generation,
        privacy=given(
            delta=delta,
            max_epsilon=max_epsilon,
            target_epsilon=target_epsilon,
            noise_multiplier=noise_multiplier,
            max_grad_norm=max_grad_norm,
            accountant=accountant,
            dataset_epsilon=dataset_epsilon,
        ),
        model_state_strategy=model_state_strategy,
        device=device,
        random_state=seed,
    )
    run_stages({"train": settings}, workspace)


@app.command(cls=Command)
def generate(  # noqa: PLR0913, PLR0917
    workspace: opt.Workspace = _WORKSPACE,
    output: opt.Output = None,
    sample_size: rows.SampleSize = None,
    temperature: rows.Temperature = 1,
    top_p: rows.TopP = 1,
    rare: rows.RareMethod = "CONSTANT",
    batch_size: rows.DrawBatch = None,
    seed_data: rows.SeedData = None,
    rebalance: rows.Rebalance = None,
    impute: rows.Impute = None,
    fair: rows.Fair = None,
    sensitive: rows.Sensitive = None,
    device: opt.Device = None,
    seed: opt.Seed = None,
    debug: opt.Debug = False,
) -> None:
    """Stage 5: draw synthetic rows. Needs of the workspace nothing but its folder ModelStore."""
    settings = for_generate(
        sample_size=sample_size,
        sampling_temperature=temperature,
        sampling_top_p=top_p,
        rare_category_replacement_method=rare,
        batch_size=batch_size,
        device=device,
        random_state=seed,
        rebalance=rebalance,
        impute=impute,
        fair=fair,
        sensitive=sensitive,
    )
    check_output(output, seed_data)
    run_stages({"generate": settings}, workspace, seed_data=seed_data, output=output)


@app.command(cls=Command)
def privacy(
    workspace: Annotated[str, typer.Argument(help="Folder or URL of a workspace.", metavar="WORKSPACE")] = _WORKSPACE,
    debug: opt.Debug = False,
) -> None:
    """What was spent of people's privacy in a workspace: every event, and what they come to."""
    from synth_engine.cli.spending import show_ledger

    show_ledger(workspace)


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
