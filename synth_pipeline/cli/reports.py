"""What is told of the catalogue: errors as a linter tells them, datasets as a list.

Belongs here: lines for the terminal. Does not belong here: finding what is wrong (`synth_pipeline.catalog`).
"""

import os

from rich.console import Console
from rich.table import Table
from rich.text import Text

from synth_engine.domain import without_secrets
from synth_pipeline.catalog import Catalog, CatalogError, DatasetConfig
from synth_pipeline.cli.options import printable

_WIDE = 10_000


def check_all(catalog: Catalog) -> tuple[list[str], bool]:
    """Lines about all datasets, and whether they can be made."""
    datasets, errors = catalog.load_all()
    if not datasets and not errors:
        return [f"No datasets in {catalog.folder}"], True
    n_files = len(datasets) + len(errors)
    problems = [str(problem) for error in errors.values() for problem in error.problems]
    if not problems:
        return [f"{_count(n_files, 'dataset')} in {catalog.folder}, no errors"], True
    found = f"{_count(len(problems), 'error')} in {len(errors)} of {_count(n_files, 'file')}"
    return [*map(printable, problems), found], False


def check_one(catalog: Catalog, name: str) -> tuple[list[str], bool]:
    """Lines about a dataset and those it needs, and whether it can be made."""
    try:
        catalog.load(name)
    except CatalogError as error:
        problems = [printable(str(problem)) for problem in error.problems]
        return [*problems, _count(len(problems), "error")], False
    return [f"{catalog.path(name)}: no errors"], True


def show_all(catalog: Catalog) -> None:
    """Print all datasets with what is most important of them."""
    datasets, errors = catalog.load_all()
    console = Console(highlight=False)
    if not console.is_terminal:  # other programs want a line per dataset
        console.width = _WIDE
    if not datasets and not errors:
        console.print(f"No datasets in {catalog.folder}", markup=False, soft_wrap=True)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("Dataset", "Table", "Primary key", "Belongs to", "Made"):
        table.add_column(title, overflow="fold")
    for name in sorted({*datasets, *errors}):
        if name in datasets:
            table.add_row(*(Text(printable(cell)) for cell in _row(name, datasets[name])))
        else:
            n_errors = len(errors[name].problems)
            table.add_row(Text(printable(name)), Text(f"{_count(n_errors, 'error')}: synth dataset check", "red"))
    console.print(table)


def _row(name: str, dataset: DatasetConfig) -> tuple[str, ...]:
    whose = f"{dataset.context or 'its subjects'} by {dataset.context_key}" if dataset.context_key else ""
    if dataset.given is not None:
        whose = f"the rows of {dataset.given}"
    when = [f"{dataset.cron} ({dataset.timezone})"] if dataset.cron else []
    when += ["on change"] if dataset.watch else []
    source = without_secrets(dataset.source) if "://" in dataset.source else os.path.normpath(dataset.source)
    return name, source, dataset.primary_key or "", whose, ", ".join(when) or "by hand"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
