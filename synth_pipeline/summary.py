"""What runs of the job made, for people in front of a terminal.

Belongs here: which of the assets' metadata are shown there, and how. Does not belong here: running (`demo`), what the
browser shows (`metadata`).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from synth_pipeline.resources import Storage

Shown = Mapping[str, Mapping[str, Any]]
"""Metadata of each asset that a run made or kept, by stage."""


def print_summary(console: Console, storage: Storage, results: Mapping[str, Shown]) -> None:
    """What was done, how good it is, and where to look.

    Args:
        console: Where to print.
        storage: Where the datasets are.
        results: By dataset, in the order in which they were made.
    """
    _print_rows(console, "What was done", {name: _stages(shown) for name, shown in results.items()})
    _print_rows(console, "How good it is", {name: _figures(shown["generate"]) for name, shown in results.items()})
    console.print("\n[bold]Where to look[/]")
    several = len(results) > 1
    places = {f"synthetic {name if several else 'table'}": _files(shown) for name, shown in results.items()}
    places["settings"] = str(storage.catalog.folder if several else storage.catalog.path(*results))
    places["all the rest"] = "make ui, then http://127.0.0.1:3000/assets/synthetic_data"
    width = 3 + max(map(len, places))
    for told, place in places.items():  # no table: it would cut long paths off
        console.print(f"{told:<{width}}{place}", markup=False, highlight=False, soft_wrap=True)


def _print_rows(console: Console, title: str, rows: Mapping[str, Iterable[tuple[str, ...]]]) -> None:
    """Rows of each dataset; its name is in front of the first, if there are several."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    for name, of_dataset in rows.items():
        for place, row in enumerate(of_dataset):
            table.add_row(*([name if place == 0 else ""] if len(rows) > 1 else []), *row)
    console.print(f"\n[bold]{title}[/]")
    console.print(table)


def _stages(results: Shown) -> list[tuple[str, ...]]:
    return [
        (stage, _told(stage, shown), f"{shown['seconds']:.1f} s" if shown["rebuilt"] else "unchanged")
        for stage, shown in results.items()
    ]


def _told(stage: str, shown: Mapping[str, Any]) -> str:
    """The one line about a stage's result."""
    if stage == "split":
        if "training_subjects" in shown:
            subjects = shown["training_subjects"] + shown["validation_subjects"]
            return f"{shown['dagster/row_count']:,} rows of {subjects:,} subjects"
        return f"{shown['training_rows']:,} training and {shown['validation_rows']:,} validation rows"
    if stage == "analyze":
        least, most = (shown.get(f"{which}_events_per_subject") for which in ("least", "most"))
        lengths = "" if least == most else f", sequences of {least:,} to {most:,} rows"
        return f"{shown['columns']:,} columns to model{lengths}"
    if stage == "encode":
        is_written = "written_columns" in shown
        return (
            f"{shown['written_columns']:,} columns of text"
            if is_written
            else f"{shown['sub_columns']:,} columns of codes"
        )
    if stage == "train":
        loss = shown.get("best_validation_loss")
        best = "" if loss is None else f", best validation loss {loss:.3f} (epoch {shown['best_epoch']:g})"
        return f"{shown['epochs']:g} epochs{best}"
    subjects = f" of {shown['subjects']:,} subjects" if "subjects" in shown else ""
    return f"{shown['dagster/row_count']:,} synthetic rows{subjects}"


def _figures(synthetic: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for kind, told in (("univariate", "accuracy, single columns"), ("bivariate", "accuracy, pairs of columns")):
        if f"{kind}_accuracy" in synthetic:
            ceiling = f"(of {synthetic[f'{kind}_accuracy_ceiling']:.3f} that real rows reach)"
            rows.append((told, f"{synthetic[f'{kind}_accuracy']:.3f} {ceiling}"))
    if "quality" in synthetic:
        rows.append(("accuracy", synthetic["quality"]))
    if "subjects" in synthetic:
        original = synthetic["events_per_subject_of_original"]
        rows.append(("rows per subject", f"{synthetic['events_per_subject']:.2f} (in the original {original:.2f})"))
    if "context" in synthetic:
        rows.append(("keys", f"all refer to synthetic {synthetic['context']}"))
    rows.append(("value protection", "on" if synthetic["value_protection"] else "off: rare values can appear"))
    rows.append(("differential privacy", synthetic["differential_privacy"]))
    return rows


def _files(results: Shown) -> str:
    return str(results["generate"]["files"].value)
