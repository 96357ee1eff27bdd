"""The commands about datasets: write one for a table, check them, list them, and the schema of their files."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from upath import UPath

from synth_engine.cli import Command, Debug, Group, no_command, with_options
from synth_engine.domain import InputError
from synth_pipeline.cli.options import Root, Table, Wish, printable
from synth_pipeline.places import (
    HOME_VARIABLE,
    STORAGE_VARIABLE,
    datasets_folder,
    default_root,
    opened,
    root_below,
    usual_home,
)

if TYPE_CHECKING:
    from synth_pipeline.catalog import Catalog

app = typer.Typer(
    help="Datasets of the pipeline: what is said of each in its YAML file.",
    epilog="[dim]Example:[/] synth dataset add customers.csv",
    cls=Group,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
_EXIT_USER_ERROR = 2


@app.callback(invoke_without_command=True)
def _dataset(context: typer.Context, debug: Debug = False) -> None:
    if context.invoked_subcommand is None:
        no_command(context)


@app.command(cls=Command)
@with_options
def add(table: Table, wish: Wish, storage: Root = None, debug: Debug = False) -> None:
    """Write the file of a dataset for TABLE, with keys and encodings that were found and comments that explain them."""
    from synth_pipeline.cli.adding import add_dataset

    for line in add_dataset(_root(storage), _catalog(storage), table, wish):
        typer.echo(printable(line))


@app.command(cls=Command)
def check(
    name: Annotated[str | None, typer.Argument(help="Only this dataset, and those it needs.", metavar="[NAME]")] = None,
    storage: Root = None,
    debug: Debug = False,
) -> None:
    """Check the files of all datasets: what is wrong is told with its line, and the command ends with 2."""
    from synth_pipeline.cli.reports import check_all, check_one

    catalog = _catalog(storage)
    lines, is_good = check_all(catalog) if name is None else check_one(catalog, name)
    for line in lines:
        typer.echo(line)
    if not is_good:
        raise typer.Exit(_EXIT_USER_ERROR)


@app.command("list", cls=Command)
def list_datasets(storage: Root = None, debug: Debug = False) -> None:
    """List all datasets: where their tables are, what they need, when they are made."""
    from synth_pipeline.cli.reports import show_all

    show_all(_catalog(storage))


@app.command(cls=Command)
def schema(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write it to this file.", metavar="FILE")
    ] = None,
    debug: Debug = False,
) -> None:
    """The JSON schema of a dataset's file, by which editors complete and check it."""
    from synth_pipeline.catalog.schema import schema_text

    if output is None:
        typer.echo(schema_text(), nl=False)
        return
    if output.is_dir():
        raise InputError(f"--output: expected the name of a file, found the folder {output}")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(schema_text(), encoding="utf-8")
    typer.echo(f"Wrote {output}")


@app.command(cls=Command)
def verify(
    folder: Annotated[str, typer.Argument(help="Folder or URL of what was published.", metavar="FOLDER")],
    key: Annotated[
        Path | None, typer.Option(help="Public key of whoever is to have signed, as PEM.", metavar="FILE")
    ] = None,
    debug: Debug = False,
) -> None:
    """Check what was published: its signature, and every file against the evidence. Ends with 1 where it is not so."""
    from synth_pipeline.release import verify as verified

    holds, wrong = verified(UPath(folder), key)
    for line in holds:
        typer.echo(f"✓ {printable(line)}")
    for line in wrong:
        typer.echo(f"✗ {printable(line)}")
    if wrong:
        raise typer.Exit(1)


def _catalog(storage: str | None) -> "Catalog":
    from synth_pipeline.catalog import Catalog

    return Catalog(datasets_folder(_root(storage)))


def _root(storage: str | None) -> UPath:
    """The storage that is named, that of the environment, or that of the repository's pipeline."""
    if storage is not None and not storage.strip():
        raise InputError("--storage: expected a folder or a URL, found an empty text")
    is_said = any(os.environ.get(variable) for variable in (STORAGE_VARIABLE, HOME_VARIABLE))
    text = storage or (default_root() if is_said else root_below(usual_home()))
    try:
        root = opened(text)
        _ = root.fs
    except (ImportError, ValueError) as error:
        raise InputError(f"--storage: {text!r} is not a folder or URL that can be opened: {error}") from None
    return root if "://" in text else UPath(Path(text).expanduser().absolute())
